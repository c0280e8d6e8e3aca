"""Small corpora and models, for runs of a second or two."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from undersong.data.store import SPLITS, Corpus
from undersong.data.tokens import Tokenizer
from undersong.data.writer import SplitWriter
from undersong.inference import Amortized
from undersong.learning import Gradient, Run, train
from undersong.models import VAE
from undersong.nets import RecurrentDecoder, RecurrentEncoder

WORDS = [f"w{i}" for i in range(46)]


def make_corpus(folder: Path, train_size: int = 240, held: int = 60, words: int = 46) -> Path:
    """A store of random sentences in which each word makes the next likely."""
    random = np.random.default_rng(0)
    tokenizer = Tokenizer.of_words(WORDS[:words])
    folder.mkdir(parents=True)
    tokenizer.save(folder / "tokenizer.json")
    for name, count in zip(SPLITS, (train_size, held, held), strict=True):
        writer = SplitWriter(folder / f"{name}.arrow", len(tokenizer), False)
        for _ in range(count):
            length = int(random.integers(3, 9))
            ids = 4 + (random.integers(words) + np.arange(length) * int(random.integers(1, 4))) % words
            writer.append(ids, np.array([length]), None)
        writer.close()
    info = {"hash": f"random-{train_size}-{words}", "vocab_size": len(tokenizer), "labels": None}
    (folder / "corpus.json").write_text(json.dumps({**info, "settings": {"lowercase": True}}))
    Corpus.open(folder)
    return folder


TINY: dict[str, Any] = {
    "model": partial(
        VAE, latent=4, decoder=partial(RecurrentDecoder, embedding=6, hidden=8, word_dropout=0.3, dropout=0.1)
    ),
    "inference": partial(Amortized, encoder=partial(RecurrentEncoder, embedding=6, hidden=8)),
    "learner": partial(Gradient, lr=0.01),
    "sentences": 24,
    "epochs": 3,
    "precision": "fp32",
    "device": "cpu",
    "threads": 1,
    "quiet": True,
}


def learn(corpus: Path, out: Path, **changes: Any) -> Run:
    """One tiny run."""
    (run,) = train(corpus, out=out, **{**TINY, **changes})
    return run


def last_weights(out: Path) -> dict[str, bytes]:
    """The newest checkpoint's tensors, by name, as bytes."""
    newest = sorted((out / "checkpoints").glob("step-*"))[-1]
    return {name: (newest / name).read_bytes() for name in ("weights.safetensors", "learner.safetensors")}
