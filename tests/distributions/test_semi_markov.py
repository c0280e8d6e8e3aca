"""Semi-Markov chains against brute force, closed forms, torch_struct, and plain chains."""

import pytest
import torch
import torch_struct
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.distributions.chains import chain, segmentations, semi_markov
from tests.distributions.enumerated import Enumerated
from torch.autograd import gradcheck, gradgradcheck

from undersong.distributions import SemiMarkov

CASES = [
    (lengths, states, longest, own, forbidden)
    for lengths, states, longest in [([1], 1, 1), ([1], 3, 2), ([4], 2, 3), ([4, 1, 3], 2, 2), ([3, 2], 3, 4)]
    for own in (False, True)
    for forbidden in (0.0, 0.15)
]


def number(words, states, longest):
    """How many segmentations a sentence has."""
    return (
        1 if words == 0 else states * sum(number(words - n, states, longest) for n in range(1, min(words, longest) + 1))
    )


@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
@pytest.mark.parametrize(("lengths", "states", "longest", "own", "forbidden"), CASES)
def test_all_of_it_against_enumeration(lengths, states, longest, own, forbidden, scale):
    structures = segmentations(lengths, states, longest)
    for seed, alike in ((0, False), (1, True)):
        mine, other = (
            semi_markov(seed + s, lengths, states, longest, own, forbidden, scale, alike=alike) for s in (0, 100)
        )
        listed = Enumerated(mine, structures)
        assert listed.check() == sum(number(length, states, longest) for length in lengths)
        against = Enumerated(other, structures)
        assert listed.check_kl(against) == int((listed.possible & against.possible).sum())


def test_samples_have_their_probabilities():
    torch.manual_seed(0)
    free, *some = (
        Enumerated(semi_markov(seed, [3, 1, 2], 2, 2, forbidden=share), segmentations([3, 1, 2], 2, 2))
        for seed, share in ((1, 0.0), *((seed, 0.2) for seed in range(4)))
    )
    assert free.check_samples() == 3
    assert sum(listed.check_samples() for listed in some) > 2
    large = (semi_markov(seed, [3, 1, 2], 2, 2, scale=scale, alike=True) for seed in range(4) for scale in (100.0, 1e4))
    assert sum(Enumerated(mine, segmentations([3, 1, 2], 2, 2)).check_samples() for mine in large) > 2


def test_the_number_of_segmentations_is_the_closed_form():
    """With segments of any length there are K (1 + K)^(T - 1) of them."""
    mine = SemiMarkov(torch.zeros(3), torch.zeros(3, 3), torch.zeros(1, 8, 8, 3), torch.tensor([8]))
    assert mine.log_partition.double().exp().item() == pytest.approx(3 * 4**7, rel=1e-5)


def test_segments_of_one_word_are_a_chain():
    plain = chain(0, [4, 2], 3)
    initial, between, emission, final = plain.potentials
    mine = SemiMarkov(initial, between[0, 0], emission[:, :, None], plain.lengths, final)
    torch.testing.assert_close(mine.log_partition, plain.log_partition)
    torch.testing.assert_close(mine.marginals[2][:, :, 0], plain.marginals[2])
    torch.testing.assert_close(mine.marginals[1], plain.marginals[1][0])


def test_what_is_no_segmentation_has_no_probability():
    mine = semi_markov(0, [3, 3], 2, 2)
    overlap, gap = [1, 0, 2], [0, -1, 0]
    beyond = [0, 0, 1]
    for wrong in (overlap, gap, beyond, [-1, 0, 0], [-1, -1, -1]):
        assert mine.log_prob(torch.tensor([[1, -1, 0], wrong])).isinf().tolist() == [False, True], wrong


def test_gradients_and_gradients_of_gradients():
    mine = semi_markov(1, [3, 1], 2, 2)
    potentials = [p.clone().requires_grad_() for p in mine.potentials]
    assert gradcheck(lambda *p: mine.replace(p).log_partition, potentials)
    assert gradgradcheck(lambda *p: mine.replace(p).log_partition, potentials)


def test_padding_changes_nothing():
    mine = semi_markov(0, [4, 2], 3, 2)
    segment = torch.nn.functional.pad(mine.potentials[2], (0, 0, 0, 0, 0, 2), value=7.0)
    longer = mine.replace([*mine.potentials[:2], segment, mine.potentials[3]])
    torch.testing.assert_close(longer.log_partition, mine.log_partition)
    torch.testing.assert_close(longer.marginals[2][:, :4], mine.marginals[2])
    assert not longer.marginals[2][:, 4:].any()
    longer = SemiMarkov(mine.potentials[0], mine.potentials[1], segment, mine.lengths, mine.potentials[3])
    torch.manual_seed(0)
    z = mine.sample((5,))
    torch.manual_seed(0)
    more = longer.sample((5,))
    assert torch.equal(more[..., :4], z)
    assert (more[..., 4:] == -1).all()


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    states=st.integers(1, 2),
    longest=st.integers(1, 4),
    own=st.booleans(),
    scale=st.sampled_from([0.1, 1.0, 60.0, 1e4]),
    forbidden=st.sampled_from([0.0, 0.15, 0.5]),
    alike=st.booleans(),
    single=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_any_scores_against_enumeration(lengths, states, longest, own, scale, forbidden, alike, single, seed):
    """In single precision too, whose sums are in double: what is rounded is only the end."""
    near = semi_markov(
        seed, lengths, states, longest, own, forbidden, scale, torch.float32 if single else torch.float64, alike
    )
    listed = Enumerated(near.wide, segmentations(lengths, states, longest))
    assert listed.check() == sum(number(length, states, longest) for length in lengths)
    for ours, exact in zip(
        [near.log_partition, *near.marginals], [near.wide.log_partition, *near.wide.marginals], strict=True
    ):
        torch.testing.assert_close(ours, exact.to(ours.dtype), rtol=1e-6 if single else 1e-12, atol=1e-10)
        assert ours.dtype == near.potentials[0].dtype


def test_against_torch_struct():
    """Theirs has a state before the first segment, on which nothing depends here: it is always the first."""
    steps, longest, states = 5, 3, 2
    mine = semi_markov(5, [steps, steps], states, longest)
    initial, between, segment, final = mine.potentials
    edges = torch.full((2, steps, longest + 1, states, states), -1e6, dtype=torch.float64)  # to, from
    for start in range(steps):
        for size in range(1, min(longest, steps - start) + 1):
            edge = segment[:, start, size - 1, :, None] + (between.mT if start else 0.0)
            edge = edge + (final[..., None] if start + size == steps else 0.0)
            if start:
                edges[:, start, size] = edge
            else:
                edges[:, 0, size, :, 0] = edge[..., 0] + initial
    theirs = torch_struct.SemiMarkovCRF(edges)
    torch.testing.assert_close(mine.log_partition, theirs.partition.squeeze())
    torch.testing.assert_close(mine.marginals[2], theirs.marginals[:, :, 1:].sum(-1))
