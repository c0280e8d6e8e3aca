"""Posterior means of a trained run as sentence vectors: E_{q(z|x)}[z], to be clustered.

Knows nothing of what the run's model is, only that its posterior has a mean.
"""

from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.draw import FINAL
from undersong.errors import UserError
from undersong.learning.run import Run
from undersong.nets.sentence_vectors import SentenceVectors


class PosteriorMeans(SentenceVectors):
    """For ``GaussianMixture``: what a VAE's encoder says of each sentence.

    The run is read again wherever the mixture is used, so it must stay where and as it is: if it is trained on, its
    means lie in another space, and the mixture's run is refused.

    Args:
        vocab: V; follows from the corpus, which must be the one the run was trained on.
        run: the trained run's folder.

    Raises:
        UserError: there is no such run, its vocabulary is another, or its z is no vector.
    """

    def __init__(self, vocab: int, run: Path):
        super().__init__()
        trained = Run.load(run)
        if trained.info["vocab_size"] != vocab:
            raise UserError(
                f"{run} was trained on {trained.info['vocab_size']} words, and this corpus has {vocab}: use a run that "
                "was trained on the same corpus."
            )
        self.made_of = trained.tokenizer.mark
        content = b"".join(t.cpu().numpy().tobytes() for t in trained.system.state_dict().values())
        digest = sha256(content).hexdigest()[:8]
        self.width, self.mark = trained.system.model.latent, f"{digest} of {trained.name} at step {trained.step}"
        self._trained = (trained.system,)  # in a tuple: its parameters are not the mixture's

    @torch.no_grad()
    def forward(self, x: Batch) -> Tensor:
        """E[z|x]: [B, D].

        Raises:
            UserError: the posterior has no mean.
        """
        system = self._trained[0].to(x.tokens.device)
        try:
            return system.posterior(x, FINAL).mean
        except NotImplementedError:
            raise UserError("The run's z is no vector, so it has no mean: use a run of a VAE.") from None
