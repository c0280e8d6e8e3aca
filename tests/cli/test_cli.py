"""The command line: signatures as flags, words in any order, errors in one sentence."""

import os
import re
import signal
from pathlib import Path

import pytest

from undersong import cli, models
from undersong.configurable import Configurable


@pytest.fixture
def called(monkeypatch):
    """What a command of every kind of argument was called with."""
    seen = {}

    def command(
        run: Path,
        sentences: list[str],
        *,
        search: str = "beam",
        top_p: float = 1.0,
        json: bool = False,
        out: Path = Path(),
    ) -> None:
        """Try it."""
        seen.update(run=run, sentences=sentences, search=search, top_p=top_p, json=json, out=out)

    monkeypatch.setitem(cli.COMMANDS, "try", ("tests:try", "try it"))
    monkeypatch.setattr(cli, "_function", lambda name: command)
    return seen


@pytest.mark.parametrize(
    "words",
    [
        ["RUN", "a b", "--c", "--json", "--search", "greedy", "--top-p=0.5"],
        ["RUN", "--search", "greedy", "a b", "--top-p", "0.5", "--json"],
        ["--json", "RUN", "--top_p", "0.5", "--search=greedy", "a b"],
        ["--json", "true", "--search", "greedy", "--top-p", "0.5", "--", "RUN", "a b"],
    ],
)
def test_flags_may_stand_anywhere_and_switches_alone_say_true(called, words, capsys):
    words = [w for w in words if w != "--c"]
    assert cli.main(["try", *words]) == 0, capsys.readouterr().err
    assert called == {
        "run": Path("RUN"),
        "sentences": ["a b"],
        "search": "greedy",
        "top_p": 0.5,
        "json": True,
        "out": Path(),
    }


def test_a_sentence_may_look_like_a_flag_after_two_dashes(called):
    assert cli.main(["try", "RUN", "--json", "--", "--not-a-flag", "-0.5"]) == 0
    assert called["sentences"] == ["--not-a-flag", "-0.5"]


def test_an_unknown_command_and_an_unknown_flag_are_refused(called, capsys):
    assert cli.main(["trian"]) == 2
    assert "no command 'trian'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        cli.main(["try", "RUN", "x", "--serach", "beam"])
    assert stopped.value.code == 2


def test_an_objects_own_flags_may_stand_before_the_flag_that_chooses_it(tmp_path, capsys):
    words = ["train", "--objective.m=0.25", "CORPUS", "--objective", "AutoGen", "--out", str(tmp_path / "run")]
    _, _, chosen = cli.parsed(words[0], words[1:])
    assert chosen["objective"]["init_args"]["m"] == 0.25, capsys.readouterr().err


@pytest.mark.parametrize("written", ["-0.5", "-5e-1", "-.5"])
def test_a_negative_number_is_a_value_however_it_is_written(written):
    words = ["CORPUS", "--out", "RUN", "--objective", "AutoGen", "--objective.m", written]
    assert float(cli.parsed("train", words)[2]["objective"]["init_args"]["m"]) == -0.5


