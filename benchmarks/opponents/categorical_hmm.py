"""hmmlearn's ``CategoricalHMM`` for one step of EM, as its users write it: ``fit`` with ``n_iter=1`` on a given start.

The opponent of `hmm_em`: all sentences in one column with their lengths beside it, made before the clock starts.
Between two runs only the tables it has changed are put back. Its advice about the number of parameters is silenced.
"""

import logging

import numpy as np
from hmmlearn.hmm import CategoricalHMM
from numpy.typing import NDArray

Tables = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


class OneStep:
    """One EM step from given tables.

    Args:
        words: all words of all sentences, one after another.
        lengths: of the sentences.
        start: initial [K], transition [K, K] and emission [K, V] probabilities.
        implementation: ``"log"``, hmmlearn's default, or ``"scaling"``.
    """

    def __init__(self, words: NDArray[np.int64], lengths: NDArray[np.int64], start: Tables, implementation: str):
        logging.getLogger("hmmlearn").setLevel(logging.ERROR)
        self.column, self.lengths, self.start, self.implementation = words[:, None], lengths, start, implementation

    def __call__(self) -> tuple[float, Tables]:
        """Log-likelihood of the start, and the tables after the step."""
        states, vocabulary = self.start[2].shape
        model = CategoricalHMM(
            states, n_iter=1, init_params="", n_features=vocabulary, implementation=self.implementation
        )
        model.startprob_, model.transmat_, model.emissionprob_ = self.start
        model.fit(self.column, self.lengths)
        return model.monitor_.history[-1], (model.startprob_, model.transmat_, model.emissionprob_)
