"""Linear chains against brute force, finite differences, torch_struct, and the same chain in other clothes."""

import itertools

import pytest
import torch
import torch_struct
from tests.distributions.chains import SHAPES, chain, sequences
from tests.distributions.enumerated import Enumerated
from torch.autograd import gradcheck, gradgradcheck
from torch.distributions import kl_divergence

from undersong.distributions import Chain, Structured
from undersong.distributions.semirings import LOG

CASES = [
    (lengths, states, shape, final, forbidden)
    for lengths, states in [([1], 1), ([1], 3), ([5], 2), ([4, 1, 3], 3), ([2, 2], 2), ([1, 5], 2), ([3, 4, 2, 1], 1)]
    for shape in SHAPES
    for final in (True, False)
    for forbidden in (0.0, 0.15)
]


@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
@pytest.mark.parametrize(("lengths", "states", "shape", "final", "forbidden"), CASES)
def test_all_of_it_against_enumeration(lengths, states, shape, final, forbidden, scale):
    for seed, alike in ((0, False), (1, True)):
        mine, other = (chain(seed + s, lengths, states, shape, final, forbidden, scale, alike=alike) for s in (0, 100))
        listed = Enumerated(mine, sequences(lengths, states))
        assert listed.check() == sum(states**length for length in lengths)
        against = Enumerated(other, sequences(lengths, states))
        assert listed.check_kl(against) == int((listed.possible & against.possible).sum())


def test_the_score_is_the_sum_that_the_docstring_says():
    mine, z = chain(0, [3, 2], 3), torch.tensor([[2, 0, 1], [1, 2, 0]])
    initial, between, emission, final = (p.tolist() for p in mine.potentials)
    t = between[0][0]
    first = initial[0][2] + emission[0][0][2] + t[2][0] + emission[0][1][0] + t[0][1] + emission[0][2][1] + final[0][1]
    second = initial[0][1] + emission[1][0][1] + t[1][2] + emission[1][1][2] + final[0][2]
    assert mine.score(z).tolist() == pytest.approx([first, second])
    assert mine.score(z[None].expand(5, -1, -1)).shape == (5, 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_samples_have_their_probabilities(shape):
    torch.manual_seed(0)
    free, *some = (
        Enumerated(chain(seed, [3, 1, 2], 3, shape, forbidden=share), sequences([3, 1, 2], 3)).check_samples()
        for seed, share in ((3, 0.0), *((seed, 0.25) for seed in range(4)))
    )
    assert free == 3
    assert sum(some) > 2, "what is forbidden leaves something to sample"
    large = (chain(seed, [3, 1, 2], 3, shape, scale=scale, alike=True) for seed in range(3) for scale in (100.0, 1e4))
    assert sum(Enumerated(mine, sequences([3, 1, 2], 3)).check_samples() for mine in large) > 2


def test_the_general_way_of_sampling_is_as_exact():
    torch.manual_seed(0)

    class General(Chain):
        _sample = Structured._sample

    initial, between, emission, final = chain(3, [3, 1, 2], 3, "own").potentials
    mine = General(initial, between[:, 0], emission, torch.tensor([3, 1, 2]), final)
    assert Enumerated(mine, sequences([3, 1, 2], 3)).check_samples() == 3


def test_samples_of_chains_that_no_scaling_holds():
    """Emissions leave the first state, transitions forbid it nearly: both matter, far below the smallest float."""
    torch.manual_seed(0)
    emission = torch.tensor([[[0.0, -450.0], [-900.0, 0.0], [0.0, -449.0]]], dtype=torch.float32)
    between = torch.tensor([[0.0, -900.0], [-900.0, -1.0]])
    mine = Chain(torch.zeros(2), between, emission, torch.tensor([3])).wide
    near = Chain(*(p.float() for p in mine.potentials[:3]), mine.lengths)
    z = near.sample((2000,))
    listed = Enumerated(mine, sequences([3], 2))
    p = listed.probabilities(0)
    assert 0.05 < p.max() < 0.95
    for structure, want in zip(listed.structures[0], p, strict=True):
        seen = (z[:, 0] == structure).all(-1).double().mean()
        assert abs(seen - want) < 4 * (want * (1 - want) / 2000) ** 0.5 + 1e-9


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_and_gradients_of_gradients(shape):
    mine = chain(1, [3, 1, 2], 2, shape)
    potentials = [p.clone().requires_grad_() for p in mine.potentials]

    def total(*p):
        return Chain(p[0], p[1], p[2], mine.lengths, p[3]).log_partition

    assert gradcheck(total, potentials)
    assert gradgradcheck(total, potentials)


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("forbidden", [0.0, 0.15])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_of_marginals_is_that_of_plain_operations(shape, forbidden, scale):
    """Forbidden scores too, which finite differences cannot move; one sentence has no structure at all."""
    torch.manual_seed(0)
    mine = chain(2, [4, 2, 3, 1], 3, shape, forbidden=forbidden, scale=scale, alike=scale > 1)
    if forbidden:
        mine.potentials[2][3, 0] = -torch.inf
        assert mine.log_partition.isfinite().tolist()[1:] == [True, True, False]
    potentials = [p.clone().requires_grad_() for p in mine.potentials]
    weight = torch.randn_like(potentials[2])
    found = []
    for total in (lambda c: c.log_partition, lambda c: c.inside(LOG)):
        marginal = torch.autograd.grad(total(mine.replace(potentials)).sum(), potentials[2], create_graph=True)[0]
        found.append(torch.autograd.grad((weight * marginal).sum(), potentials, materialize_grads=True))
    assert max(ours.abs().max() for ours in found[0]) > 1e-3, "there is something to compare"
    for ours, plain in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain)
        assert ours.isfinite().all()
    own = torch.autograd.grad((weight * mine.replace(potentials).marginals[2]).sum(), potentials[2])[0]
    torch.testing.assert_close(own, found[1][2])


