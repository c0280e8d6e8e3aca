"""Tiny runs, really trained, for all tests of reports."""

import random
from functools import partial
from pathlib import Path

import pytest

from undersong.data.prepare import prepare
from undersong.evaluation import evaluate
from undersong.families import PointMass
from undersong.inference import Amortized
from undersong.learning import Gradient, train
from undersong.models import VAE, LanguageModel
from undersong.nets import RecurrentDecoder, RecurrentEncoder
from undersong.objectives import ELBO, Autoencoder, AutoGen

WORDS = ["the", "a", "old", "dog", "cat", "barks", "sleeps", "that", "<script>", "&", '"', "'", ",", "home", "again"]
decoder, encoder = partial(RecurrentDecoder, embedding=6, hidden=8), partial(RecurrentEncoder, embedding=6, hidden=8)
vae = partial(VAE, latent=2, decoder=decoder)


def corpus(folder: Path, seed: int) -> Path:
    chosen = random.Random(seed)
    lines = {" ".join(chosen.choices(WORDS, k=chosen.randint(5, 12))) for _ in range(300)}
    source = folder / f"lines-{seed}.txt"
    source.write_text("\n".join(sorted(lines)), encoding="utf-8")
    prepare(str(source), out=folder / f"corpus-{seed}")
    return folder / f"corpus-{seed}"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five runs: on one corpus a VAE, an AutoGen model, a language model and an autoencoder; a VAE on another."""
    home = tmp_path_factory.mktemp("home")
    one, other = corpus(home, 1), corpus(home, 2)
    amortized = partial(Amortized, encoder=encoder)
    settings = {"sentences": 32, "steps": 8, "validation_steps": 4, "quiet": True, "device": "cpu", "threads": 1}
    settings |= {"precision": "fp32"}
    train(one, out=home / "vae", model=vae, inference=amortized, objective=ELBO(), **settings)
    fast = partial(Gradient, lr=0.1)  # so that the two do not write the same sentences
    autogen = AutoGen(m=1.0)
    train(one, out=home / "<b>$autogen", model=vae, inference=amortized, objective=autogen, learner=fast, **settings)
    train(one, out=home / "lm", model=partial(LanguageModel, decoder=decoder), **settings)
    point = partial(Amortized, encoder=encoder, family=PointMass)
    train(one, out=home / "autoencoder", model=vae, inference=point, objective=Autoencoder(), **settings)
    train(other, out=home / "elsewhere", model=vae, inference=amortized, objective=ELBO(), **settings)
    for run in ("vae", "<b>$autogen", "lm", "autoencoder", "elsewhere"):
        evaluate(home / run, split="test", samples=4)
    return home
