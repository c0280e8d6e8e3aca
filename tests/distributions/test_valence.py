"""The dependency model with valence against its own story, brute force, finite differences, and log space."""

import math
from math import comb

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.distributions.enumerated import Enumerated
from tests.distributions.scores import Scores
from tests.distributions.trees import all_heads, dependency, projective, valence
from torch.autograd import gradcheck
from torch.distributions import kl_divergence

from undersong.distributions import Valence
from undersong.distributions.log_heads import LogHeads
from undersong.distributions.semirings import LOG
from undersong.errors import UserError

LENGTHS = [[1], [2], [3, 1], [4, 2, 1], [2, 3, 3], [5, 4]]


@pytest.mark.parametrize("forbidden", [0.0, 0.05])
@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_all_of_it_against_enumeration(lengths, scale, forbidden):
    for seed, alike in ((0, False), (1, True)):
        mine, other = (valence(Scores(seed + s, scale, forbidden, alike=alike), lengths) for s in (0, 100))
        listed = Enumerated(mine, all_heads(lengths))
        assert listed.check() == sum(comb(3 * n - 2, n - 1) // n for n in lengths)
        against = Enumerated(other, all_heads(lengths))
        assert listed.check_kl(against) == int((listed.possible & against.possible).sum())


def test_kl_is_finite_where_what_the_other_forbids_is_in_no_tree():
    """The second forbids parts that the first allows; in the third sentence no tree of the first has any of them."""
    mine, other = (Enumerated(valence(Scores(seed, 1.0, 0.05), [3, 1, 4]), all_heads([3, 1, 4])) for seed in (21, 1021))
    assert mine.check_kl(other) == 3
    assert kl_divergence(mine.dist, other.dist).isfinite().tolist() == [False, True, True]


def story(heads, root, attach, decide):
    """The generative story of Klein and Manning (2004), told head by head from the nearest child out."""
    words = len(heads)
    total = root[heads.index(0)]
    for h in range(1, words + 1):
        sides = [
            [c for c in range(h - 1, 0, -1) if heads[c - 1] == h],
            [c for c in range(h + 1, words + 1) if heads[c - 1] == h],
        ]
        for side, children in enumerate(sides):
            for number, c in enumerate(children):
                v = min(number, 1)
                total += decide[h - 1][side][v][1] + attach[h - 1][c - 1][v]
            total += decide[h - 1][side][min(len(children), 1)][0]
    return total


def test_the_score_is_the_generative_story():
    import itertools

    mine = valence(Scores(0), [4])
    root, attach, decide = (p[0].tolist() for p in mine.potentials)
    trees = set(projective(4, False))
    for heads in itertools.product(range(-1, 6), repeat=4):
        want = story(heads, root, attach, decide) if heads in trees else -math.inf
        assert mine.score(torch.tensor([heads])).item() == pytest.approx(want)


def test_counts_are_those_of_projective_trees_with_one_root():
    lengths = [1, 2, 3, 4, 9, 17, 30]
    b, t = len(lengths), 30
    wide = torch.float64
    nothing = torch.zeros(b, t, dtype=wide), torch.zeros(b, t, t, 2, dtype=wide), torch.zeros(b, t, 2, 2, 2, dtype=wide)
    mine = Valence(*nothing, torch.tensor(lengths))
    assert mine.log_partition.exp().tolist() == pytest.approx([math.comb(3 * n - 2, n - 1) // n for n in lengths])
    root, attach, decide = mine.marginals
    assert root.sum(1).tolist() == pytest.approx([1.0] * b)
    assert attach.sum((1, 2, 3)).tolist() == pytest.approx([n - 1.0 for n in lengths])
    assert decide[..., 0].sum((1, 2, 3)).tolist() == pytest.approx([2.0 * n for n in lengths])  # each side stops once
    assert decide[..., 1].sum((1, 2, 3)).tolist() == pytest.approx([n - 1.0 for n in lengths])


def test_without_valence_it_is_a_dependency_tree():
    plain = dependency(Scores(5), [6, 3, 1])
    (arcs,) = plain.potentials
    mine = Valence(
        arcs[:, 0, 1:], arcs[:, 1:, 1:, None].expand(-1, -1, -1, 2), arcs.new_zeros(3, 6, 2, 2, 2), plain.lengths
    )
    torch.testing.assert_close(mine.log_partition, plain.log_partition)
    torch.testing.assert_close(mine.marginals[1].sum(-1), plain.marginals[0][:, 1:, 1:])
    assert torch.equal(mine.mode, plain.mode)


def test_probabilities_over_all_sentences_sum_to_at_most_one():
    """A grammar over one tag: the probabilities of all sentences up to 25 words, all trees summed."""
    go, words = 0.15, 25
    stop = torch.tensor([[1 - go, go], [1 - go, go]], dtype=torch.float64).log()  # by valence
    decide = stop.expand(1, words, 2, 2, 2)
    nothing = torch.zeros(words, words, dtype=torch.float64)
    mine = Valence(
        nothing,
        torch.zeros(words, words, words, 2, dtype=torch.float64),
        decide.expand(words, -1, -1, -1, -1),
        torch.arange(1, words + 1),
    )
    assert mine.log_partition.exp().sum().item() == pytest.approx(1.0, abs=1e-3)


def test_gradients_against_finite_differences():
    mine = valence(Scores(1), [3, 1])
    weight = torch.tensor([1.0, -2.0], dtype=torch.float64)
    potentials = [p.clone().requires_grad_() for p in mine.potentials]
    assert gradcheck(lambda *p: mine.replace(p).log_partition * weight, potentials)


def test_samples_have_their_probabilities():
    torch.manual_seed(0)
    free, *some = (
        Enumerated(valence(Scores(seed, 1.0, share), [3, 1, 4]), all_heads([3, 1, 4]))
        for seed, share in ((3, 0.0), (4, 0.05), (5, 0.05), (6, 0.05))
    )
    assert free.check_samples(2000) == 2  # one word has one tree
    assert sum(listed.check_samples(2000) for listed in some) > 2
    large = (Scores(seed, scale, alike=True) for seed in range(4) for scale in (100.0, 1e4))
    assert sum(Enumerated(valence(scores, [3, 1, 4]), all_heads([3, 1, 4])).check_samples(2000) for scores in large) > 2


@settings(max_examples=80, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    scale=st.sampled_from([0.1, 1.0, 10.0, 60.0, 300.0, 1e4]),
    forbidden=st.sampled_from([0.0, 0.03, 0.3]),
    single=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_the_fast_path_is_right_for_any_scores(lengths, scale, forbidden, single, seed):
    mine = valence(Scores(seed, scale, forbidden, torch.float32 if single else torch.float64), lengths)
    leaves = [p.double().requires_grad_() for p in mine.potentials]
    plain = mine.replace(leaves).inside(LOG)
    want = torch.autograd.grad(plain.sum(), leaves)
    relative, absolute = (1e-6, 1e-5) if single else (1e-11, 1e-9)
    torch.testing.assert_close(mine.log_partition.double(), plain.detach(), rtol=relative, atol=absolute)
    for ours, exact, score in zip(mine.marginals, want, mine.potentials, strict=True):
        torch.testing.assert_close(ours.double(), exact, rtol=20 * relative, atol=absolute)
        assert (ours[score == -torch.inf] == 0).all()


def test_products_hold_ordinary_scores_and_are_refused_where_they_do_not():
    def sound(scale, length):
        mine = valence(Scores(0, scale), [length])
        return LogHeads.apply(*mine._arcs(), mine.lengths, False)[1].item()

    assert sound(1.0, 40)
    assert sound(3.0, 20)
    assert not sound(1e3, 30)


def test_padding_and_company_change_nothing():
    alone = valence(Scores(3), [5])
    noise = Scores(9)
    root, attach, decide = noise(3, 8), noise(3, 8, 8, 2), noise(3, 8, 2, 2, 2)
    for into, (one,) in zip((root[1, :5], attach[1, :5, :5], decide[1, :5]), alone.potentials, strict=True):
        into.copy_(one)
    root[1, 5:], attach[2, :, 4:], decide[1, 5:] = -torch.inf, torch.nan, -torch.inf
    among = Valence(root, attach, decide, torch.tensor([8, 5, 3]))
    torch.testing.assert_close(among.log_partition[1], alone.log_partition[0])
    torch.testing.assert_close(among.entropy()[:2][1], alone.entropy()[0])
    torch.testing.assert_close(among.marginals[1][1, :5, :5], alone.marginals[1][0])
    assert (among.marginals[1][1:, :, 5:] == 0).all()
    assert (among.marginals[2][1, 5:] == 0).all()
    assert torch.equal(among.mode[1], torch.cat([alone.mode[0], torch.zeros(3, dtype=torch.int64)]))


@pytest.mark.parametrize("anything", [math.nan, math.inf, 1e300, -math.inf])
@pytest.mark.parametrize("scale", [1.0, 1e4])  # the second is computed in log space
def test_what_points_to_itself_or_into_padding_is_never_read(scale, anything):
    mine = valence(Scores(3, scale), [30, 20])
    root, attach, decide = (p.clone() for p in mine.potentials)
    root[1, 20:], attach[1, 20:], attach[1, :, 20:], decide[1, 20:] = (anything,) * 4
    attach.diagonal(0, 1, 2).fill_(anything)
    other = mine.replace([root, attach, decide])
    torch.testing.assert_close(other.log_partition, mine.log_partition)
    for ours, want in zip(other.marginals, mine.marginals, strict=True):
        torch.testing.assert_close(ours, want)
    assert torch.equal(other.mode, mine.mode)


def test_one_word_and_two():
    mine = valence(Scores(4), [1, 2])
    root, attach, decide = mine.potentials
    torch.testing.assert_close(mine.log_partition[0], root[0, 0] + decide[0, 0, :, 0, 0].sum())
    ends = [decide[1, 0, 0, 0, 0] + decide[1, 1, 1, 0, 0], decide[1, 0].sum() * 0]  # outer sides never have a child
    first = root[1, 0] + decide[1, 0, 1, 0, 1] + attach[1, 0, 1, 0] + decide[1, 0, 1, 1, 0] + decide[1, 1, 0, 0, 0]
    second = root[1, 1] + decide[1, 1, 0, 0, 1] + attach[1, 1, 0, 0] + decide[1, 1, 0, 1, 0] + decide[1, 0, 1, 0, 0]
    torch.testing.assert_close(mine.log_partition[1], torch.logaddexp(first, second) + ends[0])


def test_a_sentence_too_long_is_refused_before_anything_is_allocated():
    words = 40_000
    one = torch.zeros(1, 1, 1, 1, 1)
    root, attach, decide = (
        one[0, 0, 0].expand(1, words),
        one[0].expand(1, words, words, 2),
        one.expand(1, words, 2, 2, 2),
    )
    with pytest.raises(UserError, match=r"1 sentences of up to 40000 words needs .* more than \d+ words"):
        Valence(root, attach, decide, torch.tensor([words])).log_partition  # noqa: B018
