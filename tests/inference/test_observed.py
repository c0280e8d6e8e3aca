"""Annotation of some sentences is believed under every learner: the others are then read as it says."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest
import torch
from tests.models.learning import climb, system
from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.estimators import Pathwise
from undersong.inference import Inference, Observed, ObservedStructure
from undersong.learning import EM, GeneralizedEM, Gradient, Learner, StepwiseEM, System, ViterbiEM
from undersong.models import (
    HMM,
    PCFG,
    VAE,
    CompoundPCFG,
    MixtureOfRNNs,
    MixtureOfUnigrams,
    NeuralHMM,
    NeuralPCFG,
)
from undersong.nets import RecurrentDecoder
from undersong.objectives import ELBO

VOCAB, KINDS, SENTENCES = 13, 3, 60
SMALL = {"nonterminals": 3, "preterminals": 3}


def kinds(words: Tensor, turn: int) -> Tensor:
    """Words 4 to 6, 7 to 9 and 10 to 12 are of one kind each, which of them are called 0 is another's choice."""
    return (torch.div(words - 4, KINDS, rounding_mode="floor") + turn) % KINDS


def tagged(x: Batch, some: Tensor, turn: int) -> Batch:
    """A word's tag is its kind."""
    return replace(x, tags=torch.where(x.mask[:, 1:] & some[:, None], kinds(x.tokens, turn), -1))


def labelled(x: Batch, some: Tensor, turn: int) -> Batch:
    """A sentence's label is the kind of its first word."""
    return replace(x, labels=torch.where(some, kinds(x.tokens[:, 0], turn), -1))


def bracketed(x: Batch, some: Tensor, turn: int) -> Batch:
    """Every constituent starts with the first word, or every one ends with the last."""
    size = torch.arange(x.tokens.shape[1], 1, -1)
    first = (x.lengths[:, None] - size) * (turn % 2)
    brackets = torch.stack([first, first + size, first * 0], -1)
    return replace(x, spans=torch.where(((size <= x.lengths[:, None]) & some[:, None])[..., None], brackets, -1))


def tags_right(q: Distribution, x: Batch, turn: int) -> Tensor:
    """Of each sentence, the share of words whose state is their kind."""
    inside = x.mask[:, 1:]
    return ((q.mode == kinds(x.tokens, turn)) & inside).sum(1) / inside.sum(1)


def labels_right(q: Distribution, x: Batch, turn: int) -> Tensor:
    """Whether a sentence's cluster is the kind of its words."""
    return (q.mode == kinds(x.tokens[:, 0], turn)).double()


def brackets_right(q: Distribution, x: Batch, turn: int) -> Tensor:
    """Of each sentence, the share of constituents over words that are where the annotation would have them."""
    found = (q.mode >= 0).triu(1)
    there = found[torch.arange(len(x)), :, x.lengths - 1] if turn % 2 else found[:, 0]
    return there.sum(1) / found.sum((1, 2))


@dataclass(frozen=True)
class Case:
    """A model, how its sentences are annotated, and how much of what it finds is as the annotation has it."""

    model: Callable[[], nn.Module]
    annotate: Callable[[Batch, Tensor, int], Batch]
    right: Callable[[Distribution, Batch, int], Tensor]


CASES = {
    "hmm": Case(partial(HMM, VOCAB, KINDS, smoothing=0.1), tagged, tags_right),
    "neural hmm": Case(partial(NeuralHMM, VOCAB, KINDS, size=16), tagged, tags_right),
    "unigrams": Case(partial(MixtureOfUnigrams, VOCAB, KINDS), labelled, labels_right),
    "rnns": Case(
        partial(MixtureOfRNNs, VOCAB, KINDS, code=4, decoder=partial(RecurrentDecoder, embedding=6, hidden=8)),
        labelled,
        labels_right,
    ),
    "pcfg": Case(partial(PCFG, VOCAB, **SMALL), bracketed, brackets_right),
    "neural pcfg": Case(partial(NeuralPCFG, VOCAB, **SMALL, size=8), bracketed, brackets_right),
}
COUNTING = [partial(EM, tolerance=0.0), partial(ViterbiEM, tolerance=0.0), partial(StepwiseEM, wait=0)]
CLIMBING = [partial(Gradient, lr=0.05), partial(GeneralizedEM, lr=0.05, steps=2)]
PAIRS = [
    *((name, learner) for name in ("hmm", "unigrams", "pcfg") for learner in [*COUNTING, partial(Gradient, lr=0.3)]),
    *((name, learner) for name in ("neural hmm", "rnns", "neural pcfg") for learner in CLIMBING),
]


