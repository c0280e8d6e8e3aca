"""HMMs of word vectors: against enumeration and hmmlearn, with and without a projection; what EM promises."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hmmlearn.hmm import GaussianHMM as Other
from tests.models.learning import climb, never_fell, system
from tests.models.sequences import SENTENCES, enumerated, total
from tests.models.vectors import planted_vectors

from undersong.data.batch import Batch
from undersong.draw import draw
from undersong.errors import UserError
from undersong.inference import Observed
from undersong.learning import EM, Gradient, ViterbiEM
from undersong.models import HMM, Counted, ExactModel, event
from undersong.models.gaussian_hmm import GaussianHMM
from undersong.nets.components import DiagonalComponents, FullComponents, SphericalComponents
from undersong.nets.projection import Coupling, Unprojected
from undersong.nets.shared_components import SharedDiagonalComponents, TiedComponents

KINDS = [DiagonalComponents, SphericalComponents, FullComponents, SharedDiagonalComponents, TiedComponents]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return planted_vectors(tmp_path / "vectors.safetensors", vocab=28, classes=4)


def text(sentences: int, seed: int = 0) -> tuple[torch.Tensor, Batch]:
    """Classes 0, 1, 2, 3, 0, ... in a ring, six words each."""
    rng = np.random.default_rng(seed)
    rows, states = [], []
    for _ in range(sentences):
        z = (rng.integers(4) + np.arange(rng.integers(2, 9))) % 4
        rows.append((4 + 6 * z + rng.integers(6, size=len(z))).tolist())
        states.append(z.tolist())
    x = Batch.of(rows)
    return Batch.of(states).tokens, x


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_log_p_x_sums_over_every_state_sequence(file, kind, ends):
    model = GaussianHMM(28, file, states=3, ends=ends, gaussians=kind)
    expected = torch.stack([total(joint) for joint in enumerated(model, SENTENCES)])
    assert torch.allclose(model.log_marginal(SENTENCES), expected, rtol=1e-5)
    q = model.posterior(SENTENCES)
    d = draw(model, SENTENCES, q, q.sample((5,)))
    assert torch.allclose(d.log_w, expected.expand(5, -1), rtol=1e-5)
    assert isinstance(model, Counted)
    assert isinstance(model, ExactModel)
    assert event(model).startswith("word vectors ")
    assert event(model) != event(HMM(9))


def test_likelihood_and_one_em_step_agree_with_hmmlearn(file):
    _, x = text(40)
    model = GaussianHMM(28, file, states=3, ends=False, smoothing=0.0, gaussians=DiagonalComponents).double()
    s, gaussians = model.scores(), model.words.gaussians
    other = Other(3, "diag", n_iter=1, init_params="", min_covar=0, covars_prior=0, covars_weight=0)
    other.startprob_ = s.initial.exp().detach().numpy()
    other.transmat_ = s.transition.exp().detach().numpy()
    other.means_ = gaussians.means.detach().numpy()
    other.covars_ = gaussians.log_variance.detach().exp().numpy()
    words = torch.cat([x.tokens[i, : x.lengths[i]] for i in range(len(x))])
    seen, lengths = model.words.vectors[words].numpy(), x.lengths.numpy()
    assert float(model.log_marginal(x).detach().sum()) == pytest.approx(other.score(seen, lengths), rel=1e-5)
    other.fit(seen, lengths)
    parts = [
        replace(x, tokens=x.tokens[rows], lengths=x.lengths[rows], index=x.index[rows])
        for rows in (slice(0, 15), slice(15, 40))
    ]
    climb(EM(system(model)), parts, 1)
    s = model.scores()
    assert np.allclose(s.initial.exp().detach(), other.startprob_, rtol=1e-5, atol=0)
    assert np.allclose(s.transition.exp().detach(), other.transmat_, rtol=1e-5, atol=0)
    assert np.allclose(gaussians.means.detach(), other.means_, rtol=1e-5, atol=0)
    variance = np.stack([np.diag(c) for c in other.covars_])
    assert np.allclose(gaussians.log_variance.detach().exp(), variance, rtol=1e-5, atol=0)
    assert float(model.log_marginal(x).detach().sum()) == pytest.approx(other.score(seen, lengths), rel=1e-5)


@pytest.mark.parametrize("learner", [EM, ViterbiEM])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("projection", [None, partial(Coupling, layers=2, hidden=8)])
def test_em_never_lowers_its_objective(file, kind, projection, learner):
    _, x = text(40)
    chosen = {} if projection is None else {"projection": projection}
    model = GaussianHMM(28, file, states=4, gaussians=kind, climbing=4, **chosen)
    em = learner(system(model), tolerance=0.0)
    values = climb(em, [x], 10)
    assert never_fell(em, values)
    assert values[-1] > values[0] + 0.1


def test_a_projection_that_is_learned_reaches_a_higher_density(file):
    _, x = text(60)
    ends = []
    for projection in (Unprojected, Coupling):
        torch.manual_seed(0)
        model = GaussianHMM(28, file, states=2, gaussians=SharedDiagonalComponents, projection=projection)
        ends.append(climb(EM(system(model), tolerance=0.0), [x], 12)[-1])
    assert ends[1] > ends[0] + 0.5


def test_em_finds_the_planted_classes(file):
    z, x = text(150)
    best = None
    for seed in range(3):
        torch.manual_seed(seed)
        model = GaussianHMM(28, file, states=4)
        value = climb(EM(system(model), tolerance=0.0), [x], 20)[-1]
        if best is None or value > best[0]:
            best = value, model
    found = best[1].posterior(x).mode[x.mask[:, 1:]]
    table = torch.zeros(4, 4)
    table.index_put_((z[x.mask[:, 1:]], found), torch.ones(len(found)), accumulate=True)
    assert float(table.max(1).values.sum() / table.sum()) > 0.95


@pytest.mark.parametrize("kind", [SharedDiagonalComponents, DiagonalComponents])
def test_states_begin_where_the_tags_that_are_believed_say(file, kind):
    """One sentence in ten has tags: states have the tags' numbers, though they begin anywhere, with all of a class."""
    z, x = text(150)
    some = torch.where((torch.arange(150) % 10 == 0)[:, None], z, -1).masked_fill(~x.mask[:, 1:], -1)
    tagged = replace(x, tags=some)
    inside = x.mask[:, 1:]
    for seed in range(4):
        torch.manual_seed(seed)
        model = GaussianHMM(28, file, states=4, gaussians=kind)
        assert model.begin(x) is None
        em = EM(system(model, Observed), tolerance=0.0)
        assert never_fell(em, climb(em, [tagged], 10))
        assert float((model.posterior(x).mode == z)[inside].double().mean()) > 0.95


