"""Decoders of known behaviour, small enough to enumerate every sentence."""

import itertools

import torch
from torch import Tensor

from undersong.data.batch import BOS, EOS, SPECIAL, Batch
from undersong.nets import Decoder, State


class TableDecoder(Decoder):
    """Any distribution at all: log p(next | all words before, z), made at random from the whole prefix.

    The prefix is hashed into a row of a random table, so that no two prefixes need behave alike. Sentences are short
    unless ``ending``, added to the end's logits, makes them long: then an early end does not win every search.
    """

    def __init__(self, vocab: int, latent: int, seed: int = 0, sharpness: float = 2.0, ending: float = 0.0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.randn(997, vocab, generator=generator, dtype=torch.float64) * sharpness
        self.table[:, EOS] += ending

    def log_prob(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z): [S, B]."""
        rows = []
        for sample in z:
            state, total = self.start(sample), torch.zeros(len(x), dtype=torch.float64)
            for t in range(x.inputs.shape[1]):
                log_p, state = self.step(x.inputs[:, t], state)
                total += log_p.gather(1, x.targets[:, t : t + 1]).squeeze(1) * x.mask[:, t]
            rows.append(total)
        return torch.stack(rows)

    def start(self, z: Tensor) -> State:
        """The hash of nothing, which z alone decides."""
        return State(((z * 1000).long().sum(-1).abs() % 997,))

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """Hash one more word."""
        place = (state.tensors[0] * 31 + token * 7 + 1) % 997
        return self.table[place].log_softmax(-1), State((place,))


def every_sentence(words: list[int], limit: int) -> list[list[int]]:
    """All sentences of at most ``limit`` words."""
    return [list(s) for n in range(limit + 1) for s in itertools.product(words, repeat=n)]


def log_probs(decoder: Decoder, z: Tensor, sentences: list[list[int]]) -> Tensor:
    """log p(x|z) of each sentence for one z [D]: [number of sentences]."""
    x = Batch.of(sentences)
    return decoder.log_prob(x, z.expand(1, len(x), -1))[0]


WORDS = [1, *range(len(SPECIAL), 7)]  # the unknown word and three others
assert BOS not in WORDS
assert EOS not in WORDS
