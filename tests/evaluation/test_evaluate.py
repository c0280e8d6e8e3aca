"""``evaluate``: its figures by name, what is not defined is null, files are whole, and exact models pass through."""

import csv
import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.evaluation.test_likelihood import SPLIT, TOKENIZER, text_vae
from tests.evaluation.toy import language_model, split_of, toy_corpus, vae
from tests.learning.small import learn, make_corpus
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution

from undersong.cli import main
from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.estimators import Pathwise
from undersong.evaluation import evaluate
from undersong.evaluation.evaluate import FILE, stored
from undersong.evaluation.judgement import bounds_log_p, judge
from undersong.evaluation.likelihood import TRUSTED
from undersong.evaluation.scoring import score
from undersong.evaluation.subset import fixed_subset
from undersong.inference import Exact
from undersong.learning import Run
from undersong.learning.system import System
from undersong.objectives import ELBO, IWAE, Autoencoder, AutoGen, Beta, FreeBitsSentence, Linear, Objective, TargetRate

NAMED = (
    *("elbo", "reconstruction", "kl", "nll_is", "ppl_elbo", "ppl_is", "active_units"),
    *("mutual_information", "mutual_information_cap", "sentences", "tokens"),
)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("judged")
    corpus = make_corpus(folder / "corpus")
    return learn(corpus, folder / "run", epochs=1, objective=AutoGen(1.0))


def test_the_figures_of_a_vae_hang_together(run: Run) -> None:
    f = evaluate(run, samples=30, subset=20)
    assert all(isinstance(f[name], int | float) and math.isfinite(f[name]) for name in NAMED)
    assert f["elbo"] == pytest.approx(-f["reconstruction"] - f["kl"])
    assert f["ppl_elbo"] == pytest.approx(math.exp(-f["elbo"] * f["sentences"] / f["tokens"]))
    assert f["ppl_is"] == pytest.approx(math.exp(f["nll_is"] * f["nll_is_sentences"] / f["nll_is_tokens"]))
    split = run.corpus().valid
    assert (f["sentences"], f["tokens"]) == (len(split), int(split.lengths.sum()) + len(split))
    assert f["mutual_information_cap"] == pytest.approx(math.log(len(split)))
    assert f["mutual_information"] <= f["mutual_information_cap"]
    assert f["kl_percent"] == pytest.approx(100 * f["kl"] / -f["objective"])
    assert f["objective"] == pytest.approx(-2 * f["reconstruction"] - f["kl"])
    assert f["nll_is_refined"] is True
    assert f["nll_is_marked"] is True  # thirty samples cannot be fifty effective ones
    assert f["autogen_generation"] == -f["nll_is"] > f["elbo_subset"] - 0.5
    assert f["autogen_reconstruction"] > f["autogen_generation"]
    assert "end of sentence" in f["event"]
    assert f["precision"] == "fp32"
    assert f["nll_exact"] is None