@pytest.mark.parametrize("projection", [Unprojected, partial(Coupling, layers=2, hidden=8)])
@pytest.mark.parametrize("tags", [4, 2])
def test_states_without_tags_share_what_is_far_from_the_tagged_ones(file, projection, tags):
    """Were one of them near a tagged one, a class would have two states and another none.

    Nor does a projection first climb to where the states of the tags are not.
    """
    z, x = text(150)
    inside = x.mask[:, 1:]
    told = (torch.arange(150) % 10 == 0)[:, None] & (z < tags) & inside
    tagged = replace(x, tags=torch.where(told, z, -1))
    for seed in range(3):
        torch.manual_seed(seed)
        model = GaussianHMM(28, file, states=4, projection=projection)
        climb(EM(system(model, Observed), tolerance=0.0), [tagged], 10)
        found = model.posterior(x).mode
        assert float((found == z)[inside & (z < tags)].double().mean()) > 0.99
        pairs = {*zip(z[inside].tolist(), found[inside].tolist(), strict=True)}
        assert len(pairs) == len({state for _, state in pairs}) == 4


def test_gradient_trains_it_too(file):
    _, x = text(60)
    model = GaussianHMM(28, file, states=4, projection=partial(Coupling, layers=2, hidden=8))
    learner = Gradient(system(model), lr=0.02)
    before = [p.detach().clone() for p in model.words.projection.parameters()]
    losses = [float(learner.step(x, step)["loss"]) for step in range(30)]
    assert losses[-1] < losses[0] - 1
    assert not any(torch.equal(p, b) for p, b in zip(model.words.projection.parameters(), before, strict=True))


def test_it_writes_the_words_whose_vectors_are_near(file):
    _, x = text(150)
    model = GaussianHMM(28, file, states=4)
    climb(EM(system(model), tolerance=0.0), [x], 15)
    states, written = model.sample(50, max_words=12, generator=torch.Generator().manual_seed(0))
    inside = written.mask[:, 1:]
    assert int(written.tokens[inside].min()) >= 4
    assert int(written.tokens[~inside].sum()) == 0
    by_state = [set(((written.tokens[inside] - 4) // 6)[states[inside] == k].tolist()) for k in range(4)]
    assert all(len(classes) <= 2 for classes in by_state)


def test_files_that_cannot_be_used(tmp_path, file):
    with pytest.raises(UserError, match="undersong vectors CORPUS"):
        GaussianHMM(28)
    with pytest.raises(UserError, match="holds no word vectors"):
        GaussianHMM(28, tmp_path / "none.safetensors")
    with pytest.raises(UserError, match="vectors of 28 words and the corpus 30"):
        GaussianHMM(30, file)
    (tmp_path / "text").write_text("no vectors")
    with pytest.raises(UserError, match="no file of word vectors"):
        GaussianHMM(28, tmp_path / "text")
    with pytest.raises(UserError, match="only 24 words with vectors"):
        GaussianHMM(28, file, states=25)


def test_degenerate_text_never_gives_nan(file):
    for sentences in ([[5]] * 3, [[5, 5, 5, 5]], [[5, 6], []]):
        for kind in KINDS:
            model = GaussianHMM(28, file, states=3, smoothing=0.0, gaussians=kind)
            climb(EM(system(model), tolerance=0.0), [Batch.of(sentences)], 8)
            assert not model.log_marginal(Batch.of(sentences)).isnan().any()
            assert not any(p.isnan().any() for p in model.parameters())
