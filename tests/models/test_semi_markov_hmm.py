"""The hidden semi-Markov model against enumeration of all segmentations, and its networks against plain loops."""

import itertools
from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.models.learning import directional_derivative, system
from tests.models.sequences import SENTENCES

from undersong.data.batch import BOS, EOS, PAD, Batch
from undersong.draw import draw
from undersong.errors import UserError
from undersong.learning import Gradient
from undersong.models import ExactModel
from undersong.models.semi_markov_hmm import SemiMarkovHMM
from undersong.nets.segments import BagSegments, RecurrentSegments, log_mixed

NETS = [partial(RecurrentSegments, size=6), partial(BagSegments, size=6)]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def log_words(net, words: list[int], state: int) -> torch.Tensor:
    """log p(words | state) of one segment, a word at a time over the whole vocabulary."""
    scores = net.words(net.states[state])
    forbidden = torch.zeros_like(scores)
    forbidden[[PAD, BOS, EOS]] = -torch.inf
    if isinstance(net, BagSegments):
        p = (scores + forbidden).log_softmax(-1)
        return sum(p[w] for w in words)
    before = torch.tensor([[BOS, *words[:-1]]])
    hidden = net.gru(net.embed(before))[0][0]
    p = (net.after(hidden) + scores + forbidden).log_softmax(-1)
    return sum(p[j, w] for j, w in enumerate(words))


def cuts(length: int, longest: int):
    """All ways to cut ``length`` words: lists of sizes."""
    if length == 0:
        yield []
    for first in range(1, min(length, longest) + 1):
        for rest in cuts(length - first, longest):
            yield [first, *rest]


def enumerated(model: SemiMarkovHMM, words: list[int]) -> dict[tuple[int, ...], torch.Tensor]:
    """log p(x, z) of every z, written as the distribution writes it."""
    start, rows, length = model.initial(), model.transition(), model.length()
    found = {}
    for sizes in cuts(len(words), model.longest):
        for states in itertools.product(range(model.latent), repeat=len(sizes)):
            score, at, z = start[states[0]] + rows[states[-1], -1], 0, [-1] * len(words)
            for size, state in zip(sizes, states, strict=True):
                score = score + length[state, size - 1] + log_words(model.segments, words[at : at + size], state)
                z[at] = state * model.longest + size - 1
                at += size
            found[tuple(z)] = score + sum(rows[a, b] for a, b in itertools.pairwise(states))
    return found


def words_of(row: int) -> list[int]:
    return SENTENCES.tokens[row, : SENTENCES.lengths[row]].tolist()


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("longest", [1, 2, 3, 6])
def test_log_p_x_sums_over_every_segmentation(net, longest):
    model = SemiMarkovHMM(8, states=2, longest=longest, segments=net)
    joints = [enumerated(model, words_of(row)) for row in range(3)]
    expected = torch.stack([torch.stack(list(joint.values())).logsumexp(0) for joint in joints])
    assert torch.allclose(model.log_marginal(SENTENCES), expected, rtol=1e-5)
    q = model.posterior(SENTENCES)
    d = draw(model, SENTENCES, q, q.sample((6,)))
    assert torch.allclose(d.log_w, expected.expand(6, -1), atol=1e-4)
    assert isinstance(model, ExactModel)
    for z, score in joints[0].items():
        there = torch.tensor([*z, -1])[None, None]  # padded to four words
        x = Batch(SENTENCES.tokens[:1], SENTENCES.lengths[:1], SENTENCES.index[:1])
        both = model.log_likelihood(x, there) + model.prior(x).log_prob(there)
        assert torch.allclose(both[0, 0], score, atol=1e-4)


