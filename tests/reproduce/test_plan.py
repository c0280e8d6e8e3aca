"""Recipes are data that the command line understands, and a plan is a stable list of jobs."""

import pytest
from jsonargparse import ArgumentParser

from undersong import objectives
from undersong.errors import UserError
from undersong.evaluation.classification import Classification, Robustness
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


def test_autogens_settings_are_as_printed() -> None:
    """Mansbridge et al. 2019, sections 3 and 3.1, for every row."""
    chosen = plan("autogen", "paper")
    nets = {"model.decoder.hidden": 500, "inference.encoder.hidden": 500, "model.latent": 50}
    for row in chosen.rows:
        printed = {"sentences": 200, "steps": 1_000_000, "model.decoder.hidden": 500}
        assert (printed if row.name == "language-model" else printed | nets).items() <= row.flags.items(), row.name
        assert row.flags["model.decoder.word_dropout"] > 0, row.name
        assert row.seeds == (0, 1, 2)
    bound = {"min_words": 5, "max_words": 30, "vocabulary": 20_000}
    assert all(bound.items() <= settings.items() for settings in chosen.corpora.values())
    train, valid, test = chosen.corpora["bookcorpus"]["splits"]
    assert test == 0.10
    assert valid > 0, "Figure 2 is of held-out sentences"
    assert train + valid == pytest.approx(0.90)
    m = {row.name: row.flags["objective.m"] for row in chosen.rows if row.flags.get("objective") == "AutoGen"}
    assert (m["autogen-1"], m["autogen-2"]) == (1.0, 2.0)


# The IGP paper, Table 1, in thousands of sentences: train, dev, test, vocabulary.
TABLE_1 = {"cbt": (192, 10, 12, 12), "dbpedia": (140, 14, 14, 12), "yahoo": (100, 10, 10, 12), "snli": (100, 10, 10, 7)}
RATES = {
    "dbpedia": {"dgp-5": 5, "igp-5": 5, "dgp-10": 10, "igp-10": 10, "dgp-15": 15, "igp-15": 15},
    "cbt": {"cbt-dgp": 5, "cbt-igp": 5, "cbt-dgp-10": 10, "cbt-igp-10": 10, "cbt-dgp-15": 15, "cbt-igp-15": 15},
    "yahoo": {"yahoo-dgp-5": 5, "yahoo-igp-5": 5, "yahoo-dgp-10": 10, "yahoo-igp-10": 10}
    | {"yahoo-dgp": 15, "yahoo-igp": 15},
    "snli": {"snli-dgp": 5, "snli-igp": 5, "snli-dgp-10": 10, "snli-igp-10": 10, "snli-dgp-15": 15, "snli-igp-15": 15},
}
MIXTURES = {"cbt": "", "snli": "snli-"}  # appendix C has both corpora


def test_igps_settings_are_as_printed() -> None:
    """IGP, section 4 and Table 1, for every row and corpus; the warm start's own batch and epochs, section 5.2."""
    chosen = plan("igp", "paper")
    assert chosen.corpora.keys() == TABLE_1.keys()
    for name, sizes in TABLE_1.items():
        found = chosen.corpora[name]
        taken = (found["take"]["train"], found["take"]["valid"], found["take"]["test"], found["vocabulary"])
        assert taken == tuple(size * 1000 for size in sizes), name
    for row in chosen.rows:
        embedding, hidden, latent = (50, 128, 8) if row.corpus == "snli" else (200, 512, 32)
        batch, epochs = {"base": (100, 5), "untied": (100, 20)}.get(row.name, (128, 20))
        printed = {"model.latent": latent, "sentences": batch, "epochs": epochs, "learner.lr": 0.0005}
        printed |= {f"{net}.embedding": embedding for net in ("model.decoder", "inference.encoder")}
        printed |= {f"{net}.hidden": hidden for net in ("model.decoder", "inference.encoder")}
        assert printed.items() <= row.flags.items(), row.name
        assert "model.decoder.z_to_state" not in row.flags, "z is read beside every word, and not otherwise"
        assert row.seeds == (0, 1, 2)
        tied = {"dgp": "DiagonalGaussian", "igp": "IsotropicGaussian"}
        kinds = [kind for name, kind in tied.items() if name in row.name.split("-")]
        assert [row.flags["inference.family"]] == kinds or row.name in ("base", "untied") or "autoenc" in row.name
    assert chosen.subject["sentences"] is None, "measures are of the whole test split"


