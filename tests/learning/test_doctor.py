"""The doctor sees what is ill, leaves alone what is well, and its advice can be typed."""

import inspect
import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from tests.learning.small import TINY, learn

from undersong import objectives
from undersong.families import LearnedPrior, PointMass
from undersong.inference import Amortized
from undersong.learning import train
from undersong.learning.configuration import Config, configuration, instantiate
from undersong.learning.diagnosis import EARLY, Case, diagnose
from undersong.learning.doctor import Watch, doctor, doctor_command
from undersong.models import LanguageModel
from undersong.nets import RecurrentDecoder
from undersong.objectives import Autoencoder, AutoGen, Beta, FreeBitsSentence, Linear, Objective, TargetRate


def defaults() -> Config:
    """Plain values of what ``train`` takes by default."""
    parameters = inspect.signature(train).parameters.values()
    return configuration(train, {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty})


def look(
    step: int, kl: float | None, units: int | None, reconstruction: float = 60.0, m: float = 0.0
) -> dict[str, Any]:
    objective = -(1 + m) * reconstruction - (kl or 0.0)
    return {
        "kind": "valid",
        "step": step,
        "epoch": step / 100,
        "objective": objective,
        "elbo": None if kl is None else -reconstruction - kl,
        "reconstruction": reconstruction,
        "kl": kl,
        "kl_percent": None if kl is None else -100 * kl / objective,
        "active_units": units,
        "dead_units": None if kl is None else 0,
    }


def case(*looks: dict[str, Any], objective: Objective | None = None, latent: int = 32, settled: int = 0) -> Case:
    config = {**defaults(), **configuration(train, {"objective": objective} if objective else {})}
    return Case(config, latent, settled, looks)


def names(c: Case) -> list[str]:
    return [finding.name for finding in diagnose(c)]


@pytest.mark.parametrize(
    ("expected", "c"),
    [
        ("healthy", case(look(1000, 6.9, 32))),
        ("early", case(look(817, 0.39, 23))),  # as AutoGen's first look in the demo, whose rate grew to 5.7
        ("collapse", replace(case(look(817, 0.39, 23)), over=True)),
        ("collapse", case(look(817, 0.39, 23), look(1634, 0.4, 23))),
        ("healthy", case(look(1000, 6.9, 32, m=1), look(2000, 12.0, 32, 58.0, m=1), objective=AutoGen(1.0))),
        ("collapse", case(look(1000, 0.01, 0))),
        ("collapse", case(look(1000, 0.6, 2), look(2000, 0.6, 2))),
        ("collapse", case(look(1000, 0.45, 26), look(2000, 0.45, 26))),  # units whose means vary, and say nothing
        ("collapse", case(look(1000, 0.9, 32), look(2000, 0.9, 32))),
        ("collapse", case(look(1000, 0.9, 32, m=-0.9), look(2000, 0.9, 32, m=-0.9), objective=AutoGen(-0.9))),
        ("healthy", case(look(1000, 3.0, 32, m=9), look(2000, 3.0, 32, m=9), objective=AutoGen(9.0))),
        ("healthy", case(look(1000, 5.0, 32, 400.0), look(2000, 5.0, 32, 400.0))),  # 1% of a long text's ELBO
        ("collapse", case(look(1000, 1.0, 32, 400.0), look(2000, 1.0, 32, 400.0))),
        ("healthy", case(look(1000, 0.1, 20), look(2000, 0.9, 24))),  # it still rises
        ("early", case(look(EARLY - 1, 0.0, 0))),
        ("early", case(look(4000, 0.0, 0), settled=5000)),
        ("early", case()),
        ("explosion", case(look(1000, 10.0, 32, 50.0), look(5000, 25.0, 32, 48.0))),
        ("explosion", case(look(1000, 20.0, 32, 60.0), look(5000, 80.0, 32, 40.0, m=9), objective=AutoGen(9.0))),
        ("dead-dimensions", case(look(1000, 5.0, 6))),
        ("below-target", case(look(1000, 3.0, 30), objective=TargetRate(10.0))),
        ("above-target", case(look(1000, 13.0, 30), objective=TargetRate(Linear(0.0, 10.0, 500)))),
        ("healthy", case(look(1000, 9.9, 30), objective=TargetRate(10.0))),
        ("at-free-bits", case(look(1000, 4.0, 8), objective=FreeBitsSentence(4.0))),
        ("healthy", case(look(1000, 4.0, 28), objective=FreeBitsSentence(4.0))),
        ("healthy", case(look(1000, None, 32), objective=Autoencoder())),
        ("collapse", case(look(1000, None, 0), objective=Autoencoder())),
        ("healthy", case(look(500, 90.0, 32, 30.0), look(900, 300.0, 32, 5.0), objective=Autoencoder())),
        ("healthy", case(look(1000, None, None), latent=0)),
    ],
)
def test_each_illness_is_told_from_the_others(expected, c):
    found = diagnose(c)
    assert found[0].name == expected
    assert found[0].healthy == (expected in ("healthy", "early"))
    assert found[0].healthy or (found[0].advice and found[0].evidence)