def test_it_writes_a_file_by_split_and_is_repeatable(run: Run) -> None:
    valid = evaluate(run.path, samples=5, subset=10)
    test = evaluate(str(run.path), split="test", samples=5, subset=10)
    found = json.loads((run.path / FILE).read_text())
    assert found == {"valid": valid, "test": test} == stored(run.path)
    assert evaluate(run.path, samples=5, subset=10) == valid
    assert evaluate(run.path, samples=5, subset=10, seed=1)["nll_is"] != valid["nll_is"]
    (run.path / FILE).write_text('{"valid": ')  # damaged: judged again, not crashed
    assert stored(run.path) == {}
    assert evaluate(run.path, samples=5, subset=10) == valid
    assert [p.name for p in run.path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_row_for_each_sentence(run: Run, tmp_path: Path, ending: str) -> None:
    path = tmp_path / "new" / f"rows.{ending}"
    f = evaluate(run, samples=5, subset=10, per_sentence=path)
    rows: list[dict[str, Any]]
    if ending == "csv":
        rows = list(csv.DictReader(path.open()))
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    split = run.corpus().valid
    assert [int(row["row"]) for row in rows] == list(range(len(split)))
    assert rows[3]["text"] == " ".join(split.words(3))
    for name in ("elbo", "reconstruction", "kl", "objective"):
        assert np.mean([float(row[name]) for row in rows]) == pytest.approx(f[name], abs=1e-6)
    sampled = [row for row in rows if row["nll_is"] not in (None, "")]
    assert len(sampled) == 10
    assert np.mean([float(row["nll_is"]) for row in sampled]) == pytest.approx(f["nll_is"])
    assert all(float(row["nll_is_ess"]) <= 5 for row in sampled)


def test_the_command_line_says_the_same(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run.path), "--samples", "5", "--subset", "10", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == evaluate(run.path, samples=5, subset=10)
    assert main(["evaluate", str(run.path), "--samples", "5", "--all"]) == 0
    table = capsys.readouterr().out
    assert "ELBO" in table
    assert "MARKED" in table
    assert "ln N" in table
    assert main(["evaluate", str(run.path), "--samples", "0"]) == 2
    assert "at least one sample" in capsys.readouterr().err


def test_rows_that_cannot_be_written_lose_no_figures(run: Run, tmp_path: Path) -> None:
    (tmp_path / "taken.csv").mkdir()
    with pytest.raises((OSError, UserError)):
        evaluate(run, split="test", samples=2, subset=3, seed=77, per_sentence=tmp_path / "taken.csv")
    assert stored(run.path)["test"]["seed"] == 77


def test_bad_requests_are_refused_before_any_work(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.csv or \.jsonl"):
        evaluate(run, per_sentence=tmp_path / "rows.txt")
    with pytest.raises(UserError, match="no split"):
        evaluate(run, split="tests")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="empty"):
        judge(text_vae(1), split_of([], None, TOKENIZER))


def test_an_autoencoder_has_no_bound(tmp_path: Path) -> None:
    corpus = toy_corpus(tmp_path)
    system = vae(corpus, point=True)
    assert judge(system, corpus.test).figures["objective"] is None  # the ELBO, of a point
    system.objective = Autoencoder()
    f = judge(system, corpus.test).figures
    nothing = {"elbo", "kl", "kl_percent", "nll_is", "ppl_elbo", "ppl_is", "mutual_information", "nll_is_ess"}
    assert {name for name in nothing if f[name] is not None} == set()
    assert f["reconstruction"] == -f["objective"] > 0
    assert f["active_units"] is not None


def test_a_language_model_is_exact(tmp_path: Path) -> None:
    corpus = toy_corpus(tmp_path)
    system = language_model(corpus)
    f = judge(system, corpus.test).figures
    nothing = {"kl", "kl_percent", "reconstruction", "active_units", "mutual_information", "mutual_information_cap"}
    assert {name for name in nothing if f[name] is not None} == set()
    assert f["nll_exact"] == f["nll_is"] == -f["elbo"] > 0
    assert f["ppl_exact"] == f["ppl_is"] == f["ppl_elbo"]
    json.dumps(f, allow_nan=False)


class Coin(nn.Module):
    """An exact model with a discrete z: which of two biased word lists wrote the sentence."""

    latent = 1

    def prior(self, x: Batch | None = None) -> Distribution:
        return Categorical(torch.tensor([0.3, 0.7]))

    def joint(self, x: Batch) -> Tensor:
        odd = (x.tokens % 2 == 1).sum(1).double()
        even = x.lengths - odd
        each = torch.stack(
            [odd * math.log(0.1) + even * math.log(0.02), odd * math.log(0.03) + even * math.log(0.07)], 1
        )
        return each + self.prior().logits.double()

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        return (self.joint(x) - self.prior().logits.double()).expand(len(z), -1, -1).gather(2, z[..., None]).squeeze(2)

    def posterior(self, x: Batch) -> Distribution:
        return Categorical(logits=self.joint(x))

    def log_marginal(self, x: Batch) -> Tensor:
        return self.joint(x).logsumexp(1)


def test_a_model_with_an_exact_posterior_passes_through() -> None:
    system = System(Coin(), Exact(16, 1), Pathwise(), ELBO())
    f = judge(system, SPLIT).figures
    truth = float(Coin().log_marginal(SPLIT.batch(np.arange(len(SPLIT)))).mean())
    assert f["elbo"] == pytest.approx(truth)
    assert f["nll_exact"] == f["nll_is"] == pytest.approx(-truth)
    assert f["mutual_information"] is None  # its posterior has no keyed samples
    json.dumps(f, allow_nan=False)


def test_a_single_sentence_is_enough() -> None:
    f = judge(text_vae(2), split_of([[4, 5, 6]], None, TOKENIZER), samples=20).figures
    assert f["mutual_information"] == pytest.approx(0, abs=1e-6)
    assert f["active_units"] == 0
    assert f["nll_is_sentence_se"] is None
    json.dumps(f, allow_nan=False)


def test_the_order_of_the_split_changes_no_figure() -> None:
    """The subset and the figures of the sentences; noise belongs to the row, so z is the mean here."""
    shuffled = np.random.default_rng(0).permutation(len(SPLIT))
    other = split_of([SPLIT.ids(int(row)).tolist() for row in shuffled], None, TOKENIZER)
    first, second = fixed_subset(SPLIT, 7), fixed_subset(other, 7)
    assert sorted(SPLIT.ids(int(r)).tolist() for r in first) == sorted(other.ids(int(r)).tolist() for r in second)
    assert set(fixed_subset(SPLIT, 5)) < set(first)
    assert (fixed_subset(SPLIT, None) == np.arange(len(SPLIT))).all()
    system = text_vae(2)
    a, b = score(system, SPLIT), score(system, other)
    assert a.draw is not None
    assert b.draw is not None
    kl_a, kl_b = a.draw.kl[np.argsort(a.rows)], b.draw.kl[np.argsort(b.rows)]
    torch.testing.assert_close(kl_a[shuffled], kl_b, atol=1e-3, rtol=0)


OBJECTIVES: list[tuple[Objective, bool]] = [
    (ELBO(), True),
    (IWAE(4), True),
    (AutoGen(0.0), True),
    (Beta(Linear(0.0, 1.0, steps=10)), True),
    (AutoGen(1.0), False),
    (Beta(0.5), False),
    (TargetRate(5.0), False),
    (FreeBitsSentence(100.0), False),
]


@pytest.mark.parametrize(("objective", "bound"), OBJECTIVES, ids=lambda v: type(v).__name__)
def test_only_bounds_on_log_p_need_no_refinement(objective: Objective, bound: bool) -> None:
    system = text_vae(2)
    system.objective = objective
    d = score(system, SPLIT).draw
    assert d is not None
    assert bounds_log_p(system, d) == bound


@pytest.mark.parametrize(
    ("objective", "factor"),
    [(ELBO(), 1.0), (AutoGen(1.0), 1.0), (Beta(0.3), 0.3), (TargetRate(0.1, beta=2.0), 2.0)],
    ids=lambda v: type(v).__name__,
)
def test_the_share_of_the_rate_is_counted_with_the_objectives_own_factor(objective: Objective, factor: float) -> None:
    system = text_vae(2)
    system.objective = objective
    f = judge(system, SPLIT, samples=1, subset=1, refine=False).figures
    assert f["kl_percent"] == pytest.approx(100 * factor * f["kl"] / -f["objective"])


def test_a_likelihood_of_enough_effective_samples_is_not_marked() -> None:
    system = text_vae(2)
    many, few = (judge(system, SPLIT, samples=samples, subset=10).figures for samples in (500, 30))
    assert many["nll_is_ess"] > TRUSTED > few["nll_is_ess"]
    assert (many["nll_is_marked"], few["nll_is_marked"]) == (False, True)


def test_the_standard_error_is_the_spread_over_seeds() -> None:
    """Of the mean over sentences: their errors are independent, so that it is smaller than their mean error."""
    system = text_vae(2)
    found = [judge(system, SPLIT, samples=100, subset=None, seed=seed).figures for seed in range(60)]
    spread = np.std([f["nll_is"] for f in found], ddof=1)
    assert np.mean([f["nll_is_se"] for f in found]) == pytest.approx(spread, rel=0.4)  # 60 seeds know it to 9%


def test_word_dropout_is_off_and_the_precision_is_put_back(run: Run) -> None:
    run.system.train()
    noisy = evaluate(run, samples=2, subset=5, precision="bf16")
    assert not run.system.training
    again = evaluate(run, samples=2, subset=5, precision="bf16")
    assert noisy == again
    assert noisy["precision"] == "bf16"
    plain = evaluate(run, samples=2, subset=5)
    assert plain["elbo"] == pytest.approx(noisy["elbo"], abs=0.05)


def test_a_language_models_run(tmp_path: Path) -> None:
    from undersong.models import LanguageModel
    from undersong.nets import RecurrentDecoder

    corpus = make_corpus(tmp_path / "corpus")
    made = learn(
        corpus,
        tmp_path / "run",
        model=partial(LanguageModel, decoder=partial(RecurrentDecoder, embedding=6, hidden=8)),
        inference=Exact,
        epochs=1,
    )
    f = evaluate(made, samples=3, per_sentence=tmp_path / "rows.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert f["kl"] is None
    assert np.mean([row["nll_is"] for row in rows]) == pytest.approx(f["nll_exact"])
    assert {row["kl"] for row in rows} == {None}