def test_igps_experiments_are_all_there() -> None:
    """Figure 2 and the tables of appendices B and C: three C on four corpora, the autoencoder, the mixture priors."""
    chosen = plan("igp", "paper")
    rows = {row.name: row for row in chosen.rows}
    for corpus, rates in RATES.items():
        for name, rate in rates.items():
            flags = rows[name].flags
            assert rows[name].corpus == corpus
            assert (flags["objective"], flags["objective.rate.stop"]) == ("TargetRate", rate), name
            assert "model.prior" not in flags
    autoencoders = {row.corpus for row in chosen.rows if row.flags["objective"] == "Autoencoder"}
    assert autoencoders == {"cbt", "dbpedia", "yahoo"}
    for corpus, prefix in MIXTURES.items():
        for name, component in (("mog", "DiagonalGaussian"), ("moig", "IsotropicGaussian")):
            for posterior in ("dgp", "igp"):
                row = rows[f"{prefix}{name}-{posterior}"]
                assert (row.corpus, row.flags["model.prior.family.components"]) == (corpus, 5)
                assert row.flags["model.prior.family.component"] == component
                plain = rows[f"{corpus}-{posterior}"]  # the same C and posterior under the standard prior
                assert plain.flags.items() <= row.flags.items()
    betas = {row.flags["objective.beta"] for row in chosen.rows if row.name.startswith("beta")}
    assert len(betas) == 3


def test_every_objective_of_the_library_falls_on_autogens_curve() -> None:
    kinds = {name for name in objectives.__all__ if isinstance(getattr(objectives, name), type)}
    kinds = {name for name in kinds if issubclass(getattr(objectives, name), objectives.Objective)} - {"Objective"}
    for scale in ("small", "paper"):
        rows = [row for row in plan("autogen", scale).rows if row.corpus == plan("autogen", scale).main]
        assert {row.flags.get("objective") for row in rows} - {None} == kinds
    for scale, latent in (("small", 8), ("paper", 50)):
        free = [row.flags for row in plan("autogen", scale).rows if "Dimension" in row.flags.get("objective", "")]
        assert [flags["objective.bits"] * flags["model.latent"] for flags in free] == [pytest.approx(5.0)] * 2
        assert {flags["model.latent"] for flags in free} == {latent}


def test_small_rows_see_what_their_notes_say() -> None:
    """All of DBpedia's labels, so that 640 a class are fewer than all; perplexities of 20,000 samples."""
    chosen = plan("igp", "small")
    for row in chosen.rows:
        asked = parsed({"measures": [m for g in row.measures for m in chosen.measures[g]], "subject": {}})["measures"]
        probes = [measure for measure in asked if isinstance(measure, Classification | Robustness)]
        assert {measure.sentences for measure in probes} <= {None if row.corpus == "dbpedia" else 10_000}
        counts = [measure.counts for measure in probes if isinstance(measure, Classification)]
        assert row.corpus != "dbpedia" or counts == [(6, 64, 640)]
    for paper in ("autogen", "igp"):
        scale = plan(paper, "small")
        (reads,) = parsed({"measures": list(scale.measures["perplexity"]), "subject": {}})["measures"]
        assert reads.samples == 20_000


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


@pytest.mark.parametrize("seeds", [[5], [0, 1, 2, 3, 4]])
def test_given_seeds_are_those_of_every_row(seeds: list[int]) -> None:
    """More than the recipe's, and of rows to which the recipe gives one only."""
    chosen = plan("autogen", "small", seeds)
    assert {row.seeds for row in chosen.rows} == {tuple(seeds)}
    assert len(chosen.jobs()) == len(chosen.rows) * len(seeds)
    own = {row.name: row.seeds for row in plan("autogen", "small").rows}
    assert (own["vae"], own["m-8"]) == ((0, 1, 2), (0,))


def test_a_flag_set_to_null_goes_with_all_below_it() -> None:
    base = {"objective.rate": "Linear", "objective.rate.steps": 5, "sentences": 3}
    assert _merged(base, {"objective.rate": None}) == {"sentences": 3}


@pytest.mark.parametrize(("paper", "claims"), CLAIMS)
def test_claims_speak_of_rows_that_exist(paper: str, claims: tuple) -> None:
    """Each part is asked with no figures: it must say that nothing was measured, and name rows of the recipe."""
    rows = {row.name for scale in ("small", "paper") for row in plan(paper, scale).rows}
    for decision in decide(claims, Measured({})):
        assert decision.verdict in ("not measured", "shown")
        for finding in decision.findings if decision.verdict == "not measured" else ():
            assert finding.said.startswith("no row: ") or any(row in finding.said for row in rows), finding.said


def test_a_users_own_measure_is_found_by_its_name() -> None:
    assert isinstance(parsed({"measures": [f"{__name__}.Shout"], "subject": {}})["measures"][0], Shout)


class Shout(Measure):
    """A measure that is registered nowhere."""

    name = "shout"

    def __call__(self, subject: object) -> Figures:
        return {"shout": 1.0}


def test_a_seed_given_twice_is_refused_since_its_runs_would_share_a_folder() -> None:
    with pytest.raises(UserError, match=r"seeds \[0, 0\]: give each once"):
        plan("autogen", "quick", [0, 0])
