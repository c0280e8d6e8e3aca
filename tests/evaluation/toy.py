"""A corpus small enough to know by heart, and parts of a model whose answers are planted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.data.store import Corpus, Split
from undersong.data.tokens import Tokenizer
from undersong.decoding.constraint import Constraint
from undersong.decoding.search import Hypothesis, Search
from undersong.estimators import Pathwise
from undersong.families import DiagonalGaussian, PointMass
from undersong.inference import Amortized, Exact, Inference
from undersong.learning.system import System
from undersong.models import VAE, LanguageModel
from undersong.models.base import Model
from undersong.nets import Decoder, RecurrentDecoder, RecurrentEncoder
from undersong.objectives import ELBO

WORDS = [f"w{i}" for i in range(12)]
CLASSES = 3


def toy_corpus(folder: Path, train: int = 300, test: int = 40, labelled: bool = True, seed: int = 0) -> Corpus:
    """Random sentences; the first word tells the class, as does every other word of it."""
    tokenizer = Tokenizer.of_words(WORDS)
    info = {
        "vocab_size": len(tokenizer),
        "labels": ["a", "b", "c"] if labelled else None,
        "hash": f"toy-{seed}-{train}-{labelled}",
        "settings": {"lowercase": True},
    }
    corpus, random = Corpus(folder, info), np.random.default_rng(seed)
    corpus.__dict__["tokenizer"] = tokenizer
    for name, size in (("train", train), ("valid", test), ("test", test)):
        labels = random.integers(0, CLASSES, size)
        lengths = random.integers(3, 9, size)
        sentences = [
            (4 + label * 4 + random.integers(0, 4, n)).tolist() for label, n in zip(labels, lengths, strict=True)
        ]
        corpus.__dict__[name] = split_of(sentences, labels if labelled else None, tokenizer)
    return corpus


def split_of(sentences: list[list[int]], labels: np.ndarray | None, tokenizer: Tokenizer) -> Split:
    """Sentences of ids as a split."""
    offsets = np.cumsum([0, *map(len, sentences)])
    flat = np.array([i for s in sentences for i in s], dtype=np.uint16)
    return Split(flat, offsets, None if labels is None else labels.astype(np.int32), tokenizer)


def vae(corpus: Corpus, latent: int = 4, point: bool = False, seed: int = 0) -> System:
    """An untrained VAE; with ``point`` an autoencoder."""
    torch.manual_seed(seed)

    def decoder(vocab: int, dim: int) -> Decoder:
        return RecurrentDecoder(vocab, dim, embedding=6, hidden=8)

    def encoder(vocab: int) -> RecurrentEncoder:
        return RecurrentEncoder(vocab, embedding=6, hidden=8)

    family: Callable[[int], nn.Module] = PointMass if point else DiagonalGaussian
    model = VAE(corpus.vocab_size, latent, decoder)
    return System(model, Amortized(corpus.vocab_size, latent, encoder, family), Pathwise(), ELBO())


def language_model(corpus: Corpus) -> System:
    """An untrained language model."""
    torch.manual_seed(0)
    model = LanguageModel(corpus.vocab_size, lambda vocab, dim: RecurrentDecoder(vocab, dim, embedding=6, hidden=8))
    return System(model, Exact(corpus.vocab_size, 0), Pathwise(), ELBO())


class Planted(Inference):
    """A posterior whose mean is what ``means`` makes of a batch."""

    def __init__(self, latent: int, means: Callable[[Batch], Tensor]):
        super().__init__()
        self.family, self.means = DiagonalGaussian(latent), means

    def forward(self, model: Model, x: Batch, step: int) -> Distribution:
        """q(z|x) with the planted means and unit variances."""
        means = self.means(x)
        return self.family(torch.cat([means, torch.zeros_like(means)], -1))


def classes(x: Batch) -> Tensor:
    """The class, as a vector."""
    assert x.labels is not None
    return nn.functional.one_hot(x.labels, CLASSES).float()


def noise(x: Batch) -> Tensor:
    """Numbers that say nothing of the class: keyed by the row."""
    return torch.stack([torch.randn(CLASSES, generator=torch.Generator().manual_seed(int(i))) for i in x.index])


class Told(Search):
    """Writes the sentences it was told, by the key of each; words given replace theirs."""

    def __init__(self, sentences: dict[int, list[int]]):
        self.sentences = sentences

    def run(self, decoder: Decoder, z: Tensor, rule: Constraint, keys: Tensor, seed: int) -> list[Hypothesis]:
        """The told sentence of each key."""
        return [Hypothesis(list(self.sentences[int(key)]), 0.0, 0.0) for key in keys]
