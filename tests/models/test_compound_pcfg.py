"""A grammar for each sentence, made from z: the trees are summed out exactly, z is left to variational inference."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.models.learning import directional_derivative
from tests.models.stories import derivations, log_sum
from torch.distributions import Independent, Normal

from undersong.data.batch import Batch
from undersong.draw import draw
from undersong.errors import UserError
from undersong.estimators import Pathwise
from undersong.inference import Amortized
from undersong.learning import Gradient, System
from undersong.models import CompoundPCFG, ExactModel, compound_pcfg
from undersong.nets import RecurrentEncoder
from undersong.nets.precision import BF16, using
from undersong.objectives import ELBO, IWAE, AutoGen, FreeBitsDimension, TargetRate

V = 8
X = Batch.of([[5, 6, 4, 6], [4, 4], [7, 5, 4]])


def make(latent: int = 3, seed: int = 0) -> CompoundPCFG:
    torch.manual_seed(seed)
    return CompoundPCFG(V, latent=latent, nonterminals=2, preterminals=2, size=6).double()


def test_given_z_the_likelihood_is_the_sum_over_all_trees():
    model = make()
    torch.manual_seed(1)
    z = 2 * torch.randn(4, len(X), 3).double()
    found = model.log_likelihood(X, z)
    for s in range(4):
        for b, length in enumerate(X.lengths.tolist()):
            rules = model.grammar(z[s, b])
            told = derivations(
                *(t.tolist() for t in (rules.root, rules.binary, rules.emission)), X.tokens[b, :length].tolist()
            )
            assert found[s, b].item() == pytest.approx(log_sum([p for _, p in told]), rel=1e-9)
    assert found.std(0).min() > 0.01  # z matters
    torch.testing.assert_close(model.structure(X, z[2]).log_partition, found[2])


def test_brackets_leave_the_trees_that_have_them():
    """Of the words of a bracket, one tree's all, another's two: what is left is summed, and the best tree has them."""
    model = make()
    x = replace(X, spans=torch.tensor([[[1, 4, 0], [2, 4, 0]], [[-1, -1, -1]] * 2, [[0, 2, 0], [-1, -1, -1]]]))
    known = [{(1, 3), (2, 3)}, set(), {(0, 1)}]  # (first, last)
    torch.manual_seed(1)
    z = 2 * torch.randn(3, len(X), 3).double()
    found = model.log_likelihood(x, z, given=True)
    for s in range(3):
        for b, length in enumerate(X.lengths.tolist()):
            rules = model.grammar(z[s, b])
            told = derivations(
                *(t.tolist() for t in (rules.root, rules.binary, rules.emission)), X.tokens[b, :length].tolist()
            )
            agreeing = [p for tree, p in told if known[b] <= set(tree)]
            assert b == 1 or len(agreeing) < len(told)
            assert found[s, b].item() == pytest.approx(log_sum(agreeing), rel=1e-9)
    best = model.structure(x, z[0], given=True).mode
    assert all((best[b][cell] >= 0).item() for b in range(3) for cell in known[b])
    torch.testing.assert_close(model.log_likelihood(x, z), model.log_likelihood(X, z))


def test_rules_of_every_z_are_probabilities():
    rules = make().grammar(torch.tensor([0.5, -2.0, 7.0]).double())
    for rows in (rules.root, rules.binary.flatten(1), rules.emission):
        torch.testing.assert_close(rows.logsumexp(-1), torch.zeros(rows.shape[:-1]).double())


def test_words_scored_alone_are_those_of_the_whole_table():
    model = make()
    z = torch.randn(len(X), 3).double()
    whole = model.net.emission(z)  # [B, P, V]
    expected = whole.gather(2, X.tokens[:, None].expand(-1, 2, -1)).transpose(1, 2)
    torch.testing.assert_close(model.net.words(z, X.tokens), expected)


def test_scoring_in_parts_without_gradients_changes_nothing(monkeypatch):
    model = make()
    z = torch.randn(5, len(X), 3).double()
    with torch.no_grad():
        whole = model.log_likelihood(X, z)
        monkeypatch.setattr(compound_pcfg, "_AT_ONCE", 100)
        torch.testing.assert_close(model.log_likelihood(X, z), whole)


def test_a_sentence_is_scored_alike_in_any_batch():
    model = make()
    z = torch.randn(2, len(X), 3).double()
    alone = model.log_likelihood(Batch.of([[4, 4]]), z[:, 1:2])
    torch.testing.assert_close(alone, model.log_likelihood(X, z)[:, 1:2])


def test_bounds_lie_below_the_likelihood_integrated_over_z():
    model = make(latent=1, seed=5)
    with torch.no_grad():
        for part in (model.net.to_root, model.net.to_pair, model.net.to_word):
            part.of_z.weight.mul_(4)  # z must matter
        grid = torch.linspace(-8, 8, 1601).double()
        inside = model.log_likelihood(X, grid[:, None, None].expand(-1, len(X), 1)) - 0.5 * grid[:, None] ** 2
        step = float(grid[1] - grid[0])
        log_p = inside.logsumexp(0) + math.log(step) - 0.5 * math.log(2 * math.pi)  # trapezoids; the ends are nothing
        torch.manual_seed(0)
        q = Independent(Normal(torch.zeros(len(X), 1).double() + 0.3, torch.full((len(X), 1), 0.9).double()), 1)
        d = draw(model, X, q, q.rsample((32_000,)))
        elbo, error = d.log_w.mean(0), d.log_w.std(0) / 32_000**0.5
        by_eight = d.log_w.view(4_000, 8, -1).logsumexp(1) - math.log(8)
        iwae = by_eight.mean(0)
        assert (elbo + 4 * error < iwae).all()
        assert (iwae + 4 * by_eight.std(0) / 4_000**0.5 < log_p + 1e-3).all()
        weights = (d.log_w - log_p).exp()
        assert ((weights.mean(0) - 1).abs() < 4 * weights.std(0) / 32_000**0.5).all()
        assert (weights.std(0) / 32_000**0.5 < 0.01).all()
    torch.testing.assert_close(ELBO()(d), (d.log_px.mean(0) - d.kl))


def test_gradients_agree_with_finite_differences():
    model = make(seed=2)
    z = torch.randn(2, len(X), 3).double().requires_grad_()
    for tensor in [*model.parameters(), z]:
        found, expected = directional_derivative(lambda: model.log_likelihood(X, z).sum(), tensor)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("objective", [ELBO(), IWAE(3), AutoGen(1.0), FreeBitsDimension(0.1), TargetRate(0.5)])
def test_it_is_an_ordinary_model_for_every_objective(objective):
    torch.manual_seed(0)
    model = CompoundPCFG(V, latent=2, nonterminals=2, preterminals=3, size=8)
    inference = Amortized(V, 2, partial(RecurrentEncoder, embedding=4, hidden=6))
    learner = Gradient(System(model, inference, Pathwise(), objective), lr=0.02)
    values = [learner.step(X, step)["loss"].item() for step in range(40)]
    assert all(math.isfinite(v) for v in values)
    assert sum(values[-5:]) < sum(values[:5])
    assert not isinstance(model, ExactModel)


def test_samples_come_with_their_vectors():
    model = make()
    z, x = model.sample(6, max_words=4, generator=torch.Generator().manual_seed(0))
    assert z.shape == (6, 3)
    assert x.lengths.tolist() == [int((row > 0).sum()) for row in x.tokens]
    assert int(x.lengths.max()) <= 4
    assert int(x.tokens.max()) < V
    again, same = model.sample(6, max_words=4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again, z)
    assert torch.equal(same.tokens, x.tokens)


def test_a_sentence_of_one_word_is_refused_with_advice():
    with pytest.raises(UserError, match="min-words 2"):
        make().log_likelihood(Batch.of([[5]]), torch.zeros(1, 1, 3).double())


def test_it_writes_and_scores_in_bf16():
    model = make().float()
    z, x = model.sample(3, max_words=12, generator=torch.Generator().manual_seed(0))
    exact = model.log_likelihood(x, z[None])
    with using(model, BF16):
        rounded = model.log_likelihood(x, z[None])
        assert len(model.sample(3, max_words=12, generator=torch.Generator().manual_seed(0))[1]) == 3
    assert not torch.equal(rounded, exact)
    torch.testing.assert_close(rounded, exact, atol=0.1, rtol=0.02)
