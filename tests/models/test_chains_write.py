"""What models with chains of states write: starts, transitions and words by chi-square against their probabilities.

The counts of a row of a table are multinomial given how often the row was left, so that the sum over cells of
(seen - expected)^2 / expected is chi-square with fewer degrees of freedom than cells: that many are allowed.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from scipy.stats import chi2
from tests.models.vectors import planted_vectors
from torch import Tensor, nn

from undersong.data.batch import BOS, EOS, PAD, Batch
from undersong.distributions.factorial_chain import digits
from undersong.models import HMM, FactorialHMM, GaussianHMM, NeuralHMM, SemiMarkovHMM
from undersong.nets.factorial_emissions import ProductTable
from undersong.nets.gaussian_sum import GaussianSum
from undersong.nets.segments import BagSegments, RecurrentSegments

VOCAB, N = 9, 3000


def fits(seen: Tensor, p: Tensor) -> bool:
    """Whether counts [R, C] can be draws from the rows of p [R, C], not normalised: not one in a million is as far."""
    p = p.detach().double() / p.detach().double().sum(-1, keepdim=True)
    expected = seen.sum(-1, keepdim=True) * p
    assert not seen[expected == 0].any()
    told = expected > 5
    assert told.any()
    away = ((seen - expected)[told].square() / expected[told]).sum()
    return bool(away < chi2.ppf(1 - 1e-6, int(told.sum())))


def counted(rows: Tensor, columns: Tensor, shape: tuple[int, int]) -> Tensor:
    """How often each pair was seen: float64 [R, C]."""
    return torch.zeros(shape).double().index_put_((rows, columns), torch.ones(len(rows)).double(), accumulate=True)


def drawn(model: nn.Module, **options: int) -> tuple[Tensor, Batch]:
    return model.sample(N, generator=torch.Generator().manual_seed(1), **options)


def moves(z: Tensor, lengths: Tensor, states: int) -> Tensor:
    """Transitions between states, the last column the end: [K, K + 1]."""
    there = torch.arange(z.shape[1]) < lengths[:, None]
    now = torch.where(there, z, states)
    after = torch.cat([now[:, 1:], torch.full((len(z), 1), states)], 1)
    return counted(z[there], after[there], (states, states + 1))


def spoken(p: Tensor) -> Tensor:
    """Probabilities of words [..., V] that a sentence may hold."""
    return p.index_fill(-1, torch.tensor([PAD, BOS, EOS]), 0.0)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("make", [partial(HMM, VOCAB, 3), partial(NeuralHMM, VOCAB, 3, size=6)])
@pytest.mark.parametrize("ends", [True, False])
def test_a_hidden_markov_model(make: Callable[..., HMM | NeuralHMM], ends: bool) -> None:
    model = make(ends=ends)
    z, x = drawn(model, max_words=200 if ends else 6)
    s, inside = model.scores(), x.mask[:, 1:]
    assert fits(torch.bincount(z[:, 0], minlength=3)[None], s.initial.exp()[None])
    if s.final is None:
        assert x.lengths.unique().tolist() == [6]
        assert fits(moves(z, x.lengths, 3)[:, :3], s.transition.exp())
    else:
        assert int(x.lengths.max()) < 200  # nothing was cut
        assert fits(moves(z, x.lengths, 3), torch.cat([s.transition, s.final[:, None]], 1).exp())
    assert fits(counted(z[inside], x.tokens[inside], (3, VOCAB)), spoken(s.words.T.exp()))


@pytest.mark.parametrize("kind", ["words", "vectors"])
def test_a_factorial_model(kind: str, tmp_path: Path) -> None:
    file = planted_vectors(tmp_path / "vectors.safetensors", VOCAB, 2, size=2)
    emission = ProductTable if kind == "words" else partial(GaussianSum, vectors=file)
    model = FactorialHMM(VOCAB, chains=2, states=2, emission=emission)
    z, x = drawn(model, max_words=200)
    inside, each = x.mask[:, 1:], digits(2, 2)
    assert int(x.lengths.max()) < 200
    on, stop = model.ending().exp()
    assert fits(torch.stack([(x.lengths - 1).sum(), torch.tensor(N)])[None], torch.stack([on, stop])[None])
    for m in range(2):
        mine = each[m][z]
        assert fits(torch.bincount(mine[:, 0], minlength=2)[None], model.initial()[m].exp()[None])
        assert fits(moves(mine, x.lengths, 2)[:, :2], model.transition()[m].exp())
    pairs = counted(each[0][z[:, 0]], each[1][z[:, 0]], (2, 2))  # chains are independent until words are seen
    assert fits(pairs.view(1, 4), (model.initial()[0].exp()[:, None] * model.initial()[1].exp()).view(1, 4))
    seen = counted(z[inside], x.tokens[inside], (4, VOCAB))
    if kind == "words":
        assert fits(seen, spoken(model.emission.words().T.exp()))
    else:
        assert fits(seen, nearest(model.emission.means, model.emission.factor, model.emission.vectors, each))


def nearest(means: Tensor, factor: Tensor, vectors: Tensor, each: Tensor) -> Tensor:
    """How often the vector nearest to a draw from a joint state's Gaussian is each word's, by many draws: [K^M, V]."""
    center = sum(means[m][each[m]] for m in range(len(each)))
    draws = center[:, None].double() + torch.randn(len(center), 400_000, vectors.shape[1]).double() @ factor.T
    words = torch.cdist(draws, vectors[4:].double()).argmin(-1) + 4  # the special ones have no vector
    return torch.stack([torch.bincount(row, minlength=len(vectors)) for row in words])


def test_a_model_of_word_vectors(tmp_path: Path) -> None:
    file = planted_vectors(tmp_path / "vectors.safetensors", VOCAB, 2, size=2)
    model = GaussianHMM(VOCAB, file, states=2)
    z, x = drawn(model, max_words=200)
    inside, gaussians = x.mask[:, 1:], model.words.gaussians
    factor = torch.diag((0.5 * gaussians.log_variance.detach().double().flatten()[:2]).exp())
    expected = nearest(gaussians.means.detach()[None], factor, model.words.vectors, torch.arange(2)[None])
    assert fits(counted(z[inside], x.tokens[inside], (2, VOCAB)), expected)
    s = model.scores()
    assert fits(moves(z, x.lengths, 2), torch.cat([s.transition, s.final[:, None]], 1).exp())


@pytest.mark.parametrize("net", [BagSegments, RecurrentSegments])
def test_a_semi_markov_model(net: Callable[..., nn.Module]) -> None:
    model = SemiMarkovHMM(VOCAB, states=2, longest=3, segments=partial(net, size=4))
    with torch.no_grad():  # words that differ, and depend on the one before
        for parameter in model.segments.parameters():
            parameter.mul_(2.0)
    z, x = drawn(model, max_words=300)
    assert int(x.lengths.max()) < 300
    row, place = (z >= 0).nonzero().T
    state, size = z[row, place] // 3, z[row, place] % 3  # of each segment, in order
    first = place == 0
    assert fits(torch.bincount(state[first], minlength=2)[None], model.initial().exp()[None])
    assert fits(counted(state, size, (2, 3)), model.length().exp())
    after = torch.where(torch.cat([first[1:], torch.tensor([True])]), 2, torch.cat([state[1:], torch.tensor([2])]))
    assert fits(counted(state, after, (2, 3)), model.transition().exp())
    every = Batch.of([[a, b] for a in range(VOCAB) for b in range(VOCAB)])
    log_p = model.segments(every, 2)  # [V V, T, L, K]: of the words of a segment from each place, one by one
    one = log_p[:, 0, 0].view(VOCAB, VOCAB, 2)[:, 0].exp().T  # p(first word | state)
    two = log_p[:, 0, 1].view(VOCAB, VOCAB, 2).exp().permute(2, 0, 1)  # p(second | first, state)
    assert fits(counted(state, x.tokens[row, place], (2, VOCAB)), spoken(one))
    pair = size > 0
    a, b = x.tokens[row[pair], place[pair]], x.tokens[row[pair], place[pair] + 1]
    assert fits(counted(state[pair] * VOCAB + a, b, (2 * VOCAB, VOCAB)), spoken(two).flatten(0, 1))
