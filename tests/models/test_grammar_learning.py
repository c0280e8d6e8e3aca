"""Grammars learned from sentences of a known one: the likelihood climbs, reaches the truth's, and annotation helps."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.models.learning import climb, never_fell, system
from tests.models.planted import SENTENCE_VOCAB, TAG_VOCAB, chunks, drawn, english, likelihood, tags
from torch import Tensor

from undersong.data.batch import Batch
from undersong.inference import Exact, Observed
from undersong.learning import EM, Gradient, ViterbiEM
from undersong.models import DMV, PCFG, NeuralDMV, NeuralPCFG
from undersong.models.dependencies import Dependencies
from undersong.models.grammar import Grammar

MODELS = {
    "PCFG": partial(PCFG, SENTENCE_VOCAB, nonterminals=3, preterminals=4),
    "PCFG, no smoothing": partial(PCFG, SENTENCE_VOCAB, nonterminals=3, preterminals=4, smoothing=0.0),
    "DMV": partial(DMV, TAG_VOCAB),
    "DMV, no smoothing": partial(DMV, TAG_VOCAB, smoothing=0.0),
    "DMV, random start": partial(DMV, TAG_VOCAB, harmonic=None, child_valence=True),
    "neural DMV": partial(NeuralDMV, TAG_VOCAB, size=6, hidden=8, steps=10),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("learner", [EM, ViterbiEM])
@pytest.mark.parametrize("name", MODELS)
def test_em_never_lowers_its_objective(name, learner):
    torch.manual_seed(0)
    model = MODELS[name]()
    _, x = drawn(english() if isinstance(model, Grammar) else tags(), 150, seed=0)
    em = learner(system(model), tolerance=0.0)
    objectives = climb(em, list(chunks(x)), 12)
    assert never_fell(em, objectives)
    assert objectives[-1] > objectives[0]
    assert all(p.isnan().sum() == 0 for p in model.parameters())
    assert math.isfinite(likelihood(model, x))


def test_a_pcfg_reaches_the_likelihood_of_the_grammar_that_wrote_its_text():
    """Three random starts, the best of them on the training text kept."""
    truth = english()
    _, x = drawn(truth, 600, seed=0)
    _, held = drawn(truth, 300, seed=1)
    torch.manual_seed(2)
    model = PCFG(SENTENCE_VOCAB, nonterminals=4, preterminals=4)
    climb(EM(system(model), restarts=3), list(chunks(x)), 150)
    assert likelihood(model, held) == pytest.approx(likelihood(truth, held), rel=0.01)


def test_a_dmv_reaches_the_likelihood_of_the_one_that_wrote_its_text():
    """From the harmonic start, and then its trees are right too."""
    truth = tags()
    _, x = drawn(truth, 600, seed=0)
    heads, held = drawn(truth, 300, seed=1)
    torch.manual_seed(0)
    model = DMV(TAG_VOCAB)
    learner = EM(system(model))
    climb(learner, list(chunks(x)), 150)
    assert "converged" in str(learner.finished())
    assert likelihood(model, held) == pytest.approx(likelihood(truth, held), rel=0.01)
    assert attachment(model, held, heads) > attachment(truth, held, heads) - 0.02 > 0.9


@pytest.mark.slow
def test_a_neural_dmv_learns_it_by_generalised_em():
    truth = tags()
    _, x = drawn(truth, 600, seed=0)
    heads, held = drawn(truth, 300, seed=1)
    torch.manual_seed(1)
    model = NeuralDMV(TAG_VOCAB, size=8, hidden=16)
    climb(EM(system(model)), list(chunks(x)), 60)
    assert likelihood(model, held) == pytest.approx(likelihood(truth, held), rel=0.01)
    assert attachment(model, held, heads) > 0.9


@pytest.mark.slow
def test_a_neural_pcfg_comes_near_by_gradients():
    """With symbols to spare, from one random start: within 6% of the truth, from 60% off."""
    truth = english()
    _, x = drawn(truth, 600, seed=0)
    _, held = drawn(truth, 300, seed=1)
    torch.manual_seed(1)
    model = NeuralPCFG(SENTENCE_VOCAB, nonterminals=6, preterminals=8, size=64)
    before, goal = likelihood(model, held), likelihood(truth, held)
    learner, batches = Gradient(system(model), lr=0.003), list(chunks(x, 16))
    for epoch in range(14):
        for row in torch.randperm(len(batches)).tolist():
            learner.step(batches[row], epoch)
    assert before < 1.6 * goal
    assert likelihood(model, held) > 1.06 * goal


def test_brackets_of_some_sentences_make_the_trees_of_others_right():
    """Mirror images are equally likely: without brackets this start ends with left trees in place of right ones."""
    truth = english()
    trees, x = drawn(truth, 300, seed=0)
    gold, held = drawn(truth, 200, seed=1)
    annotated = replace(x, spans=spans(trees, x, every=5))
    found = {}
    for inference in (Exact, Observed):
        torch.manual_seed(1)
        model = PCFG(SENTENCE_VOCAB, nonterminals=4, preterminals=4)
        climb(EM(system(model, inference)), list(chunks(annotated)), 40)
        found[inference] = brackets_right(model, held, gold)
    assert found[Observed] > 0.9
    assert found[Observed] > found[Exact] + 0.2


def test_heads_of_some_sentences_make_the_heads_of_others_right():
    truth = tags()
    heads, x = drawn(truth, 300, seed=0)
    gold, held = drawn(truth, 200, seed=1)
    known = torch.where(x.mask[:, 1:] & (torch.arange(len(x))[:, None] % 5 == 0), heads, -1)
    annotated = replace(x, heads=known)
    found = {}
    for inference in (Exact, Observed):
        torch.manual_seed(1)
        model = DMV(TAG_VOCAB, harmonic=None)
        climb(EM(system(model, inference)), list(chunks(annotated)), 40)
        found[inference] = attachment(model, held, gold)
    assert found[Observed] > 0.9
    assert found[Observed] > found[Exact] + 0.2


def spans(trees: Tensor, x: Batch, every: int) -> Tensor:
    """The brackets of every few sentences: [B, S, 3]."""
    out = torch.full((len(x), x.tokens.shape[1], 3), -1)
    for row in range(0, len(x), every):
        cells = [(i, j + 1, 0) for i, j in (trees[row] >= 0).nonzero().tolist() if j > i]
        out[row, : len(cells)] = torch.tensor(cells)
    return out


def brackets_right(model: Grammar, x: Batch, gold: Tensor) -> float:
    """Share of gold constituents found, words and whole sentences aside (binary trees: precision is recall)."""
    found = model.posterior(x).mode
    inner = torch.ones(x.tokens.shape[1], x.tokens.shape[1]).triu(1).bool().expand(len(x), -1, -1).clone()
    inner[torch.arange(len(x)), 0, x.lengths - 1] = False
    return float(((found >= 0) & (gold >= 0) & inner).sum() / ((gold >= 0) & inner).sum())


def attachment(model: Dependencies, x: Batch, gold: Tensor) -> float:
    """Share of words whose head is right."""
    return float(((model.posterior(x).mode == gold) & x.mask[:, 1:]).sum() / x.lengths.sum())
