"""The importance-sampled likelihood of a text VAE is that of numerical integration, whatever the batches."""

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from tests.evaluation.toy import WORDS, split_of
from torch import Tensor

from undersong.data.batch import Batch
from undersong.data.store import Split
from undersong.data.tokens import Tokenizer
from undersong.distributions import keyed_sample
from undersong.draw import FINAL
from undersong.estimators import Pathwise
from undersong.evaluation import likelihood as room
from undersong.evaluation.likelihood import Refinement, likelihood
from undersong.evaluation.scoring import score
from undersong.families import IsotropicGaussian
from undersong.inference import Amortized
from undersong.learning.system import System
from undersong.measures import bounds
from undersong.models import VAE
from undersong.nets import RecurrentDecoder, RecurrentEncoder
from undersong.objectives import ELBO

TOKENIZER = Tokenizer.of_words(WORDS)


def split(count: int = 30, seed: int = 0) -> Split:
    random = np.random.default_rng(seed)
    sentences = [random.integers(4, 16, random.integers(1, 9)).tolist() for _ in range(count)]
    return split_of(sentences, None, TOKENIZER)


def text_vae(latent: int) -> System:
    """Untrained, but with large weights, so that z matters and the posterior is far from q."""
    torch.manual_seed(0)
    model = VAE(len(TOKENIZER), latent, partial(RecurrentDecoder, embedding=6, hidden=8, word_dropout=0.5))
    inference = Amortized(len(TOKENIZER), latent, partial(RecurrentEncoder, embedding=6, hidden=8), IsotropicGaussian)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
    return System(model, inference, Pathwise(), ELBO()).eval()


SPLIT = split()
ROWS = np.arange(len(SPLIT))


@torch.no_grad()
def integrated(system: System, x: Batch) -> Tensor:
    """log of the integral of p(x|z) p(z) over a grid on [-8, 8]^D, nats [B]."""
    latent = system.model.latent
    line = torch.linspace(-8, 8, 1601 if latent == 1 else 161)
    grid = torch.cartesian_prod(*[line] * latent).view(-1, 1, latent)  # [G, 1, D]
    log_px = torch.cat([system.model.log_likelihood(x, z.expand(-1, len(x), -1)) for z in grid.split(500)])
    cell = latent * math.log(float(line[1] - line[0]))
    return (log_px + system.model.prior(x).log_prob(grid)).double().logsumexp(0) + cell


@pytest.mark.parametrize("latent", [1, 2])
def test_it_is_the_integral_over_z(latent: int) -> None:
    system = text_vae(latent)
    found = likelihood(system, SPLIT, ROWS[:12], samples=3000)
    truth = integrated(system, SPLIT.batch(found.rows)).numpy()
    assert (found.error < 0.01 * np.abs(truth)).all()
    assert (found.effective > 50).all()
    assert (np.abs(found.log_p - truth) < 4 * found.error + 1e-4).all()
    # The same check fails an estimate whose q is broader than the one sampled from.
    broader = found.log_p + latent * math.log(1.5)
    assert not (np.abs(broader - truth) < 4 * found.error + 1e-4).all()


@torch.no_grad()
def test_bounds_stand_in_order_below_the_integral() -> None:
    system, x = text_vae(1), SPLIT.batch(ROWS[:12])
    q = system.posterior(x, FINAL)
    sets, samples = 400, 5
    d = system.draw(x, q, keyed_sample(q, x.index, sets * samples, seed=0), FINAL)
    log_w, truth = d.log_w.double().view(samples, -1), integrated(system, x)
    ladder = [bounds.iwae(log_w, k).view(sets, -1) for k in range(1, samples + 1)]
    for lower, upper in pairwise(ladder):
        assert (lower < upper + 1e-9).all()  # on every set of samples
    error = ladder[-1].std(0) / math.sqrt(sets)
    assert (ladder[-1].mean(0) < truth + 4 * error).all()


def test_no_figure_depends_on_batches_order_or_padding() -> None:
    system = text_vae(3)
    found = likelihood(system, SPLIT, ROWS, samples=40)
    one_by_one = [likelihood(system, SPLIT, ROWS[[row]], samples=40) for row in reversed(found.rows)]
    alone = np.array([f.log_p[0] for f in reversed(one_by_one)])
    assert np.abs(found.log_p - alone).max() < 1e-3
    for at_once in (1, 7, 40, 100_000):
        again = likelihood(system, SPLIT, ROWS[::-1], samples=40, at_once=at_once)
        assert np.abs(found.log_p[np.argsort(found.rows)] - again.log_p[np.argsort(again.rows)]).max() < 1e-3
    longer = [*SPLIT.ids(0).tolist()] * 20
    padded = split_of([SPLIT.ids(int(row)).tolist() for row in ROWS] + [longer], None, TOKENIZER)
    with_longest = likelihood(system, padded, np.array([0, len(SPLIT)]), samples=40)
    place, there = int(np.flatnonzero(with_longest.rows == 0)[0]), int(np.flatnonzero(found.rows == 0)[0])
    assert abs(with_longest.log_p[place] - found.log_p[there]) < 1e-3


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_no_score_depends_on_the_size_of_a_batch(size: int) -> None:
    system = text_vae(3)
    usual, other = score(system, SPLIT), score(system, SPLIT, size=size)
    assert (usual.rows == other.rows).all()
    assert usual.draw is not None
    assert other.draw is not None
    for a, b in ((usual.draw.log_w, other.draw.log_w), (usual.draw.kl, other.draw.kl)):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=0)


@pytest.mark.parametrize("samples", [1, 2, 64, 65])
def test_any_number_of_samples(samples: int) -> None:
    """Fewer and more than the flat batch holds; the first of many are the few."""
    system = text_vae(2)
    found = likelihood(system, SPLIT, ROWS[:5], samples=samples, at_once=64)
    assert np.isfinite(found.log_p).all()
    assert np.isnan(found.error).all() == (samples == 1)
    x = SPLIT.batch(found.rows)
    q = system.posterior(x, FINAL)
    with torch.no_grad():
        d = system.draw(x, q, keyed_sample(q, x.index, 65, seed=0)[:samples], FINAL)
    np.testing.assert_allclose(found.log_p, d.log_mean_exp(d.log_w).numpy(), atol=1e-3)


def test_memory_bounds_the_sentences_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    system = text_vae(2)
    usual = likelihood(system, SPLIT, ROWS, samples=10)
    monkeypatch.setattr(room, "NUMBERS", 1)
    np.testing.assert_allclose(likelihood(system, SPLIT, ROWS, samples=10).log_p, usual.log_p, atol=1e-3)


def test_refinement_changes_the_proposal_not_the_answer() -> None:
    system = text_vae(1)
    rows = ROWS[:12]
    plain = likelihood(system, SPLIT, rows, samples=200)
    refined = likelihood(system, SPLIT, rows, samples=200, refinement=Refinement())
    truth = integrated(system, SPLIT.batch(plain.rows)).numpy()
    assert refined.effective.mean() > plain.effective.mean()
    assert (np.abs(refined.log_p - truth) < 4 * refined.error + 1e-3).all()
    alone = likelihood(system, SPLIT, rows[:1], samples=200, refinement=Refinement())
    assert abs(alone.log_p[0] - refined.log_p[np.flatnonzero(refined.rows == rows[0])[0]]) < 1e-3
    assert all(p.requires_grad for p in system.parameters())
