"""The mixture of Gaussians against scikit-learn's, and the vectors it is given."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import GaussianMixture as Reference
from tests.learning.small import learn, make_corpus
from tests.models.learning import climb, system
from torch import Tensor

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.estimators import Marginal
from undersong.inference import Exact, Observed
from undersong.learning import EM, PosteriorMeans, Run, StepwiseEM, System, train
from undersong.models import GaussianMixture
from undersong.nets import (
    Components,
    DiagonalComponents,
    FullComponents,
    MeanOfWords,
    SentenceVectors,
    SphericalComponents,
)

KINDS = {"spherical": SphericalComponents, "diag": DiagonalComponents, "full": FullComponents}


class Given(SentenceVectors):
    """Sentence number i has the i-th of these vectors."""

    table: Tensor

    def __init__(self, vocab: int, table: Tensor):
        super().__init__()
        self.table, self.width = table, table.shape[1]

    def forward(self, x: Batch) -> Tensor:
        return self.table[x.index]


def clouds(count: int = 90, width: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Three clouds of points, and which each belongs to."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.arange(count) % 3
    means = 2.5 * torch.randn(3, width, generator=generator, dtype=torch.float64)
    shape = torch.randn(3, width, width, generator=generator, dtype=torch.float64) / 2
    noise = torch.randn(count, width, 1, generator=generator, dtype=torch.float64)
    return means[z] + (shape[z] @ noise).squeeze(-1), z


def of_vectors(count: int) -> Batch:
    return Batch.of([[5]] * count)


def precisions(components: Components) -> Tensor:
    if isinstance(components, FullComponents):
        factor = components.below.tril(-1) + torch.diag_embed(components.log_diagonal.exp())
        return (factor @ factor.mT).inverse()
    assert isinstance(components, SphericalComponents | DiagonalComponents)
    return (-components.log_variance).exp()


@pytest.mark.parametrize("kind", list(KINDS))
def test_em_steps_are_scikit_learns(kind: str) -> None:
    points, _ = clouds()
    x = of_vectors(len(points))
    floor = partial(KINDS[kind], floor=1e-9)
    model = GaussianMixture(9, 3, partial(Given, table=points), floor, smoothing=0.0).double()
    start = points[[0, 1, 5]] + 0.3
    with torch.no_grad():
        model.components.means.copy_(start)
        model.begun.fill_(True)
    model.begin = lambda x: None  # from the same start as the other
    for steps in (1, 4):
        shapes = {"spherical": np.ones(3), "diag": np.ones((3, 4)), "full": np.stack([np.eye(4)] * 3)}
        reference = Reference(
            3,
            covariance_type=kind,
            max_iter=steps,
            tol=0.0,
            reg_covar=0.0,
            weights_init=np.full(3, 1 / 3),
            means_init=start.numpy(),
            precisions_init=shapes[kind],
        )
        with pytest.warns(Warning, match="converge"):
            reference.fit(points.numpy())
        climb(EM(system(model), tolerance=0.0), [x], epochs=1 if steps == 1 else 3)
        torch.testing.assert_close(model.weights().exp(), torch.tensor(reference.weights_))
        torch.testing.assert_close(model.components.means.data, torch.tensor(reference.means_))
        torch.testing.assert_close(precisions(model.components), torch.tensor(reference.precisions_))
        log_p = torch.tensor(reference.score_samples(points.numpy()))
        torch.testing.assert_close(model.log_marginal(x), log_p)
        torch.testing.assert_close(model.posterior(x).marginals[0], torch.tensor(reference.predict_proba(points)))


@pytest.mark.parametrize("kind", list(KINDS))
def test_it_finds_clouds_and_samples_from_them(kind: str) -> None:
    points, z = clouds(600)
    model = GaussianMixture(9, 3, partial(Given, table=points.float()), KINDS[kind])
    climb(EM(system(model), restarts=4), [of_vectors(600)])
    found = model.posterior(of_vectors(600)).mode
    assert normalized_mutual_info_score(z.numpy(), found.numpy()) > 0.75
    torch.manual_seed(0)
    _, drawn = model.sample_vectors(20000)
    error = points.std(0) / 20000**0.5 + points.std(0) * 0.01
    assert bool(((drawn.mean(0) - points.mean(0)).abs() < 4 * error).all())
    assert float(drawn.var(0).sum()) == pytest.approx(float(points.var(0).sum()), rel=0.03)


@pytest.mark.parametrize("learner", [EM, StepwiseEM])
def test_clusters_begin_where_the_labels_that_are_believed_say(learner: Callable[[System], EM | StepwiseEM]) -> None:
    """One sentence in twenty is labelled: clusters far apart have the labels' numbers, which by chance one in six has.

    Where labels are not believed, they change nothing.
    """
    torch.manual_seed(0)
    z = torch.randint(3, (600,))
    points = torch.tensor([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])[z] + torch.randn(600, 2)
    some = torch.where(torch.rand(600) < 0.05, z, -1)
    unlabelled = of_vectors(600)
    labelled = replace(unlabelled, labels=some)
    ends = []
    for seed in range(6):
        for inference, x in ((Observed, labelled), (Exact, labelled), (Exact, unlabelled)):
            torch.manual_seed(seed)
            model = GaussianMixture(9, 3, partial(Given, table=points))
            climb(learner(system(model, inference)), [x], epochs=20, seed=seed)
            ends.append(model)
    for believing, *others in zip(*[iter(ends)] * 3, strict=True):
        assert (believing.posterior(unlabelled).mode == z).double().mean() > 0.99
        assert torch.equal(*(model.components.means for model in others))


@pytest.mark.parametrize(("share", "classes"), [(0.05, 6), (0.2, 2)])
@pytest.mark.parametrize("size", [60, 1200])
def test_labels_say_where_clusters_begin_though_few_batches_or_classes_have_any(
    share: float, classes: int, size: int
) -> None:
    """A cluster takes its place from whichever batch first has its label, and those without labels the places left."""
    torch.manual_seed(0)
    z, turn = torch.randint(6, (1200,)), torch.arange(6) * torch.pi / 3
    points = 12 * torch.stack([turn.cos(), turn.sin()], 1)[z] + torch.randn(1200, 2)
    x = replace(of_vectors(1200), labels=torch.where((torch.rand(1200) < share) & (z < classes), z, -1))
    parts = [{f.name: getattr(x, f.name)[i : i + size] for f in fields(x) if getattr(x, f.name) is not None}
             for i in range(0, 1200, size)]  # fmt: skip
    for seed in range(4):
        torch.manual_seed(seed)
        model = GaussianMixture(9, 6, partial(Given, table=points))
        climb(EM(system(model, Observed)), [Batch(**part) for part in parts], epochs=8, seed=seed)
        found = model.posterior(x).mode
        assert (found == z)[z < classes].double().mean() > 0.99
        assert normalized_mutual_info_score(z.numpy(), found.numpy()) > 0.99


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_cloud_of_one_point_keeps_the_floor(kind: str) -> None:
    points = torch.tensor([[0.0, 0.0], [0.0, 0.0], [9.0, 9.0], [9.0, 9.0]])
    model = GaussianMixture(9, 2, partial(Given, table=points), partial(KINDS[kind], floor=0.25))
    climb(EM(system(model)), [of_vectors(4)])
    assert sorted(model.components.means[:, 0].tolist()) == [0.0, 9.0]
    densities = model.components(points).max(1).values
    torch.testing.assert_close(densities, torch.full((4,), -np.log(2 * np.pi * 0.25), dtype=torch.float64))


def test_means_of_words_are_weighted_by_rarity(tmp_path: Path) -> None:
    file = tmp_path / "vectors.safetensors"
    vectors = np.arange(18, dtype=np.float32).reshape(6, 3)
    counts = np.array([0, 0, 0, 0, 90, 10])
    save_file({"vectors": vectors, "counts": counts}, file, metadata={"about": json.dumps({})})
    x = Batch.of([[4, 5, 5], [5], []])
    plain = MeanOfWords(6, file, rarity=0.0)(x)
    torch.testing.assert_close(plain[0], torch.from_numpy((vectors[4] + 2 * vectors[5]) / 3))
    rare = MeanOfWords(6, file, rarity=0.1)(x)
    torch.testing.assert_close(rare[0], torch.from_numpy((0.1 * vectors[4] + 2 * 0.5 * vectors[5]) / 3))
    assert rare[2].tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(UserError, match="undersong vectors"):
        MeanOfWords(6, tmp_path / "none.safetensors")


def test_posterior_means_of_a_run_are_clustered(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    vae = learn(corpus, tmp_path / "vae", epochs=1)
    mixture = partial(GaussianMixture, latent=2, vectors=partial(PosteriorMeans, run=tmp_path / "vae"))
    run = learn(
        corpus, tmp_path / "mixture", model=mixture, inference=Exact, estimator=Marginal(), learner=EM, epochs=3
    )
    x = run.corpus().valid.batch(range(20))
    torch.testing.assert_close(run.system.model.vectors(x), vae.system.posterior(x).mean)
    assert run.system.model.log_marginal(x).isfinite().all()
    assert not any("encoder" in name for name in run.system.state_dict())
    with pytest.raises(UserError, match="words"):
        PosteriorMeans(7, tmp_path / "vae")


def test_a_mixture_over_a_run_that_was_trained_on_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its means are then of another space than that of the clusters."""
    corpus = make_corpus(tmp_path / "corpus", train_size=48, held=10)
    learn(corpus, tmp_path / "vae", epochs=1)
    monkeypatch.chdir(tmp_path)
    mixture = partial(GaussianMixture, latent=2, vectors=partial(PosteriorMeans, run=Path("vae")))
    choices = {"model": mixture, "inference": Exact, "estimator": Marginal(), "learner": EM, "resume": True}
    run = learn(corpus, tmp_path / "mixture", **choices, epochs=1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Run.load(run.path)
    train(corpus, out=run.path, epochs=2, resume=True, quiet=True)
    train(corpus, out=tmp_path / "vae", epochs=4, resume=True, quiet=True)
    before = (run.path / "config.yaml").read_bytes()
    for use in (lambda: Run.load(run.path), lambda: train(corpus, out=run.path, epochs=3, resume=True, quiet=True)):
        with pytest.raises(UserError, match=r"learned over .* of vae at step 2.* now gives .* of vae at step \d"):
            use()
    assert (run.path / "config.yaml").read_bytes() == before