def test_entropy_and_kl_are_differentiable():
    mine, other = chain(0, [3, 2], 2), chain(1, [3, 2], 2)
    potentials = [p.clone().requires_grad_() for p in mine.potentials]
    assert gradcheck(lambda *p: mine.replace(p).entropy(), potentials)
    assert gradcheck(lambda *p: kl_divergence(mine.replace(p), other), potentials)
    assert gradcheck(lambda *p: kl_divergence(other, mine.replace(p)), potentials)


def test_kl_between_chains_that_share_and_that_do_not():
    shared, own, steps = (chain(seed, [3, 1, 2], 2, shape) for seed, shape in enumerate(SHAPES))
    for q, p in itertools.permutations((shared, own, steps), 2):
        assert Enumerated(q, sequences([3, 1, 2], 2)).check_kl(Enumerated(p, sequences([3, 1, 2], 2))) == 3


def test_kl_is_infinite_where_the_other_forbids_what_is_possible_here():
    q = Chain(torch.zeros(2), torch.zeros(2, 2), torch.zeros(2, 2, 2), torch.tensor([2, 1]))
    between = torch.tensor([[0.0, -torch.inf], [0.0, 0.0]])
    p = Chain(torch.zeros(2), between, torch.zeros(2, 2, 2), torch.tensor([2, 1]))
    assert kl_divergence(q, p).tolist() == [torch.inf, 0.0]
    assert kl_divergence(p, q).tolist() == pytest.approx([torch.log(torch.tensor(4 / 3)).item(), 0.0])


def test_kl_of_other_structures_has_no_closed_form():
    from tests.distributions.chains import semi_markov

    with pytest.raises(NotImplementedError, match="same structures"):
        kl_divergence(chain(0, [2], 2), semi_markov(0, [2], 2, 2))


def test_expectation_of_counts_is_the_expected_counts():
    mine = chain(0, [4, 2], 3)
    counted = [torch.zeros_like(p) for p in mine.potentials]
    counted[1][..., 1, 2] = 1.0
    assert mine.expectation(counted).sum().item() == pytest.approx(mine.marginals[1][0, 0, 1, 2].item())


