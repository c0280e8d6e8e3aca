"""A small trained-like run: random weights, a real tokenizer."""

from dataclasses import dataclass
from functools import partial

import torch

from undersong.data.tokens import Tokenizer
from undersong.estimators import Pathwise
from undersong.inference import Amortized, Exact
from undersong.learning.system import System
from undersong.models import VAE, LanguageModel
from undersong.nets import RecurrentDecoder, RecurrentEncoder
from undersong.objectives import ELBO

VOCABULARY = ["a", "dog", "cat", "sheep", "barks", "that", "herds", ".", "old", "the"]


@dataclass(frozen=True)
class SmallRun:
    """A system and its tokenizer."""

    system: System
    tokenizer: Tokenizer


def vae(seed: int = 0, **options) -> SmallRun:
    """A VAE whose z speaks loudly, so that sentences differ."""
    torch.manual_seed(seed)
    decoder, encoder = (
        partial(RecurrentDecoder, embedding=8, hidden=16),
        partial(RecurrentEncoder, embedding=8, hidden=16),
    )
    tokenizer = Tokenizer.of_words(VOCABULARY)
    model = VAE(len(tokenizer), latent=3, **{"decoder": decoder, **options})
    inference = Amortized(len(tokenizer), 3, encoder=encoder)
    with torch.no_grad():
        for parameter in [*model.decoder.parameters(), *inference.parameters()]:
            parameter.mul_(4)
    return SmallRun(System(model, inference, Pathwise(), ELBO()).eval(), tokenizer)


def language_model() -> SmallRun:
    """A language model: nothing latent."""
    torch.manual_seed(0)
    tokenizer = Tokenizer.of_words(VOCABULARY)
    model = LanguageModel(len(tokenizer), partial(RecurrentDecoder, embedding=8, hidden=16))
    return SmallRun(System(model, Exact(len(tokenizer), 0), Pathwise(), ELBO()).eval(), tokenizer)