@pytest.mark.parametrize("net", NETS)
def test_tags_restrict_segments(net):
    model = SemiMarkovHMM(8, states=3, longest=2, segments=net)
    tags = torch.full((3, 4), -1)
    tags[0, 1] = tags[2, 3] = 2
    x = replace(SENTENCES, tags=tags)
    expected = []
    for row in range(3):
        agreeing = []
        for z, score in enumerated(model, words_of(row)).items():
            states, now = [], -1
            for part in z:
                now = part // 2 if part >= 0 else now
                states.append(now)
            if all(tag in (-1, k) for tag, k in zip(tags[row].tolist(), states, strict=False)):
                agreeing.append(score)
        expected.append(torch.stack(agreeing).logsumexp(0))
    assert torch.allclose(model.posterior(x, given=True).log_partition, torch.stack(expected), rtol=1e-5)
    with pytest.raises(UserError, match="tag number 9"):
        model.posterior(replace(x, tags=tags + 10 * (tags < 0)), given=True)


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_the_normaliser_is_right_where_its_products_underflow(scale):
    hidden, weight = torch.randn(5, 4), scale * torch.randn(9, 4)
    scores, bias = scale * torch.randn(9, 3), torch.randn(9)
    bias[0] = -torch.inf
    for t in (hidden, weight, scores):
        t.requires_grad_()
    found = log_mixed(hidden, scores, weight, bias)
    expected = ((hidden @ weight.T + bias)[:, :, None] + scores).logsumexp(1)
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-4)
    upstream = torch.randn(5, 3)
    ours = torch.autograd.grad((found * upstream).sum(), (hidden, weight, scores))
    theirs = torch.autograd.grad((expected * upstream).sum(), (hidden, weight, scores))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-3 * scale)


@pytest.mark.parametrize("net", NETS)
def test_gradient_agrees_with_finite_differences(net):
    model = SemiMarkovHMM(8, states=2, longest=3, segments=net).double()
    for parameter in model.parameters():
        found, expected = directional_derivative(lambda: model.log_marginal(SENTENCES).sum(), parameter)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_it_learns_phrases():
    """Text of three fixed phrases: cut into them, little is left to be said of the words within."""
    phrases = [[4, 5, 6], [7, 8], [9, 10, 11]]
    noise = torch.Generator().manual_seed(0)
    chosen = [torch.randint(3, (int(torch.randint(1, 4, (), generator=noise)),), generator=noise) for _ in range(80)]
    x = Batch.of([[w for k in row.tolist() for w in phrases[k]] for row in chosen])
    model = SemiMarkovHMM(12, states=3, longest=3, segments=partial(RecurrentSegments, size=16))
    learner = Gradient(system(model), lr=0.03)
    losses = [float(learner.step(x, step)["loss"]) for step in range(80)]
    fewest = float(torch.tensor([len(row) for row in chosen]).double().mean()) * (torch.tensor(3.0).log() + 0.7)
    assert losses[0] > 2 * losses[-1]
    assert losses[-1] < 1.4 * float(fewest)


def test_dropout_leaves_probabilities_that_sum_to_one():
    net = RecurrentSegments(8, 2, size=6, dropout=0.5)
    first = net(Batch.of([[w] for w in (1, 4, 5, 6, 7)]), 2)[:, 0, 0]
    assert torch.allclose(first.exp().sum(0), torch.ones(2), atol=1e-5)


@pytest.mark.parametrize("net", NETS)
def test_samples(net):
    model = SemiMarkovHMM(8, states=2, longest=3, segments=net)
    z, x = model.sample(3000, max_words=50, generator=torch.Generator().manual_seed(0))
    assert (model.prior(x).score(z) > -torch.inf).all()
    assert int(x.tokens[x.mask[:, 1:]].min()) in (1, 4)
    assert not x.tokens[~x.mask[:, 1:]].any()
    p = float(model.initial().detach().exp()[0])
    first = float((z[:, 0] // 3 == 0).double().mean())
    assert abs(first - p) < 4 * (p * (1 - p) / 3000) ** 0.5
    one = Batch.of([[4], [5], [6], [7], [1]])
    p_one = float(model.log_marginal(one).detach().exp().sum())
    found = float((x.lengths == 1).double().mean())
    assert abs(found - p_one) < 4 * (p_one * (1 - p_one) / 3000) ** 0.5 + 1e-9
    cut_z, cut = model.sample(200, max_words=2, generator=torch.Generator().manual_seed(1))
    assert int(cut.lengths.max()) == 2
    assert (model.prior(cut).score(cut_z) > -torch.inf).all()


@pytest.mark.parametrize("net", NETS)
def test_an_empty_sentence_is_impossible_and_never_nan(net):
    model = SemiMarkovHMM(8, states=2, segments=net)
    found = model.log_marginal(Batch.of([[5, 6], []]))
    assert found[1] == -torch.inf
    found[0].backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    assert torch.allclose(found[0], model.log_marginal(Batch.of([[5, 6]]))[0])
    with pytest.raises(UserError, match="longest is 0: it must be at least 1"):
        SemiMarkovHMM(8, longest=0)
