"""The suite on a run's folder: from Python and from the command line, with one's own measure among them."""

import json
import math
from pathlib import Path

import pytest
from tests.learning.small import learn, make_corpus

from undersong.cli import main
from undersong.errors import UserError
from undersong.evaluation.evaluate import evaluate, stored
from undersong.evaluation.measure import Figures, Measure
from undersong.evaluation.reconstruction import Reconstruction
from undersong.evaluation.structure import STRUCTURE
from undersong.evaluation.subject import Subject
from undersong.evaluation.suite import BY_NAME, SUITE, examine_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suite")
    learn(make_corpus(folder / "corpus"), folder / "run", epochs=1)
    return folder / "run"


class Words(Measure):
    """How many words are judged: a measure of one's own is one class."""

    name = "words"

    def __init__(self, factor: float = 1.0):
        self.factor = factor

    def __call__(self, subject: Subject) -> Figures:
        """``words``."""
        return {"words": self.factor * sum(map(len, subject.originals))}


class Failing(Measure):
    """A measure that breaks."""

    name = "failing"

    def __call__(self, subject: Subject) -> Figures:
        raise RuntimeError("broken")


def test_from_python_with_a_measure_of_ones_own(run):
    answers = examine_run(run, [Reconstruction(), Words(2.0)], progress=False)
    assert answers.figures["words"] == 2 * examine_run(run, [Words()]).figures["words"]
    assert 0 <= answers.figures["bleu_2"] <= 100
    with pytest.raises(UserError, match="Two measures give"):
        examine_run(run, [Words(), Words()])


def test_the_whole_suite_beside_the_bounds(run):
    figures = evaluate(run, samples=2, subset=3, measures=SUITE)
    suite = figures["suite"]
    assert set(suite["left_out"]) == {"classification", "robustness", "agreement"}
    assert all(v is None or math.isfinite(v) for v in suite["figures"].values())
    # One mechanism: over the same sentences the two are the same number.
    for name, same in (("information", "mutual_information"), ("rate", "kl"), ("distortion", "reconstruction")):
        assert suite["figures"][name] == pytest.approx(figures[same], rel=1e-6), name
    assert stored(run)["valid"]["suite"] == json.loads(json.dumps(suite))


def test_a_measure_that_breaks_loses_no_bounds(run):
    with pytest.raises(RuntimeError, match="broken"):
        evaluate(run, split="test", samples=2, subset=3, measures=[Failing()])
    assert stored(run)["test"]["elbo"] < 0


def test_a_measure_that_breaks_loses_no_earlier_suite(run):
    evaluate(run, split="train", samples=2, subset=3, measures=[Words()])
    with pytest.raises(RuntimeError, match="broken"):
        evaluate(run, split="train", samples=3, subset=3, measures=[Failing()])
    found = stored(run)["train"]
    assert (found["samples"], found["suite"]["figures"].keys()) == (3, {"words"})


def test_every_measure_is_reached_by_its_name_on_the_command_line(run, capsys):
    # The costly one really runs: forward and reverse perplexity of a few samples, read by a tiny net.
    reader = '{"class_path": "Perplexity", "init_args": {"samples": 20, "reader": {"hidden": 4, "epochs": 1}}}'
    few = ["--samples", "1", "--subset", "1", "--json"]
    assert main(["evaluate", str(run), *few, "--measures", f"[{reader}, CodeClusters]"]) == 0
    suite = json.loads(capsys.readouterr().out)["suite"]
    assert suite["figures"]["ppl_reverse"] > 1
    assert "code_clusters" in {*suite["left_out"], *suite["seconds"]}
    assert {kind.__name__ for kind in BY_NAME} | {type(m).__name__ for m in SUITE} == {
        kind.__name__ for kind in Measure.__subclasses__() if kind.__module__.startswith("undersong.evaluation.")
    } - {type(m).__name__ for m in STRUCTURE}


def test_from_the_command_line(run, capsys):
    few = ["--samples", "2", "--subset", "3"]
    assert main(["evaluate", str(run), *few, "--measures", "[Reconstruction, Rates]", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["suite"]["figures"]
    assert {"bleu_2", "information_cap"} <= figures.keys()
    assert "distinct_1" not in figures
    assert main(["evaluate", str(run), *few, "--suite"]) == 0
    said = capsys.readouterr().out
    assert "samples: self-BLEU-2" in said
    assert "the corpus has no labels" in said
    assert "CodeClusters, Fluency, Perplexity" in said
    assert main(["evaluate", str(run), *few, "--json"]) == 0
    assert "suite" not in json.loads(capsys.readouterr().out)