def test_a_shared_table_gets_the_sum_of_what_each_sentence_would_give_it():
    mine = chain(0, [4, 2, 3], 3)
    between = mine.potentials[1][0, 0]
    alone = Chain(mine.potentials[0], between.expand(3, -1, -1), mine.potentials[2], mine.lengths, mine.potentials[3])
    torch.testing.assert_close(mine.marginals[1][0, 0], alone.marginals[1].sum((0, 1)))
    assert mine.marginals[1].sum().item() == pytest.approx(3 + 1 + 2)
    torch.testing.assert_close(mine.marginals[2].sum(-1), (torch.arange(4) < mine.lengths[:, None]).double())


def test_sentences_are_weighed_apart():
    mine = chain(0, [4, 2, 3], 3, "own")
    potentials = [p.clone().requires_grad_() for p in mine.potentials]
    weight = torch.tensor([0.5, 0.0, -2.0], dtype=torch.float64)
    (weight * mine.replace(potentials).log_partition).sum().backward()
    for p, marginal in zip(potentials, mine.marginals, strict=True):
        torch.testing.assert_close(p.grad, marginal * weight.view(-1, *[1] * (marginal.dim() - 1)))


def test_padding_changes_nothing():
    mine = chain(0, [4, 2], 3)
    emission = torch.nn.functional.pad(mine.potentials[2], (0, 0, 0, 3), value=torch.nan)
    emission[1, 2:] = torch.inf
    torch.manual_seed(0)
    z = mine.sample((3,))
    longer = Chain(mine.potentials[0], mine.potentials[1][0, 0], emission, mine.lengths, mine.potentials[3])
    assert torch.equal(longer.log_partition, mine.log_partition)
    for a, b in zip(longer.marginals, mine.marginals, strict=True):
        assert torch.equal(a[:, : b.shape[1]], b)
    torch.manual_seed(0)
    assert torch.equal(longer.sample((3,))[..., :4], z)
    quiet = longer.replace([p.nan_to_num(9.0, 9.0, -torch.inf) for p in longer.potentials])
    torch.testing.assert_close(quiet.entropy(), mine.entropy())
    assert torch.equal(quiet.mode[:, :4], mine.mode)
    assert not quiet.mode[:, 4:].any()
    assert not quiet.mode[1, 2:].any()


def test_order_of_sentences_does_not_matter():
    mine, order = chain(0, [2, 4, 1, 4, 3], 3, "own"), torch.tensor([3, 0, 4, 2, 1])
    other = mine.replace([p[order] for p in mine.potentials], mine.lengths[order])
    torch.testing.assert_close(other.log_partition, mine.log_partition[order])
    for a, b in zip(other.marginals, mine.marginals, strict=True):
        torch.testing.assert_close(a, b[order])


def test_log_partition_is_computed_once_and_has_a_gradient_when_one_is_wanted():
    mine = chain(0, [3], 2)
    mine = mine.replace([p.requires_grad_() for p in mine.potentials])
    with torch.no_grad():
        first = mine.log_partition
        assert mine.log_partition is first
    assert mine.log_partition.requires_grad
    assert mine.log_partition is mine.log_partition


def test_against_torch_struct():
    lengths = [6, 3, 4]
    mine = chain(5, lengths, 4)
    initial, between, emission, final = mine.potentials
    edges = between[:, 0].mT[:, None] + emission[:, 1:, :, None]  # [B, T - 1, to, from]
    edges[:, 0] += (initial + emission[:, 0])[:, None]
    for b, n in enumerate(lengths):
        edges[b, n - 2] += final[0][:, None]
    theirs = torch_struct.LinearChainCRF(edges, torch.tensor(lengths))
    torch.testing.assert_close(mine.log_partition, theirs.partition.squeeze())
    torch.testing.assert_close(mine.marginals[1][0, 0], theirs.marginals.sum((0, 1)).mT)
    torch.testing.assert_close(mine.marginals[2][:, 1:], theirs.marginals.sum(-1))
    torch.testing.assert_close(mine.entropy(), theirs.entropy.squeeze())