def test_the_evidence_is_the_figures():
    (finding,) = diagnose(case(look(1000, 0.02, 1)))
    assert finding.evidence == "KL 0.02 nats, 0.0% of the ELBO, 1 of 32 units active, held out at step 1000"
    assert "try --objective AutoGen --objective.m 1" in str(finding)


def test_advice_leaves_out_what_is_done_already():
    tried = case(look(1000, 0.02, 1), objective=AutoGen(1.0))
    tried.config["model"]["init_args"]["decoder"]["init_args"]["word_dropout"] = 0.5
    tried.config["inference"]["init_args"]["family"]["class_path"] = "undersong.families.isotropic.IsotropicGaussian"
    (finding,) = diagnose(tried)
    assert "--objective AutoGen --objective.m 3" in finding.advice
    assert not any("word_dropout" in text or "Isotropic" in text for text in finding.advice)


@pytest.mark.parametrize(
    "ill",
    [
        case(look(1000, 0.01, 0)),
        case(look(1000, None, 0), objective=Autoencoder()),
        case(look(1000, 10.0, 32, 50.0), look(5000, 25.0, 32, 48.0), objective=AutoGen(2.0)),
        case(look(1000, 10.0, 32, 50.0), look(5000, 25.0, 32, 48.0), objective=Beta(0.1)),
        case(look(1000, 5.0, 6)),
        case(look(1000, 3.0, 30), objective=TargetRate(10.0)),
    ],
)
def test_all_advice_can_be_typed(ill):
    from undersong.cli import command_parser

    parser = command_parser(train, "train")
    for finding in diagnose(ill):
        assert finding.healthy or finding.advice, f"{finding.name} says nothing of what to try"
        for advice in finding.advice:
            typed = parser.parse_args(["corpus", "--out", "run", *advice.split()])
            assert typed != parser.parse_args(["corpus", "--out", "run"]), f"{advice} changes nothing"


@pytest.mark.parametrize(
    ("flags", "advised"),
    [
        ("--model ContinuousNaiveBayes", "--inference.family IsotropicGaussian"),
        ("--inference Refined", "--inference.start.family IsotropicGaussian"),
        ("--inference Refined --inference.start.family IsotropicGaussian", "--model.decoder.word_dropout 0.4"),
    ],
)
def test_advice_names_the_settings_that_the_run_has_and_no_others(flags, advised):
    from undersong.cli import command_parser

    parser = command_parser(train, "train")
    words = ["corpus", "--out", "run", *flags.split()]
    made = parser.instantiate(parser.parse_args(words))
    config = configuration(train, {name: made[name] for name in defaults()})
    collapsed, exploded = [look(1000, 0.01, 0)], [look(1000, 10.0, 32, 50.0), look(5000, 25.0, 32, 48.0)]
    ills = [diagnose(replace(case(*looks), config=config))[0] for looks in (collapsed, exploded, [look(1000, 5.0, 6)])]
    advice = {text for finding in ills for text in finding.advice if not text.startswith("--objective")}
    assert advised in advice
    assert [finding.healthy for finding in ills] == [False] * 3
    parser.parse_args([*words, *(word for text in advice for word in text.split())])  # SystemExit, were one unknown


