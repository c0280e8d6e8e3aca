"""A configuration says everything, is made again from a file, and trains to the same bits."""

import sys
from functools import partial
from pathlib import Path

import pytest
import yaml
from tests.learning.small import TINY, last_weights, learn, make_corpus

from undersong.configurable import Configurable, describe
from undersong.errors import UserError
from undersong.families import IsotropicGaussian, LearnedPrior, Mixture
from undersong.inference import Amortized
from undersong.learning import Gradient, Run, configuration, train
from undersong.models import VAE, LanguageModel
from undersong.nets import GRU, RecurrentDecoder, RecurrentEncoder
from undersong.objectives import AutoGen, Beta, Cyclical, Linear, Objective, TargetRate

OWN = '''
from undersong.objectives import Coefficient, Objective, at

class Squared(Objective):
    """A user's own, in a module of their own."""

    def __init__(self, power: Coefficient = 2.0, samples: int = 1):
        self.power, self.samples = power, samples

    def __call__(self, d):
        return d.mean(d.log_px) - d.kl ** at(self.power, d.step)
'''


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("data") / "corpus")


def test_every_default_of_every_choice_is_written(corpus, tmp_path):
    config = learn(corpus, tmp_path / "run", steps=1, objective=AutoGen(m=2)).config
    assert config["objective"]["init_args"] == {"m": 2, "samples": 1}
    decoder = config["model"]["init_args"]["decoder"]["init_args"]
    assert (decoder["hidden"], decoder["tied"]) == (8, False)
    assert decoder["layer"]["class_path"] == "undersong.nets.recurrent.LSTM"
    assert config["learner"]["init_args"]["betas"] == [0.9, 0.999]
    assert (config["device"], config["precision"], config["threads"]) == ("cpu", "fp32", 1)
    text = (tmp_path / "run" / "config.yaml").read_text()
    assert "vocab" not in text
    assert "!!python" not in text


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"objective": Beta(Cyclical(steps=30, cycles=2)), "seeds": [7]},
        {
            "model": partial(
                VAE,
                latent=3,
                decoder=partial(RecurrentDecoder, embedding=6, hidden=8, z_to_state=True, layer=GRU, tied=True),
                prior=partial(LearnedPrior, family=partial(Mixture, components=2, component=IsotropicGaussian)),
            ),
            "inference": partial(
                Amortized, family=IsotropicGaussian, encoder=partial(RecurrentEncoder, hidden=8, layer=GRU)
            ),
            "objective": TargetRate(Linear(0.0, 4.0, steps=10)),
            "learner": partial(Gradient, lr=Linear(0.0, 0.01, steps=8), weight_decay=0.1),
            "tokens": 100,
        },
        {"model": partial(LanguageModel, decoder=partial(RecurrentDecoder, hidden=8)), "inference": Amortized},
    ],
    ids=["plain", "schedule", "everything", "language-model"],
)
def test_training_again_from_the_written_configuration_gives_the_same_bits(corpus, tmp_path, changes):
    first = learn(corpus, tmp_path / "first", epochs=1, **changes)
    config = configuration.read(first.path / "config.yaml")
    made = configuration.instantiate(train, {**config, "out": str(tmp_path / "again")})
    (again,) = train(**made)
    assert last_weights(first.path) == last_weights(again.path)
    assert {**again.config, "out": ""} == {**first.config, "out": ""}


def test_the_command_line_takes_the_same_file(corpus, tmp_path):
    from undersong.cli import main

    first = learn(corpus, tmp_path / "first", epochs=1, objective=AutoGen(m=0.5))
    out = tmp_path / "again"
    assert main(["train", "--config", str(first.path / "config.yaml"), "--out", str(out)]) == 0
    assert last_weights(first.path) == last_weights(out)


def test_the_command_line_and_python_are_two_views_of_the_same_choices(corpus, tmp_path):
    from undersong.cli import main

    flags = """--model VAE --model.latent 4 --model.decoder.embedding 6 --model.decoder.hidden 8
        --model.decoder.word_dropout 0.3 --model.decoder.dropout 0.1 --inference.encoder.embedding 6
        --inference.encoder.hidden 8 --learner.lr 0.01 --sentences 24 --epochs 1 --precision fp32 --device cpu
        --threads 1 --quiet true --objective Beta --objective.beta Linear --objective.beta.steps 7"""
    assert main(["train", str(corpus), "--out", str(tmp_path / "typed"), *flags.split()]) == 0
    python = learn(corpus, tmp_path / "python", epochs=1, objective=Beta(Linear(steps=7)))
    typed = Run.load(tmp_path / "typed")
    assert {**typed.config, "out": ""} == {**python.config, "out": ""}
    assert last_weights(typed.path) == last_weights(python.path)


def test_a_users_own_class_works_by_dotted_path(corpus, tmp_path, monkeypatch):
    from undersong.cli import main

    (tmp_path / "my_own_objectives.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "typed"
    flags = ["--objective", "my_own_objectives.Squared", "--objective.power", "1.5"]
    written = yaml.safe_dump({**learn(corpus, tmp_path / "base", steps=1).config, "out": str(out), "epochs": 1})
    (tmp_path / "base.yaml").write_text(written)
    assert main(["train", "--config", str(tmp_path / "base.yaml"), *flags]) == 0
    run = Run.load(out)
    assert isinstance(run.system.objective, Objective)
    assert run.config["objective"] == {
        "class_path": "my_own_objectives.Squared",
        "init_args": {"power": 1.5, "samples": 1},
    }
    own = sys.modules["my_own_objectives"].Squared
    python = learn(corpus, tmp_path / "python", steps=1, objective=own(power=1.5))
    assert last_weights(python.path) == last_weights(out)
    monkeypatch.undo()
    monkeypatch.delitem(sys.modules, "my_own_objectives")
    with pytest.raises(UserError, match=r"no class my_own_objectives\.Squared \(No module .*: run .* in the folder"):
        Run.load(out)


def test_what_cannot_be_made_again_is_refused():
    with pytest.raises(UserError, match="cannot be written"):
        describe(lambda vocab: None)
    with pytest.raises(UserError, match="cannot be written"):
        describe(partial(VAE, 100))


def test_a_wrong_configuration_is_said_clearly(corpus, tmp_path):
    run = learn(corpus, tmp_path / "run", steps=1)
    config = {**run.config, "objective": {"class_path": "undersong.objectives.Gone", "init_args": {}}}
    with pytest.raises(UserError, match="does not fit"):
        configuration.instantiate(train, config)
    (tmp_path / "run" / "config.yaml").write_text("[1, 2")
    with pytest.raises(UserError, match="cannot be read"):
        Run.load(tmp_path / "run")
    with pytest.raises(UserError, match="holds no run"):
        Run.load(tmp_path / "nowhere")


def test_sizes_that_a_caller_gives_are_no_part_of_a_configuration():
    layer = describe(RecurrentDecoder)["init_args"]["layer"]
    assert "constant" not in layer["init_args"]

    class Part(Configurable):
        def __init__(self, size: int, *rest: int, depth: int = 2, **more: int): ...

    assert describe(Part(3, 4, depth=5))["init_args"] == {"size": 3, "depth": 5}
    assert TINY["model"].keywords["latent"] == 4