def text(one_kind: bool) -> tuple[Batch, Tensor]:
    """Sentences of random words, of one kind each or of any; and which two thirds of them are annotated."""
    torch.manual_seed(0)
    lengths = torch.randint(3, 7, (SENTENCES,)).tolist()
    first = torch.randint(KINDS, (SENTENCES,)).tolist()
    low, high = (lambda k: 4 + 3 * k, lambda k: 7 + 3 * k) if one_kind else (lambda k: 4, lambda k: VOCAB)
    x = Batch.of([torch.randint(low(k), high(k), (n,)).tolist() for k, n in zip(first, lengths, strict=True)])
    return x, torch.arange(SENTENCES) % 3 > 0


def halves(x: Batch) -> list[Batch]:
    """Two batches."""
    parts = {"tokens": x.tokens, "lengths": x.lengths, "index": x.index}
    parts |= {name: t for name in ("tags", "labels", "spans") if (t := getattr(x, name)) is not None}
    return [Batch(**{name: t[rows] for name, t in parts.items()}) for rows in torch.arange(SENTENCES).split(30)]


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.parametrize(("name", "learner"), PAIRS, ids=lambda p: p if isinstance(p, str) else p.func.__name__)
def test_sentences_without_annotation_are_read_as_the_others_say(
    name: str, learner: Callable[..., Learner], turn: int
) -> None:
    """The same text and start under two annotations: neither is what the model would have found by itself."""
    case = CASES[name]
    x, some = text(case.annotate is labelled)
    torch.manual_seed(2)
    made = system(case.model(), Observed)
    climb(learner(made), halves(case.annotate(x, some, turn)), 20)
    assert float(case.right(made.structure(x), x, turn)[~some].double().mean()) > 0.85


@pytest.mark.parametrize("name", CASES)
def test_the_loss_is_of_words_and_annotation_together(name: str) -> None:
    x, some = text(False)
    x = CASES[name].annotate(x, some, 1)
    torch.manual_seed(2)
    made = system(CASES[name].model(), Observed)
    model = made.model
    together = model.posterior(x, given=True).log_partition
    assert (together[some] < model.log_marginal(x)[some]).all()
    torch.testing.assert_close(together[~some], model.log_marginal(x)[~some])
    torch.testing.assert_close(made.loss(x, 0)[1], -together.mean())
    torch.testing.assert_close(ELBO()(made.judge(x, 0)), model.log_marginal(x))  # judged by their words alone


def compound(inference: Callable[[int, int], Inference]) -> System:
    torch.manual_seed(2)
    model = CompoundPCFG(VOCAB, latent=2, **SMALL, size=8)
    return System(model, inference(VOCAB, 2), Pathwise(), ELBO())


@pytest.mark.parametrize("turn", [1, 2])
def test_a_compound_grammar_believes_brackets(turn: int) -> None:
    x, some = text(False)
    known = bracketed(x, some, turn)
    made = compound(ObservedStructure)
    torch.manual_seed(3)
    d, _ = made.loss(known, 0)
    together = made.model.log_likelihood(known, d.z, given=True)
    torch.testing.assert_close(d.log_px, together)
    assert (together[:, some] < made.model.log_likelihood(x, d.z)[:, some]).all()
    judged = made.judge(known, 0)  # by their words alone
    torch.testing.assert_close(judged.log_px, made.model.log_likelihood(x, judged.z))
    climb(Gradient(made, lr=0.05), halves(known), 20)
    assert float(brackets_right(made.structure(x), x, turn)[~some].double().mean()) > 0.85


def test_an_inference_that_does_not_fit_names_the_one_that_does() -> None:
    x, _ = text(False)
    with pytest.raises(UserError, match="--inference ObservedStructure"):
        compound(Observed).posterior(x)
    with pytest.raises(UserError, match="--inference Amortized"):
        System(VAE(VOCAB, 2), Observed(VOCAB, 2), Pathwise(), ELBO()).posterior(x)
    with pytest.raises(UserError, match="--inference Observed,"):
        System(HMM(VOCAB, 2), ObservedStructure(VOCAB, 2), Pathwise(), ELBO()).loss(x, 0)
