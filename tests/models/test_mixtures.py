"""Every mixture against enumeration by hand; with exact inference every bound is log p(x)."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from tests.learning.counting import Projected
from torch import nn

from undersong.data.batch import Batch
from undersong.draw import FINAL, draw
from undersong.errors import UserError
from undersong.estimators import Marginal
from undersong.inference import Exact
from undersong.learning import System
from undersong.models import (
    ExactModel,
    GaussianMixture,
    Generative,
    MixtureOfExperts,
    MixtureOfRNNs,
    MixtureOfUnigrams,
)
from undersong.nets import BagOfWords, FirstWords, Label, RecurrentDecoder, RecurrentEncoder, Table
from undersong.nets.experts import Experts
from undersong.objectives import (
    ELBO,
    IWAE,
    Autoencoder,
    AutoGen,
    Beta,
    FreeBitsSentence,
    Linear,
    TargetRate,
)

V, K = 12, 3
X = Batch.of([[5, 6, 7, 5, 9], [8], [9, 4]])
DECODER = partial(RecurrentDecoder, embedding=5, hidden=6)
FIRST = partial(FirstWords, words=2, encoder=partial(RecurrentEncoder, embedding=4, hidden=5))
MODELS: dict[str, Callable[[], nn.Module]] = {
    "unigrams": partial(MixtureOfUnigrams, V, K),
    "rnns": partial(MixtureOfRNNs, V, K, code=4, decoder=DECODER),
    "rnns apart": partial(MixtureOfRNNs, V, K, decoder=DECODER, separate=True),
    "experts": partial(MixtureOfExperts, V, K, code=4, context=FIRST, decoder=DECODER),
    "experts apart": partial(MixtureOfExperts, V, K, context=FIRST, decoder=DECODER, separate=True),
    "gaussians": partial(GaussianMixture, V, K, Projected),
}


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(1)
    return MODELS[request.param]().double()


def test_posterior_and_marginal_by_enumeration(model: nn.Module) -> None:
    z = torch.arange(K)[:, None].expand(K, len(X))
    joint = model.prior(X).log_prob(z) + model.log_likelihood(X, z)  # [K, B]
    assert isinstance(model, ExactModel)
    torch.testing.assert_close(model.log_marginal(X), joint.logsumexp(0))
    q = model.posterior(X)
    torch.testing.assert_close(q.log_prob(z), joint.log_softmax(0))
    torch.testing.assert_close(q.log_partition, joint.logsumexp(0))


def test_every_bound_is_the_log_likelihood(model: nn.Module) -> None:
    q = model.posterior(X)
    exact = model.log_marginal(X)
    z = q.sample((4,))
    d = draw(model, X, q, z)
    torch.testing.assert_close(d.log_w, exact.expand(4, -1))
    for objective in (IWAE(4), IWAE(1)):
        torch.testing.assert_close(objective(draw(model, X, q, z[: objective.samples])), exact)
    every = q.enumerate_support()
    torch.testing.assert_close(ELBO()(draw(model, X, q, every, weight=q.log_prob(every).exp())), exact)
    torch.testing.assert_close(ELBO()(Marginal().judge(model, X, q, ELBO(), 0, 0)), exact)


OBJECTIVES = [ELBO(), IWAE(3), AutoGen(2.0), Beta(0.1), Autoencoder(), TargetRate(5.0), FreeBitsSentence(0.5)]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda made: type(made).__name__)
def test_learning_and_judging_are_by_one_objective(model: nn.Module, objective) -> None:
    whole = System(model, Exact(V, K), Marginal(), objective)
    _, loss = whole.loss(X, FINAL)
    torch.testing.assert_close(-loss, objective(whole.judge(X, 0)).mean())


def test_a_beta_of_nothing_asks_for_the_distortion_alone() -> None:
    """Its gradient is not that of log p(x): each sentence's cluster may say what it likes of the prior."""
    torch.manual_seed(1)
    model = MODELS["unigrams"]().double()
    _, loss = System(model, Exact(V, K), Marginal(), Beta(0.0)).loss(X, 0)
    q, joint = model.posterior(X), sum(model.parts(X))
    distortion = (joint.softmax(-1) * model.log_likelihoods(X)).sum(-1)  # E_p(z|x) log p(x|z), nats
    torch.testing.assert_close(-loss, distortion.mean())
    assert float((q.log_partition - distortion).abs().max()) > 1e-3
    for found, wanted in zip(
        torch.autograd.grad(-loss, list(model.parameters())),
        torch.autograd.grad(distortion.mean(), list(model.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted)


def test_schedules_move(model: nn.Module) -> None:
    whole = System(model, Exact(V, K), Marginal(), AutoGen(Linear(0.0, 4.0, steps=10)))
    begun, half, ended = (float(whole.loss(X, step)[1]) for step in (0, 5, 10))
    fixed = [float(System(model, Exact(V, K), Marginal(), AutoGen(m)).loss(X, 0)[1]) for m in (0.0, 2.0, 4.0)]
    assert [begun, half, ended] == pytest.approx(fixed)
    assert begun < half < ended


def test_experts_and_their_gate_read_one_context() -> None:
    """Once: with dropout they would otherwise be told of two."""
    context = partial(FirstWords, words=2, encoder=partial(RecurrentEncoder, embedding=4, hidden=6, dropout=0.5))
    model = MixtureOfExperts(V, K, code=4, context=context, decoder=DECODER).train()
    read: list[torch.Tensor] = []
    model.context.register_forward_hook(lambda module, given, made: read.append(made))
    found = model.posterior(X).log_partition
    (features,) = read
    joint = model.gate(features).log_softmax(-1) + model.experts(model.context.rest(X), features)
    torch.testing.assert_close(found, joint.logsumexp(-1))
    read.clear()
    whole = System(model, Exact(V, K), Marginal(), AutoGen(1.0))
    d, _ = whole.loss(X, 0)
    (features,) = read
    weights = model.gate(features).log_softmax(-1)
    q = (weights + model.experts(model.context.rest(X), features)).log_softmax(-1)
    torch.testing.assert_close(d.kl, (q.exp() * (q - weights)).sum(-1))


def test_labels_that_are_given_leave_one_cluster(model: nn.Module) -> None:
    x = Batch(X.tokens, X.lengths, X.index, labels=torch.tensor([2, -1, 0]))
    free, given = model.posterior(x), model.posterior(x, given=True)
    joint = free.potentials[0]
    torch.testing.assert_close(given.log_partition, torch.stack([joint[0, 2], joint[1].logsumexp(0), joint[2, 0]]))
    assert given.mode[[0, 2]].tolist() == [2, 0]
    torch.testing.assert_close(model.posterior(X, given=True).log_partition, free.log_partition)
    with pytest.raises(UserError, match="latent 4"):
        model.posterior(Batch(X.tokens, X.lengths, X.index, labels=torch.tensor([3, -1, 0])), given=True)


def test_padding_and_company_change_nothing(model: nn.Module) -> None:
    alone = torch.cat([model.log_marginal(Batch.of([X.tokens[i, : X.lengths[i]].tolist()])) for i in range(3)])
    torch.testing.assert_close(alone, model.log_marginal(X))


def test_the_mixture_of_unigrams_is_eq_3() -> None:
    model = MixtureOfUnigrams(V, K)
    mu, pi = model.weights().exp(), model.words().exp()  # [K], [V, K]
    by_hand = sum(mu[k] * pi[5, k] * pi[6, k] * pi[7, k] * pi[5, k] * pi[9, k] for k in range(K))
    torch.testing.assert_close(model.log_marginal(X)[0].exp(), by_hand)


def test_told_experts_are_one_decoder_run_k_times() -> None:
    experts = Experts(V, K, 2, 4, DECODER, separate=False).double()
    context = torch.randn(3, 2, dtype=torch.float64)
    assert experts.codes is not None
    for k in range(K):
        told = torch.cat([experts.codes[k].expand(3, -1), context], -1)
        torch.testing.assert_close(experts(X, context)[:, k], experts.decoders[0].log_prob(X, told[None])[0])


def test_the_first_words_are_read_and_not_scored() -> None:
    model = MixtureOfExperts(V, K, code=4, context=FIRST, decoder=DECODER)
    assert "first 2 words" in model.event
    context = model.context(X)
    torch.testing.assert_close(context, model.context(Batch.of([[5, 6], [8], [9, 4]])))
    torch.testing.assert_close(model.log_likelihoods(X), model.experts(Batch.of([[7, 5, 9], [], []]), context))
    counts = model.scored_tokens(X.lengths.int().numpy())
    assert counts.tolist() == model.context.rest(X).mask.sum(1).tolist() == [4, 1, 1]
    torch.testing.assert_close(model.log_weights(X).exp(), model.gate(context).softmax(-1))
    with pytest.raises(ValueError, match="context"):
        model.prior()


def test_a_label_as_context() -> None:
    model = MixtureOfExperts(V, K, context=partial(Label, classes=2), decoder=DECODER)
    x = Batch(X.tokens, X.lengths, X.index, labels=torch.tensor([0, -1, 1]))
    other = Batch(X.tokens, X.lengths, X.index, labels=torch.tensor([1, -1, 1]))
    assert (model.log_marginal(x) != model.log_marginal(other)).tolist() == [True, False, False]
    with pytest.raises(UserError, match="no labels"):
        model.log_marginal(X)
    with pytest.raises(UserError, match="fewer classes"):
        model.log_marginal(Batch(X.tokens, X.lengths, X.index, labels=torch.tensor([2, 0, 1])))


@pytest.mark.parametrize("name", ["unigrams", "rnns", "rnns apart"])
def test_samples_are_sentences_of_the_model(name: str) -> None:
    torch.manual_seed(0)
    model = MODELS[name]()
    assert isinstance(model, Generative)
    generator = torch.Generator().manual_seed(3)
    z, x = model.sample(500, max_words=7, generator=generator)
    assert z.shape == (500,)
    assert len(x) == 500
    assert int(x.lengths.max()) <= 7
    assert not set(x.tokens[x.mask[:, 1:]].tolist()) & {0, 2, 3}
    alone = [model.log_likelihood(Batch.of([x.tokens[i, : x.lengths[i]].tolist()]), z[None, i : i + 1]) for i in (0, 1)]
    torch.testing.assert_close(model.log_likelihood(x, z[None])[0, :2], torch.cat(alone, 1)[0])
    again = model.sample(500, max_words=7, generator=torch.Generator().manual_seed(3))
    assert torch.equal(again[1].tokens, x.tokens)
    share = torch.bincount(z, minlength=K).double() / 500
    weight = model.prior().marginals[0][0].detach()
    assert bool(((share - weight).abs() < 4 * (weight * (1 - weight) / 500).sqrt()).all())


def test_a_mixture_of_bags_writes_no_ends_which_it_never_learned() -> None:
    for separate in (False, True):
        _, x = MixtureOfRNNs(V, K, code=4, decoder=BagOfWords, separate=separate).sample(200, max_words=7)
        assert x.lengths.tolist() == [7] * 200


def test_experts_respond_to_a_context() -> None:
    model = MODELS["experts"]()
    z, x = model.respond(X, max_words=5)
    assert z.shape == (3,)
    assert len(x) == 3


def test_a_mixture_of_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="latent is 0"):
        MixtureOfUnigrams(V, 0)
    assert isinstance(MixtureOfUnigrams(V, 1).weights, Table)