def test_what_is_typed_counts_more_than_what_a_file_says_wherever_it_stands(tmp_path):
    (tmp_path / "mine.yaml").write_text("corpus: CORPUS\nout: there\nepochs: 3\n")
    for words in (["--out", "here", "--config"], ["--out=here", "--config"]):
        _, _, chosen = cli.parsed("train", [*words, str(tmp_path / "mine.yaml")])
        assert (str(chosen["out"]), chosen["epochs"]) == ("here", 3)
    _, _, chosen = cli.parsed("train", ["--config", str(tmp_path / "mine.yaml")])
    assert str(chosen["out"]) == "there"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--objective", "AutoGn"], "--objective: there is no class 'AutoGn': take AutoGen, Autoencoder, Beta"),
        (["--inference.family", "Delta"], "--inference.family: there is no class 'Delta': take "),
        (["--model.decoder.layer", "RNN"], "--model.decoder.layer: there is no class 'RNN': take GRU, LSTM, or the "),
        (["--model", "VEA"], "--model: there is no class 'VEA': take one that --help names, or the dotted path"),
        (["--objective", "Beta", "--objective.beta", "0,5"], "--objective.beta: there is no class '0,5': take a numb"),
        (["--epochs", "many"], "--epochs: Expected a whole number. Got value: many"),
        (["--patience", "long"], "--patience: Expected a whole number. Got value: long"),
        (["--model", "DMV", "--model.harmonic", "x"], "--model.harmonic: Expected a number. Got value: x"),
        (
            ["--model", "MixtureOfUnigrams", "--model.clusters", "4"],
            "--model.clusters: MixtureOfUnigrams has no such option: it takes latent, smoothing",
        ),
        (
            ["--inference.encoder", "RecurrentEncoder", "--inference.encoder.hiden", "4"],
            "--inference.encoder.hiden: RecurrentEncoder has no such option: it takes embedding, hidden, dropout",
        ),
        (
            ["--inference", "Exact", "--inference.encoder.hidden", "4"],
            "--inference.encoder.hidden: Exact has no such option: it takes none",
        ),
        (["--estimator.samples", "3"], "--estimator.samples: Pathwise has no such option: it takes none"),
        (
            ["--objective", "AutoGen", "--objective.m", "Linear", "--objective.m.begin", "3"],
            "--objective.m.begin: Linear has no such option: it takes start, stop, steps, wait",
        ),
        (
            ["--model", "MixtureOfExperts", "--model.context", "Label", "--model.context.clases", "3"],
            "--model.context.clases: Label has no such option: it takes classes, size",
        ),
        (
            ["--learner", "Gradient", "--learner.lr", "Linear", "--learner.lr.begin", "3"],
            "--learner.lr.begin: Linear has no such option: it takes start, stop, steps, wait",
        ),
        (["--model.decoder", "undersong.Decodr"], "--model.decoder: there is no class 'undersong.Decodr': take Bag"),
        (["--model", "undersong.no.X"], "--model: there is no class 'undersong.no.X': take one that --help names"),
        (
            ["--inference.encoder", "undersong.nets.Mine", "--inference.encoder.hidden", "3"],
            "--inference.encoder: there is no class 'undersong.nets.Mine': take BagEncoder, RecurrentEncoder, or the ",
        ),
        (
            ["--objective", "Beta", "--objective.beta", "undersong_not_there.Mine"],
            "--objective.beta: there is no class 'undersong_not_there.Mine': take one that --help names, or the dotted "
            "path of your own (No module named 'undersong_not_there', in this folder or in PYTHONPATH)",
        ),
        (["--model.decoder.hidden", "x"], "--model.decoder.hidden: Expected a whole number. Got value: x"),
        (
            ["--model", "GaussianMixture", "--model.vectors", "v.safetensors"],
            "--model.vectors: there is no class 'v.safetensors': take ",
        ),
        (["--nonsense", "1"], "unrecognized arguments: --nonsense"),
    ],
)
def test_a_mistake_is_said_without_the_list_of_all_flags(words, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", "CORPUS", "--out", "RUN", *words])
    assert stopped.value.code == 2
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.startswith(f"undersong train: {said}")
    assert rest == ["`undersong train --help` tells its arguments."]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample", "RUN", "--search", "beem"], "--search: Expected one of 'greedy', 'beam', 'sample'. Got value: be"),
        (["tag", "RUN", "--split", "dev"], "--split: Expected one of 'train', 'valid', 'test'. Got value: dev"),
        (["evaluate", "RUN", "--refine", "yes!"], "--refine: Expected true or false. Got value: yes!"),
        (["evaluate", "RUN", "--measures", "Tags"], "--measures: Expected a list in brackets, [x] or [x,y]. Got value"),
    ],
)
def test_what_a_value_may_be_is_said_in_a_line(words, said, capsys):
    with pytest.raises(SystemExit):
        cli.main(words)
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.startswith(f"undersong {words[0]}: {said}")
    assert len(rest) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "--config: {} cannot be read: No such file or directory"),
        ("epochs:\n  [", "--config: {} is no YAML file, wrong in line 2: expected the node content"),
        ("epochs 3", "--config: {} holds no arguments: write each as `name: value` on a line of its own"),
        ("", "--config: {} holds no arguments"),
        ("epohcs: 3", "--epohcs: there is no such option"),
        ("epochs: many", "--epochs: Expected a whole number. Got value: many"),
    ],
)
def test_what_is_wrong_with_a_file_of_arguments_is_said_in_a_line(content, said, tmp_path, capsys):
    file = tmp_path / "mine.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", "CORPUS", "--out", "RUN", "--config", str(file)])
    assert stopped.value.code == 2
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.startswith(f"undersong train: {said.format(file)}")
    assert len(rest) == 1


def test_help_tells_where_sentences_come_from(capsys):
    with pytest.raises(SystemExit):
        cli.main(["encode", "--help"])
    assert "without any they are read from the file or from standard input. (type" in re.sub(
        r"\s+", " ", capsys.readouterr().out
    )


def test_help_names_the_models_and_none_of_torchs_modules(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    shown = capsys.readouterr().out
    assert "torch.nn" not in shown
    concrete = [n for n in models.__all__ if isinstance(m := getattr(models, n), type) and issubclass(m, Configurable)]
    assert len(concrete) > 15
    assert [name for name in concrete if not re.search(rf"\b{name}\b", shown) and name != "Tabular"] == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_end_clears_away_what_was_begun(monkeypatch, name):
    number, cleared = getattr(signal, name), []

    def command() -> None:
        """Try it."""
        try:
            os.kill(os.getpid(), number)
        finally:
            cleared.append(True)

    monkeypatch.setitem(cli.COMMANDS, "try", ("tests:try", "try it"))
    monkeypatch.setattr(cli, "_function", lambda name: command)
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as stopped:
            cli.main(["try"])
        assert (stopped.value.code, cleared) == (128 + number, [True])
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_a_files_trouble_is_one_sentence(monkeypatch, capsys):
    def command(run: Path) -> None:
        """Open it."""
        (run / "nothing").read_text()

    monkeypatch.setitem(cli.COMMANDS, "try", ("tests:try", "try it"))
    monkeypatch.setattr(cli, "_function", lambda name: command)
    assert cli.main(["try", "nowhere"]) == 2
    assert capsys.readouterr().err == f"undersong try: {Path('nowhere/nothing')}: No such file or directory.\n"


def test_prepare_and_compare_are_typed_as_the_readme_says(tmp_path, capsys):
    lines = tmp_path / "lines.csv"
    lines.write_text("kind,said\n" + "".join(f"{i % 2},the cat number {i} sat down there\n" for i in range(300)))
    out = tmp_path / "corpus"
    words = ["prepare", str(lines), "--out", str(out), "--text-column", "said", "--label-column", "kind"]
    assert cli.main(words) == 0
    assert (out / "corpus.json").exists()
    assert cli.main(words) == 2
    assert "--force" in capsys.readouterr().err
    assert cli.main([*words[:1], "--force", *words[1:]]) == 0


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([name, "--help"])
    assert stopped.value.code == 0
    assert "usage: undersong" in capsys.readouterr().out
