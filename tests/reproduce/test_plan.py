"""Recipes are data that the command line understands, and a plan is a stable list of jobs."""

import pytest
from jsonargparse import ArgumentParser

from undersong.errors import UserError
from undersong.evaluation.measure import Figures, Measure
from undersong.learning import train
from undersong.learning.run import build
from undersong.reproduce import autogen_claims, igp_claims, tutorial_claims
from undersong.reproduce.claims import decide
from undersong.reproduce.judging import parsed
from undersong.reproduce.measured import Measured
from undersong.reproduce.plan import _merged, arguments, plan

CLAIMS = [
    ("autogen", autogen_claims.CLAIMS),
    ("igp", igp_claims.CLAIMS),
    ("tutorial", tutorial_claims.CLAIMS),
]
RECIPES = [(paper, scale) for paper in ("autogen", "igp", "tutorial") for scale in ("quick", "small", "paper")]


@pytest.mark.parametrize(("paper", "scale"), RECIPES)
def test_every_row_can_be_built_and_measured(paper: str, scale: str) -> None:
    """Flags that ``undersong train`` refuses, or a measure that is not there, would show only hours later."""
    chosen = plan(paper, scale)
    assert {row.corpus for row in chosen.rows} <= set(chosen.corpora)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_function_arguments(train, as_group=False)
    for row in chosen.rows:
        words = arguments({**row.flags, "corpus": "there", "out": "here"})
        made = vars(parser.instantiate(parser.parse_args(words)))
        if "model.vectors" not in row.flags:  # a file that is made with the corpus
            system = build(made, 20, seed=0)
            assert system.model.latent == row.flags.get("model.latent", system.model.latent)
        assert row.after is None or row.after in {other.name for other in chosen.rows}
    for group in chosen.measures.values():
        made = parsed({"measures": list(group), "subject": dict(chosen.subject)})
        assert all(isinstance(measure, Measure) for measure in made["measures"])


def test_the_papers_settings_are_as_printed() -> None:
    """AutoGen, section 3.1; IGP, section 4."""
    flags = plan("autogen", "paper").rows[0].flags
    printed = {"model.latent": 50, "model.decoder.hidden": 500, "sentences": 200, "steps": 1_000_000}
    assert printed.items() <= flags.items()
    assert plan("autogen", "paper").corpora["bookcorpus"]["vocabulary"] == 20_000
    flags = plan("igp", "paper").rows[0].flags
    printed = {"model.latent": 32, "model.decoder.embedding": 200, "model.decoder.hidden": 512, "sentences": 128}
    assert (printed | {"epochs": 20, "learner.lr": 0.0005}).items() <= flags.items()


def test_rows_of_several_seeds_come_first_and_seed_by_seed() -> None:
    jobs = plan("autogen", "small").jobs()
    names = [job.name for job in jobs]
    assert names[:5] == ["vae.seed-0", "annealed.seed-0", "autogen-1.seed-0", "autogen-2.seed-0", "vae.seed-1"]
    assert len(set(names)) == len(names)
    assert names.index("m-8.seed-0") > names.index("autogen-2.seed-2")


def test_seeds_and_rows_can_be_chosen() -> None:
    chosen = plan("igp", "small", seeds=[7, 8])
    assert [job.name for job in chosen.jobs(["dgp-15"])] == ["dgp-15.seed-7", "dgp-15.seed-8"]
    with pytest.raises(UserError, match="no row 'dpg-15'"):
        chosen.jobs(["dpg-15"])


def test_a_flag_set_to_null_goes_with_all_below_it() -> None:
    base = {"objective.rate": "Linear", "objective.rate.steps": 5, "sentences": 3}
    assert _merged(base, {"objective.rate": None}) == {"sentences": 3}


@pytest.mark.parametrize(("paper", "claims"), CLAIMS)
def test_claims_speak_of_rows_that_exist(paper: str, claims: tuple) -> None:
    """Each part is asked with no figures: it must say that nothing was measured, and name rows of the recipe."""
    rows = {row.name for scale in ("small", "paper") for row in plan(paper, scale).rows}
    for decision in decide(claims, Measured({})):
        assert decision.verdict == "not measured"
        for finding in decision.findings:
            assert any(row in finding.said for row in rows), finding.said


def test_a_users_own_measure_is_found_by_its_name() -> None:
    assert isinstance(parsed({"measures": [f"{__name__}.Shout"], "subject": {}})["measures"][0], Shout)


class Shout(Measure):
    """A measure that is registered nowhere."""

    name = "shout"

    def __call__(self, subject: object) -> Figures:
        return {"shout": 1.0}
