"""Dependency trees against brute force, closed forms, finite differences, torch_struct, and log space."""

import math
import warnings
from math import comb

import pytest
import torch
import torch_struct
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.distributions.enumerated import Enumerated
from tests.distributions.scores import Scores
from tests.distributions.trees import all_heads, dependency, projective
from torch.autograd import gradcheck

from undersong.distributions import Dependency
from undersong.distributions.log_heads import LogHeads
from undersong.distributions.semirings import LOG
from undersong.errors import UserError

LENGTHS = [[1], [2], [3, 1], [4, 2, 1], [2, 3, 3], [5, 4]]


@pytest.mark.parametrize("multiroot", [False, True])
@pytest.mark.parametrize("forbidden", [0.0, 0.15])
@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_all_of_it_against_enumeration(lengths, scale, forbidden, multiroot):
    for seed, alike in ((0, False), (1, True)):
        mine, other = (
            dependency(Scores(seed + s, scale, forbidden, alike=alike), lengths, multiroot) for s in (0, 100)
        )
        listed = Enumerated(mine, all_heads(lengths, multiroot))
        counts = [comb(3 * n, n) // (2 * n + 1) if multiroot else comb(3 * n - 2, n - 1) // n for n in lengths]
        assert listed.check() == sum(counts)
        against = Enumerated(other, all_heads(lengths, multiroot))
        assert listed.check_kl(against) == int((listed.possible & against.possible).sum())


@pytest.mark.parametrize("multiroot", [False, True])
def test_the_score_is_the_sum_over_arcs_of_what_is_a_tree(multiroot):
    import itertools

    mine = dependency(Scores(0), [4], multiroot)
    arcs, trees = mine.potentials[0][0].tolist(), set(projective(4, multiroot))
    for heads in itertools.product(range(-1, 6), repeat=4):
        want = sum(arcs[h][c] for c, h in enumerate(heads, 1)) if heads in trees else -math.inf
        assert mine.score(torch.tensor([heads])).item() == pytest.approx(want)


def test_counts_are_those_of_projective_trees():
    """One root: C(3n - 2, n - 1) / n; several: C(3n, n) / (2n + 1) (OEIS A006013 and A001764)."""
    lengths = [1, 2, 3, 4, 9, 17, 30]
    nothing = torch.zeros(len(lengths), 31, 31, dtype=torch.float64)
    for multiroot in (False, True):
        mine = Dependency(nothing, torch.tensor(lengths), multiroot)
        want = [math.comb(3 * n, n) // (2 * n + 1) if multiroot else math.comb(3 * n - 2, n - 1) // n for n in lengths]
        assert mine.log_partition.exp().tolist() == pytest.approx(want, rel=1e-9)
        assert want[:4] == [len(projective(n, multiroot)) for n in lengths[:4]]
        torch.testing.assert_close(mine.marginals[0].sum(1)[0, :3], torch.tensor([0.0, 1, 0], dtype=torch.float64))


@pytest.mark.parametrize("multiroot", [False, True])
def test_gradients_against_finite_differences(multiroot):
    mine = dependency(Scores(1), [3, 1], multiroot)
    weight = torch.tensor([1.0, -2.0], dtype=torch.float64)
    arcs = mine.potentials[0].clone().requires_grad_()
    assert gradcheck(lambda a: mine.replace([a]).log_partition * weight, [arcs])
    assert gradcheck(lambda a: mine.replace([a]).entropy(), [arcs])


@pytest.mark.parametrize("multiroot", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_struct_finds_the_same(dtype, multiroot):
    """Its arcs are [head, child] among the words, with the root's on the diagonal."""
    lengths = [6, 2, 9, 4]
    mine = dependency(Scores(2, dtype=dtype), lengths, multiroot)
    arcs = mine.potentials[0]
    folded = arcs[:, 1:, 1:].clone()
    folded.diagonal(0, 1, 2).copy_(arcs[:, 0, 1:])
    folded.requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torch_struct.DependencyCRF(folded, lengths=torch.tensor(lengths), multiroot=multiroot)
        total, arcs = theirs.partition.detach(), theirs.marginals.detach()
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {}
    torch.testing.assert_close(mine.log_partition, total, **tolerance)
    (ours,) = mine.marginals
    torch.testing.assert_close(ours[:, 0, 1:], arcs.diagonal(0, 1, 2), **tolerance)
    off = ~torch.eye(9, dtype=torch.bool)
    torch.testing.assert_close(ours[:, 1:, 1:][:, off], arcs[:, off], **tolerance)


@pytest.mark.parametrize("multiroot", [False, True])
def test_samples_have_their_probabilities(multiroot):
    torch.manual_seed(0)
    free, *some = (
        Enumerated(dependency(Scores(seed, 1.0, share), [3, 1, 4], multiroot), all_heads([3, 1, 4], multiroot))
        for seed, share in ((3, 0.0), (4, 0.2), (5, 0.2), (6, 0.2))
    )
    assert free.check_samples(2000) == 2  # one word has one tree
    assert sum(listed.check_samples(2000) for listed in some) > 2
    large = (Scores(seed, scale, alike=True) for seed in range(4) for scale in (100.0, 1e4))
    assert (
        sum(
            Enumerated(dependency(scores, [3, 1, 4], multiroot), all_heads([3, 1, 4], multiroot)).check_samples(2000)
            for scores in large
        )
        > 2
    )


@settings(max_examples=80, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    multiroot=st.booleans(),
    scale=st.sampled_from([0.1, 1.0, 10.0, 60.0, 300.0, 1e4]),
    forbidden=st.sampled_from([0.0, 0.1, 0.5]),
    single=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_the_fast_path_is_right_for_any_scores(lengths, multiroot, scale, forbidden, single, seed):
    dtype = torch.float32 if single else torch.float64
    mine = dependency(Scores(seed, scale, forbidden, dtype), lengths, multiroot)
    (arcs,) = mine.potentials
    leaf = arcs.double().requires_grad_()
    plain = mine.replace([leaf]).inside(LOG)
    (want,) = torch.autograd.grad(plain.sum(), [leaf])
    relative, absolute = (1e-6, 1e-5) if single else (1e-11, 1e-9)
    torch.testing.assert_close(mine.log_partition.double(), plain.detach(), rtol=relative, atol=absolute)
    (ours,) = mine.marginals
    torch.testing.assert_close(ours.double(), want, rtol=20 * relative, atol=absolute)
    assert (ours[arcs == -torch.inf] == 0).all()


def test_products_hold_ordinary_scores_and_given_heads_and_are_refused_where_they_do_not():
    def sound(scale, length, given=False):
        (arcs,) = dependency(Scores(0, scale), [length]).potentials
        if given:  # each word may hang on the one before it only
            allowed = torch.ones(length + 1, length + 1, dtype=torch.bool).tril(1).triu(1)
            arcs = arcs.masked_fill(~allowed, -torch.inf)
        return LogHeads.apply(arcs, None, None, torch.tensor([length]), False)[1].item()

    assert sound(1.0, 40)
    assert sound(3.0, 30)
    assert sound(1.0, 40, given=True)
    assert not sound(1e3, 30)


@pytest.mark.parametrize("multiroot", [False, True])
def test_where_products_are_refused_gradients_are_zero(multiroot):
    arcs, lengths = Scores(0)(5, 31, 31), torch.tensor([30, 30, 30, 30, 5])
    arcs[0] *= 1e3
    arcs[1, 2, 3], arcs[2, 2, 3], arcs[3, 0, 3] = math.nan, math.inf, math.nan
    value, sound = LogHeads.apply(arcs.requires_grad_(), None, None, lengths, multiroot)
    assert sound.tolist() == [False, False, False, False, True]
    (found,) = torch.autograd.grad(value.sum(), arcs)
    torch.testing.assert_close(found.sum((1, 2)), torch.tensor([0.0, 0, 0, 0, 5], dtype=torch.float64))  # a head each


@pytest.mark.parametrize("multiroot", [False, True])
def test_padding_and_company_change_nothing(multiroot):
    alone = dependency(Scores(3), [5], multiroot)
    arcs = Scores(9)(3, 9, 9)
    arcs[1, :6, :6] = alone.potentials[0][0]
    arcs[1, 6:], arcs[2, :, 4:] = -torch.inf, torch.nan
    among = Dependency(arcs, torch.tensor([8, 5, 3]), multiroot)
    torch.testing.assert_close(among.log_partition[1], alone.log_partition[0])
    torch.testing.assert_close(among.marginals[0][1, :6, :6], alone.marginals[0][0])
    assert (among.marginals[0][1:, :, 6:] == 0).all()
    assert torch.equal(among.mode[1], torch.cat([alone.mode[0], torch.zeros(3, dtype=torch.int64)]))
    assert (among.sample((20,))[:, 1, 5:] == 0).all()


@pytest.mark.parametrize("multiroot", [False, True])
@pytest.mark.parametrize("anything", [math.nan, math.inf, 1e300, -math.inf])
@pytest.mark.parametrize("scale", [1.0, 1e4])  # the second is computed in log space
def test_what_points_to_the_root_or_to_itself_or_into_padding_is_never_read(scale, anything, multiroot):
    mine = dependency(Scores(3, scale), [30, 20], multiroot)
    (arcs,) = mine.potentials
    filled = arcs.clone()
    filled[:, :, 0], filled[1, 21:], filled[1, :, 21:] = anything, anything, anything
    filled.diagonal(0, 1, 2).fill_(anything)
    other = mine.replace([filled])
    torch.testing.assert_close(other.log_partition, mine.log_partition)
    torch.testing.assert_close(other.marginals[0], mine.marginals[0])
    assert torch.equal(other.mode, mine.mode)


def test_one_word_hangs_on_the_root_and_of_two_one_or_both_do():
    for multiroot in (False, True):
        mine = dependency(Scores(4), [1, 2], multiroot)
        (arcs,) = mine.potentials
        assert mine.log_partition[0] == arcs[0, 0, 1]
        assert mine.mode[0].tolist() == [0, 0]
        first, second = arcs[1, 0, 1] + arcs[1, 1, 2], arcs[1, 0, 2] + arcs[1, 2, 1]
        both = arcs[1, 0, 1] + arcs[1, 0, 2]
        want = torch.stack([first, second, both] if multiroot else [first, second]).logsumexp(0)
        torch.testing.assert_close(mine.log_partition[1], want)


def test_other_potentials_have_a_partition_of_their_own():
    mine = dependency(Scores(5), [4, 2])
    before = mine.log_partition
    other = mine.replace([mine.potentials[0] + 1.0])
    torch.testing.assert_close(other.log_partition - before, torch.tensor([4.0, 2.0], dtype=torch.float64))


def test_differentiating_marginals_is_refused():
    mine = dependency(Scores(7), [4, 3])
    leaf = mine.potentials[0].clone().requires_grad_()
    (marginals,) = mine.replace([leaf]).marginals
    with pytest.raises(RuntimeError, match=r"differentiable once.*inside\(LOG\)"):
        marginals.square().sum().backward()
    (marginals,) = mine.replace([leaf]).marginals
    with pytest.raises(RuntimeError, match=r"differentiable once.*inside\(LOG\)"):
        torch.autograd.grad(marginals.square().sum(), leaf)


def test_a_sentence_too_long_is_refused_before_anything_is_allocated():
    words = 40_000
    arcs = torch.zeros(1, 1, 1).expand(2, words + 1, words + 1)
    with pytest.raises(UserError, match=r"2 sentences of up to 40000 words needs .* more than \d+ words"):
        Dependency(arcs, torch.tensor([words, 3])).log_partition  # noqa: B018
