"""Several chains behind one sentence, together and apart, against enumeration of their joint states."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.distributions.chains import chain, sequences
from tests.distributions.enumerated import Enumerated, check_samples, spread
from tests.distributions.scores import Scores
from torch.distributions import kl_divergence

from undersong.distributions import FactoredChains, FactorialChain, factorial_chain


def factorial(scores: Scores, lengths: list[int], chains: int, states: int) -> FactorialChain:
    """Chains that share their emissions."""
    return FactorialChain(
        scores(chains, states),
        scores(chains, states, states),
        scores(len(lengths), max(lengths), states**chains),
        torch.tensor(lengths),
    )


def apart(
    seed: int, lengths: list[int], states: list[int], shape: str = "shared", scale: float = 1.0
) -> FactoredChains:
    """Independent chains."""
    return FactoredChains([chain(seed + m, lengths, k, shape, scale=scale, alike=True) for m, k in enumerate(states)])


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    sizes=st.sampled_from([(1, 3), (2, 2), (3, 2), (2, 1)]),
    scale=st.sampled_from([1.0, 100.0, 1e4]),
    forbidden=st.sampled_from([0.0, 0.15, 0.5]),
    alike=st.booleans(),
    flat=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_all_of_it_against_enumeration(lengths, sizes, scale, forbidden, alike, flat, seed):
    (chains, states), structures = sizes, sequences(lengths, sizes[1] ** sizes[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(factorial_chain, "FLAT", 1024 if flat else 0)
        mine, other = (
            Enumerated(factorial(Scores(seed + s, scale, forbidden, alike=alike), lengths, chains, states), structures)
            for s in (0, 1)
        )
        assert mine.check() == sum(states ** (chains * length) for length in lengths)
        assert mine.check_kl(other) == int((mine.possible & other.possible).sum())


def test_the_score_is_the_sum_that_the_docstring_says():
    mine = factorial(Scores(0), [3, 2], 2, 3)
    initial, transition, emission = (p.tolist() for p in mine.potentials)
    states = [[[2, 0, 1], [1, 1, 0]], [[0, 2], [2, 2]]]  # of each sentence, of each chain
    z = torch.tensor([[3 * a + c for a, c in zip(*both, strict=True)] + [0] * (3 - len(both[0])) for both in states])
    for b, both in enumerate(states):
        want = sum(emission[b][t][z[b, t]] for t in range(len(both[0])))
        for m, own in enumerate(both):
            pairs = itertools.pairwise(own)
            want += initial[0][m][own[0]] + sum(transition[0][m][before][after] for before, after in pairs)
        assert mine.score(z)[b].item() == pytest.approx(want)


def test_samples_have_their_probabilities():
    torch.manual_seed(0)
    structures = sequences([3, 1, 2], 4)
    free, *some = (
        Enumerated(factorial(scores, [3, 1, 2], 2, 2), structures).check_samples(2000)
        for scores in (
            Scores(1),
            *(Scores(s, forbidden=0.1) for s in range(3)),
            *(Scores(s, 1e4, alike=True) for s in range(3)),
        )
    )
    assert free == 3
    assert sum(some[:3]) > 2, "what is forbidden leaves something to sample"
    assert sum(some[3:]) > 2, "and so do scores that are far apart"


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("shape", ["shared", "own"])
def test_chains_apart_against_enumeration(shape, scale):
    """All of what a prior and a mean-field posterior are asked."""
    torch.manual_seed(0)
    lengths = [3, 1, 2]
    q, p = apart(0, lengths, [2, 2], shape, scale), apart(10, lengths, [2, 2], "shared", scale)
    structures = sequences(lengths, 4)
    listed = [q.log_prob(spread(q, z, b))[:, b] for b, z in enumerate(structures)]
    other = [p.log_prob(spread(p, z, b))[:, b] for b, z in enumerate(structures)]
    shares = [each.exp() for each in listed]
    parts = [z[:, : lengths[b]] for b, z in enumerate(structures)]
    for b, (share, ours, theirs) in enumerate(zip(shares, listed, other, strict=True)):
        assert share.sum().item() == pytest.approx(1.0)
        assert q.entropy()[b].item() == pytest.approx(-(share * ours).sum().item(), abs=1e-7)
        assert kl_divergence(q, p)[b].item() == pytest.approx(
            (share * (ours - theirs)).sum().item(), rel=1e-7, abs=1e-7
        )
        assert ours[(structures[b] == q.mode[b]).all(-1)].item() == ours.max().item()
        for m, state in ((0, parts[b] // 2), (1, parts[b] % 2)):
            want = (share[:, None] * state).sum(0)
            torch.testing.assert_close(q.unary[b, : lengths[b], m, 1], want)
    assert check_samples(q, structures, shares, 4000) > 0


@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
def test_kl_of_chains_together_to_chains_apart(scale):
    """As of a factorial model's exact posterior to its prior."""
    lengths, structures = [3, 1, 2], sequences([3, 1, 2], 4)
    q, p = factorial(Scores(0, scale, alike=True), lengths, 2, 2), apart(10, lengths, [2, 2], "shared", scale)
    listed, ours = Enumerated(q, structures), kl_divergence(q, p)
    for b, z in enumerate(structures):
        gap = (listed.scores[b] - listed.log_partition[b]).detach() - p.log_prob(spread(p, z, b))[:, b]
        torch.testing.assert_close(ours[b], (listed.probabilities(b) * gap).sum(), atol=listed.atol, rtol=1e-7)
