"""Constituency trees against brute force, closed forms, finite differences, torch_struct, and log space."""

import math
import warnings
from functools import partial
from math import comb

import pytest
import torch
import torch_struct
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.distributions.enumerated import Enumerated
from tests.distributions.scores import Scores
from tests.distributions.trees import all_trees, labelled, tree
from torch.autograd import gradcheck

from undersong.distributions import Tree
from undersong.distributions.semirings import LOG
from undersong.errors import UserError

CASES = [
    (lengths, n, p)
    for lengths, n, p in [
        ([2], 1, 1),
        ([3], 2, 1),
        ([4, 1, 2], 1, 2),
        ([2, 3], 2, 2),
        ([1, 4, 3], 2, 1),
        ([5, 2], 1, 1),
    ]
]


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
@pytest.mark.parametrize("forbidden", [0.0, 0.1])
@pytest.mark.parametrize(("lengths", "n", "p"), CASES)
def test_all_of_it_against_enumeration(lengths, n, p, forbidden, scale, own):
    for seed, alike in ((0, False), (1, True)):
        mine, other = (tree(Scores(seed + s, scale, forbidden, alike=alike), lengths, n, p, own) for s in (0, 100))
        listed = Enumerated(mine, all_trees(lengths, n, p))
        catalan = [comb(2 * t - 2, t - 1) // t for t in lengths]
        labels = [n ** (t - 1) * p**t if t > 1 else 1 for t in lengths]  # one word: one, impossible
        assert listed.check() == sum(c * k for c, k in zip(catalan, labels, strict=True))
        against = Enumerated(other, all_trees(lengths, n, p))
        assert listed.check_kl(against) == int((listed.possible & against.possible).sum())


def test_the_score_is_the_sum_that_the_docstring_says():
    mine = tree(Scores(0), [4], 2, 2, own=True)
    root, binary, emission, span = (p[0].tolist() for p in mine.potentials)
    every = list(labelled(0, 3, 2, 2))
    (structures,) = all_trees([4], 2, 2)
    for constituents, z in zip(every[::37], structures[::37], strict=True):
        symbol = {(i, j): a for i, j, a in constituents}
        want = root[symbol[0, 3]]
        for (i, j), a in symbol.items():
            if i == j:
                want += emission[i][a - 2]
                continue
            (k,) = (k for k in range(i, j) if (i, k) in symbol and (k + 1, j) in symbol)
            want += binary[a][symbol[i, k]][symbol[k + 1, j]] + span[i][j][a]
        assert mine.score(z[None]).item() == pytest.approx(want)


def test_what_is_no_tree_has_no_probability():
    mine = tree(Scores(0), [3], 2, 2)
    (good,) = all_trees([3], 2, 2)
    z = good[0].clone()
    assert mine.score(z[None]).isfinite().all()
    for change in ([0, 2, -1], [0, 0, 1], [0, 1, 2], [1, 2, 0], [0, 0, -1], [0, 2, 3], [2, 0, 0]):
        i, j, symbol = change
        bad = z.clone()
        bad[i, j] = symbol if bad[i, j] != symbol else -1
        assert mine.score(bad[None]).tolist() == [-math.inf]


def test_counts_are_catalan_numbers_times_labels():
    lengths = torch.tensor([2, 3, 7, 12])
    n, p, words, wide = 3, 2, 12, partial(torch.zeros, dtype=torch.float64)
    mine = Tree(wide(n), wide(n, n + p, n + p), wide(4, words, p), lengths)
    # The labels of a tree: any nonterminal at each of t - 1 constituents, any preterminal at each of t words.
    want = [math.comb(2 * t - 2, t - 1) // t * n ** (t - 1) * p**t for t in lengths.tolist()]
    assert mine.log_partition.exp().tolist() == pytest.approx(want, rel=1e-9)
    constituents = mine.marginals[3].sum((1, 2, 3))
    assert constituents.tolist() == pytest.approx((lengths - 1).tolist())


def test_gradients_against_finite_differences():
    for own in (False, True):
        mine = tree(Scores(1), [4, 2, 1], 2, 1, own)
        potentials = [p.clone().requires_grad_() for p in mine.potentials]
        weight = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)

        def total(*p, weight=weight, mine=mine):
            each = Tree(p[0], p[1] if len(p[1]) > 1 else p[1][0], p[2], mine.lengths, p[3]).log_partition
            return (each[mine.lengths > 1] * weight[mine.lengths > 1]).sum()

        assert gradcheck(total, potentials)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_struct_finds_the_same(dtype):
    lengths = [6, 2, 9, 4]
    mine = tree(Scores(2, dtype=dtype), lengths, 4, 5, own=True, span=False)
    root, binary, emission, _ = (p.clone() for p in mine.potentials)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torch_struct.SentCFG((emission, binary, root), lengths=torch.tensor(lengths))
        words, rules, roots, spans = theirs.marginals
        total = theirs.partition
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {}
    torch.testing.assert_close(mine.log_partition, total, **tolerance)
    for ours, other in zip(mine.marginals, (roots, rules, words), strict=False):
        torch.testing.assert_close(ours, other, **tolerance)
    for w in range(1, 9):  # theirs: [B, width - 2, first word, N]
        torch.testing.assert_close(
            mine.marginals[3].diagonal(w, 1, 2).transpose(1, 2), spans[:, w - 1, : 9 - w], **tolerance
        )


@pytest.mark.parametrize("own", [False, True])
def test_samples_have_their_probabilities(own):
    torch.manual_seed(0)
    free, *some = (
        Enumerated(tree(Scores(seed, 1.0, share), [3, 2, 4], 2, 1, own), all_trees([3, 2, 4], 2, 1))
        for seed, share in ((5, 0.0), (7, 0.1), (8, 0.1), (9, 0.1))
    )
    assert free.check_samples(2000) == 3
    assert sum(listed.check_samples(2000) for listed in some) > 2
    large = (Scores(seed, scale, alike=True) for seed in range(4) for scale in (100.0, 1e4))
    assert (
        sum(
            Enumerated(tree(scores, [3, 2, 4], 2, 1, own), all_trees([3, 2, 4], 2, 1)).check_samples(2000)
            for scores in large
        )
        > 2
    )


def test_samples_of_longer_sentences_agree_with_marginals():
    torch.manual_seed(0)
    mine = tree(Scores(6, dtype=torch.float32), [7, 9], 3, 4)
    n = 1000
    z = mine.sample((n,))
    assert mine.log_prob(z).isfinite().all()
    assert (-mine.log_prob(z).mean(0) - mine.entropy()).abs().max() < 0.4
    for symbol in range(3):
        seen, p = (z == symbol).double().mean(0), mine.marginals[3][..., symbol].double()
        assert ((seen - p).abs() <= 4.5 * (p * (1 - p) / n).sqrt() + 1e-6).all()


def test_samples_that_no_scaling_holds():
    """Two trees are alike, and both far below the smallest number beside what neither rule allows."""
    torch.manual_seed(0)
    span = torch.zeros(1, 3, 3, 1)
    span[0, 0, 1], span[0, 1, 2] = -9000.0, -9000.0 + math.log(3)
    mine = Tree(torch.zeros(1), torch.zeros(1, 2, 2), torch.zeros(1, 3, 1), torch.tensor([3]), span)
    z = mine.sample((2000,))
    assert abs((z[:, 0, 1, 2] == 0).double().mean() - 0.75) < 0.04
    assert mine.log_partition.item() == pytest.approx(-9000 + math.log(4))


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    n=st.integers(1, 3),
    p=st.integers(1, 3),
    own=st.booleans(),
    scale=st.sampled_from([0.1, 1.0, 10.0, 60.0, 300.0, 1e4]),
    forbidden=st.sampled_from([0.0, 0.1, 0.4]),
    single=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_the_fast_path_is_right_for_any_scores(lengths, n, p, own, scale, forbidden, single, seed):
    dtype = torch.float32 if single else torch.float64
    mine = tree(Scores(seed, scale, forbidden, dtype), lengths, n, p, own)
    leaves = [q.double().requires_grad_() for q in mine.potentials]
    plain = mine.replace(leaves).inside(LOG)
    want = torch.autograd.grad(plain.sum(), leaves, materialize_grads=True)
    relative, absolute = (1e-6, 1e-5) if single else (1e-11, 1e-9)
    torch.testing.assert_close(mine.log_partition.double(), plain.detach(), rtol=relative, atol=absolute)
    for ours, exact, score in zip(mine.marginals, want, mine.potentials, strict=True):
        torch.testing.assert_close(ours.double(), exact, rtol=20 * relative, atol=absolute)
        assert (ours[score == -torch.inf] == 0).all()


def test_scaling_holds_ordinary_scores_and_is_refused_where_it_does_not():
    assert tree(Scores(0, dtype=torch.float32), [12, 5], 3, 4)._scaled()[1].all()
    assert not tree(Scores(0, 1e3, dtype=torch.float32), [12, 5], 3, 4)._scaled()[1].any()


def test_scaling_holds_given_trees():
    """Only right-branching constituents are allowed: what is impossible leaves no scale behind."""
    lengths = [25, 9]
    mine = tree(Scores(0, dtype=torch.float32), lengths, 3, 4, span=False)
    root, binary, emission, _ = mine.potentials
    span = torch.full((2, 25, 25, 3), -torch.inf)
    for b, length in enumerate(lengths):
        span[b, :length, length - 1] = 0.0
    given = Tree(root[0], binary[0], emission - 9, mine.lengths, span)
    value, sound = given._scaled()
    assert sound.all()
    torch.testing.assert_close(value, given.wide.inside(LOG), rtol=1e-6, atol=1e-5)
    assert (given.mode.diagonal(1, 1, 2)[:, :7] == -1).all()


@pytest.mark.parametrize("own", [False, True])
def test_padding_and_company_change_nothing(own):
    alone = tree(Scores(3), [5], 3, 2, own)
    root, binary, emission, span = alone.potentials
    noise = Scores(9)
    words, extra = noise(3, 8, 2), noise(3, 8, 8, 3)
    words[1, :5], extra[1, :5, :5] = emission[0], span[0]
    rows = (lambda t: torch.cat([noise(*t.shape), t, noise(*t.shape)])) if own else (lambda t: t[0])
    among = Tree(rows(root), rows(binary), words, torch.tensor([8, 5, 3]), extra)
    torch.testing.assert_close(among.log_partition[1], alone.log_partition[0])
    torch.testing.assert_close(among.entropy()[1], alone.entropy()[0])
    torch.testing.assert_close(among.marginals[2][1, :5], alone.marginals[2][0])
    torch.testing.assert_close(among.marginals[3][1, :5, :5], alone.marginals[3][0])
    assert (among.marginals[2][1, 5:] == 0).all()
    assert torch.equal(among.mode[1, :5, :5], alone.mode[0])
    assert (among.mode[1, 5:] == -1).all()


def test_one_word_has_no_tree_and_two_have_one_constituent():
    mine = tree(Scores(4), [1, 2], 2, 2)
    assert mine.log_partition[0] == -torch.inf
    (one,) = tree(Scores(4), [1], 2, 2).log_partition
    assert one == -torch.inf
    root, binary, emission, span = mine.potentials
    pair = emission[1, 0][:, None] + emission[1, 1]
    want = (root[0][:, None, None] + span[1, 0, 1][:, None, None] + binary[0, :, 2:, 2:] + pair).flatten().logsumexp(0)
    torch.testing.assert_close(mine.log_partition[1], want)
    assert all(m.isfinite().all() for m in mine.marginals)


def test_entropy_has_a_gradient():
    mine = tree(Scores(7), [3, 2], 2, 1)
    potentials = [p.clone().requires_grad_() for p in mine.potentials]
    assert gradcheck(lambda *p: mine.replace(p).entropy(), potentials)


def test_gradients_of_gradients_are_refused():
    mine = tree(Scores(7), [4, 3], 2, 2)
    potentials = [p.clone().requires_grad_() for p in mine.potentials]
    marginals = mine.replace(potentials).marginals
    torch.testing.assert_close(marginals, mine.marginals)
    with pytest.raises(RuntimeError, match=r"differentiable once.*inside\(LOG\)"):
        marginals[0].sum().backward()
    for leaf in potentials:
        with pytest.raises(RuntimeError, match=r"differentiable once.*inside\(LOG\)"):
            torch.autograd.grad(mine.replace(potentials).marginals[1].square().sum(), leaf)


def test_a_sentence_too_long_is_refused_before_anything_is_allocated():
    words, n, p = 20_000, 30, 60
    emission = torch.zeros(1, 1, 1).expand(1, words, p)
    with pytest.raises(UserError, match=r"needs [\d.]+ GB .* leave out sentences of more than \d+ words"):
        Tree(torch.zeros(n), torch.zeros(n, n + p, n + p), emission, torch.tensor([words])).log_partition  # noqa: B018
