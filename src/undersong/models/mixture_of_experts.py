"""The mixture of experts (Jacobs et al. 1991; tutorial, section 4.1): which expert writes depends on a context.

    p(x | c) = sum_k p(z = k | c) p(x | z = k, c),    p(z | c) = softmax(W f(c) + b)

c is what the ``context`` says it is: the sentence's first words (the rest is then what is written), or its label. It is
given and never scored, so that its likelihood compares only with that of models that are given the same. Knows nothing
of what the context is made of.
"""

import re
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.models.mixture import Mixture
from undersong.nets import Decoder, RecurrentDecoder
from undersong.nets.base import WORDS_AND_END
from undersong.nets.context import Context, FirstWords
from undersong.nets.experts import Experts
from undersong.settings import need


class MixtureOfExperts(Configurable, nn.Module, Mixture):
    """A gate chooses an expert, and the expert writes.

    Args:
        vocab: V; follows from the corpus.
        latent: K, the number of experts.
        code: size of an expert's vector, which the shared decoder reads.
        context: what is given, given V.
        decoder: the net, given V and the size of what it reads beside words.
        separate: a decoder for each expert, which share nothing but the context's features.

    >>> model = MixtureOfExperts(50, latent=3)
    >>> model.posterior(Batch.of([[5, 6, 7, 8], [9]])).log_partition.shape
    torch.Size([2])
    """

    def __init__(
        self,
        vocab: int,
        latent: int = 5,
        code: int = 32,
        context: Callable[[int], Context] = FirstWords,
        decoder: Callable[[int, int], Decoder] = RecurrentDecoder,
        separate: bool = False,
    ):
        super().__init__()
        need(1, latent=latent)
        need(0 if separate else 1, code=code)
        self.vocab, self.latent = vocab, latent
        self.context = context(vocab)
        self.reads = self.context.reads
        self.gate = nn.Linear(self.context.width, latent)
        self.experts = Experts(vocab, latent, self.context.width, code, decoder, separate)
        self.ends = self.experts.event == WORDS_AND_END
        self.event = self.context.event if self.ends else re.sub(",? and end of sentence", "", self.context.event)

    def log_weights(self, x: Batch | None = None) -> Tensor:
        """log p(z = k|c): [B, K], nats.

        Raises:
            ValueError: without a sentence there is no context, and no prior.
        """
        if x is None:
            raise ValueError("A mixture of experts has no prior without a context: give the sentences.")
        return self._gated(self.context(x))

    def log_likelihoods(self, x: Batch) -> Tensor:
        """log p(x|z = k, c) of what the context leaves, for every k: [B, K], nats."""
        return self.experts(self.context.rest(x), self.context(x))

    def parts(self, x: Batch) -> tuple[Tensor, Tensor]:
        """Both of one context, dropout and all: [B, K] each."""
        features = self.context(x)
        return self._gated(features), self.experts(self.context.rest(x), features)

    def scored_tokens(self, lengths: NDArray[np.int32]) -> NDArray[np.int64]:
        """Of sentences of so many words, how many words and ends are scored."""
        return self.context.scored_tokens(lengths) - (not self.ends)

    def _gated(self, features: Tensor) -> Tensor:
        return self.gate(features).log_softmax(-1)

    @torch.no_grad()
    def respond(
        self, x: Batch, *, max_words: int = 100, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Batch]:
        """For each sentence's context, an expert z [B] and what it writes: (z, sentences)."""
        z = torch.multinomial(self.log_weights(x).exp(), 1, generator=generator)[:, 0]
        return z, self.experts.write(z, self.context(x), max_words, generator)
