"""K experts that each score whole sentences: one decoder that is told which expert it is, or a decoder for each.

    log p(x | z = k, c) = log RNNLM(x; [e_k; c])        or        log RNNLM_k(x; c)

Told, the experts share all parameters but e_k, and the products of the words they read are made once for all K; apart,
they share none (tutorial, eq. 4). Knows nothing of how probable each expert is.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from undersong.data.batch import BOS, EOS, PAD, Batch
from undersong.nets.base import Decoder, names_ends


class Experts(nn.Module):
    """p(x|z = k, c) for every k.

    Args:
        vocab: V.
        count: K.
        features: size F of the context c that all experts read; 0 for none.
        code: size of e_k; not used where decoders are ``separate``.
        decoder: the net, given V and the size of what it is told.
        separate: a decoder for each expert.
    """

    def __init__(
        self,
        vocab: int,
        count: int,
        features: int,
        code: int,
        decoder: Callable[[int, int], Decoder],
        separate: bool,
    ):
        super().__init__()
        self.count = count
        self.codes = None if separate else nn.Parameter(torch.randn(count, code))
        size = features if separate else code + features
        self.decoders = nn.ModuleList(decoder(vocab, size) for _ in range(count if separate else 1))
        self.event = self._decoder(0).event

    def forward(self, x: Batch, context: Tensor) -> Tensor:
        """log p(x|z = k, c) of what the decoder's ``event`` says, for c [B, F]: [B, K], nats."""
        told = self._told(context.expand(self.count, -1, -1), torch.arange(self.count, device=context.device)[:, None])
        if self.codes is not None:
            return self._decoder(0).log_prob(x, told).T
        return torch.cat([self._decoder(k).log_prob(x, told[k : k + 1]) for k in range(self.count)]).T

    @torch.no_grad()
    def write(self, z: Tensor, context: Tensor, max_words: int, generator: torch.Generator | None = None) -> Batch:
        """One sentence from each expert z [N], given c [N, F]: word by word from p(word|words before)."""
        told = self._told(context, z)
        words = torch.full((len(z), max_words), PAD, device=z.device)
        owners = torch.zeros_like(z) if self.codes is not None else z
        for k in owners.unique().tolist():
            rows = (owners == k).nonzero()[:, 0]
            words[rows] = write(self._decoder(k), told[rows], max_words, generator)
        lengths = (words != PAD).sum(1)
        return Batch(words[:, : max(1, int(lengths.max()))], lengths, torch.arange(len(z), device=z.device))

    def _told(self, context: Tensor, z: Tensor) -> Tensor:
        if self.codes is None:
            return context
        codes = self.codes[z].expand(*context.shape[:-1], -1)
        return torch.cat([codes, context], -1)

    def _decoder(self, k: int) -> Decoder:
        decoder = self.decoders[k]
        assert isinstance(decoder, Decoder)
        return decoder


@torch.no_grad()
def write(decoder: Decoder, z: Tensor, max_words: int, generator: torch.Generator | None = None) -> Tensor:
    """Sentences from p(x|z) for z [N, D], word by word, cut off at ``max_words``: int64 [N, max_words], padded.

    Of a decoder that scores no ends each has as many.
    """
    words = torch.full((len(z), max_words), PAD, device=z.device)
    token = torch.full((len(z),), BOS, device=z.device)
    state = decoder.start(z)
    writing = torch.ones_like(token, dtype=torch.bool)
    never = [PAD, BOS] if names_ends(decoder.event) else [PAD, BOS, EOS]
    for place in range(max_words):
        log_p, state = decoder.step(token, state)
        log_p[:, never] = -torch.inf
        token = torch.multinomial(log_p.softmax(-1), 1, generator=generator)[:, 0]
        writing = writing & (token != EOS)
        if not writing.any():
            break
        words[:, place] = token.masked_fill(~writing, PAD)
    return words