def test_advice_needs_no_kl_by_dimension_where_there_is_none(corpus, tmp_path):
    """As with a mixture prior: ``train`` refuses objectives that count each dimension."""
    mixed = partial(TINY["model"], prior=LearnedPrior)
    ill: dict[str, Any] = {"model": mixed, "steps": 20, "validation_steps": 10}
    collapsed = learn(corpus, tmp_path / "collapsed", objective=Beta(50.0), **ill)
    (finding,) = doctor(collapsed.path)
    assert finding.name == "collapse"
    advised = [text.split()[1] for text in finding.advice if text.startswith("--objective")]
    assert advised
    for name in advised:
        learn(corpus, tmp_path / name, objective=getattr(objectives, name)(), **{**ill, "steps": 1})
    (finding,) = diagnose(case({**look(1000, 5.0, 6), "dead_units": None}))
    assert finding.name == "dead-dimensions"
    assert finding.advice
    assert not any("FreeBits" in text for text in finding.advice)


def test_an_illness_is_said_once_while_it_lasts():
    said: list[str] = []
    watch = Watch(case(look(1000, 6.0, 32)), set(), said.append)
    assert watch(look(1100, 6.0, 32)) == []
    (line,) = watch(look(1200, 0.01, 0))
    assert (line["kind"], line["name"], line["step"]) == ("doctor", "collapse", 1200)
    assert watch(look(1300, 0.01, 0)) == []
    assert len(said) == 1


def test_it_reads_a_run_from_its_folder(corpus, tmp_path, capsys):
    """A weight on the KL that nothing can withstand: the posterior collapses for real."""
    run = learn(
        corpus, tmp_path / "run", epochs=26, validation_steps=130, objective=Beta(50.0), sentences=12, steps=EARLY + 20
    )
    (finding,) = doctor(run.path)
    assert finding.name == "collapse"
    assert any(line["kind"] == "doctor" for line in run.metrics())
    assert doctor_command(run.path) == 0
    assert "try --objective AutoGen" in capsys.readouterr().out
    assert doctor_command(run.path, json=True) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "collapse"


def test_it_does_not_cry_wolf(corpus, tmp_path):
    small = partial(RecurrentDecoder, embedding=6, hidden=8)
    exact: dict[str, Any] = {"inference": Amortized, "steps": 5}
    point = partial(TINY["inference"], family=PointMass)
    (finding,) = doctor(learn(corpus, tmp_path / "lm", model=partial(LanguageModel, decoder=small), **exact).path)
    assert finding.healthy
    assert "no latent variable" in finding.message
    (finding,) = doctor(learn(corpus, tmp_path / "ae", inference=point, objective=Autoencoder(), epochs=20).path)
    assert finding.healthy


def test_the_configuration_a_case_reads_is_the_one_of_train():
    assert set(case().config) == set(inspect.signature(train).parameters) - {"corpus", "out"}
    made = instantiate(train, {**case().config, "corpus": "c", "out": "o"})
    assert made["sentences"] == 128


def test_a_short_run_that_has_ended_is_told_what_it_is(corpus, tmp_path):
    run = learn(corpus, tmp_path / "run", objective=Beta(50.0), epochs=2)
    assert run.metrics()[-1]["step"] < EARLY
    assert [finding.name for finding in doctor(run.path)] == ["collapse"]
    (run.path / "checkpoints" / "step-000000020" / "state.json").write_text("{")
    assert [finding.name for finding in doctor(run.path)] == ["early"]  # of the one before it was to go on
