"""What each model with structures is trained by and used for, command by command, on one toy treebank."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.decoding.treebank import toy_treebank

from undersong.cli import main
from undersong.data.corpora.brackets import read_trees
from undersong.data.corpora.conllu import read_conllu

TEXT = "the dog sees the cat ."
EM = "--learner EM --epochs 2"
CLIMB = "--epochs 2 --learner.lr 0.05"
SMALL_NET = "--model.decoder.embedding 6 --model.decoder.hidden 8"
CHAINS = "--model FactorialHMM --model.chains 2 --model.states 2"
GRAMMAR = "--model.nonterminals 3 --model.preterminals 4 --model.size 8"
# A run by its name: the flags of `train`. VECTORS stands for a file of word vectors.
RUNS = {
    "rnns": f"--model MixtureOfRNNs --model.latent 2 {SMALL_NET} {CLIMB}",
    "experts": f"--model MixtureOfExperts --model.latent 2 {SMALL_NET} {CLIMB}",
    "gaussians": f"--model GaussianMixture --model.latent 2 --model.vectors.file VECTORS {EM}",
    "bags": f"--model ContinuousNaiveBayes --model.latent 2 --inference.encoder BagEncoder {CLIMB}",
    "semi-markov": f"--model SemiMarkovHMM --model.states 3 --model.longest 2 --model.segments.size 6 {CLIMB}",
    "factorial": f"{CHAINS} {EM}",
    "mean field": f"{CHAINS} --inference StructuredMeanField --inference.sweeps 3 {EM}",
    "vectors": f"--model GaussianHMM --model.states 3 --model.vectors VECTORS {EM}",
    "factorial vectors": f"{CHAINS} --model.emission GaussianSum --model.emission.vectors VECTORS {EM}",
    "compound": f"--model CompoundPCFG --model.latent 2 {GRAMMAR} {CLIMB}",
    "brackets": f"--model CompoundPCFG --model.latent 2 {GRAMMAR} --inference ObservedStructure {CLIMB}",
    "neural dmv": f"--model NeuralDMV --model.size 6 --model.hidden 8 --model.steps 2 {EM}",
}
WORD_TAGS, SEGMENT_TAGS = r"the/s\d dog/s\d sees/s\d the/s\d cat/s\d \./s\d\n", r"(\[[a-z.]+( [a-z.]+)?\]/s\d\s)+"
CLUSTERED = r" +[01]  [01]\.\d{3}  the dog sees the cat\.\n"
WRITTEN = r"( +-?\d+\.\d\d  [^\n]*\n){3}"


def tagged(out: str, exact: bool) -> bool:
    """Tags were scored, and log p(x) is known or is not."""
    found = json.loads(out)
    return 0 <= found["tag_v_measure"] <= 1 and (found["nll_exact"] is not None) == exact and found["kl"] is None


def one_root(out: str) -> bool:
    """A tree of six words."""
    (row,) = read_conllu(io.StringIO(out), "out")
    return len(row.sentence.heads or ()) == 6 and (row.sentence.heads or ()).count(0) == 1


def one_tree(out: str) -> bool:
    """A binary tree of six words."""
    (row,) = read_trees(io.StringIO(out), "out")
    return row.sentence.words == tuple(TEXT.split()) and len(row.sentence.spans or ()) == 5


def bounded(out: str) -> bool:
    """The table says that what it shows is a bound, and no exact likelihood."""
    return "a lower bound on log p(x)" in out and "exact" not in out


def cut(out: str) -> bool:
    """Segments tile the sentence, and each has the state of its words."""
    (found,) = json.loads(out)
    pieces = [(first, after) for first, after, _ in found["segments"]]
    tiles = [0, *(after for _, after in pieces)] == [*(first for first, _ in pieces), 6]
    return tiles and all(set(found["tags"][a:b]) == {state} for a, b, state in found["segments"])


# Run, command, and what its output must be: a pattern of the whole, or a test.
USES: list[tuple[str, str, str | Callable[[str], bool]]] = [
    *((name, f"tag RUN '{TEXT}'", WORD_TAGS) for name in ("factorial", "mean field", "vectors", "factorial vectors")),
    ("semi-markov", f"tag RUN '{TEXT}'", SEGMENT_TAGS),
    ("semi-markov", f"tag RUN --json '{TEXT}'", cut),
    *(
        (name, "evaluate RUN --json", lambda out: tagged(out, exact=True))
        for name in ("semi-markov", "factorial", "vectors", "factorial vectors")
    ),
    ("mean field", "evaluate RUN --json", lambda out: tagged(out, exact=False)),
    ("mean field", "evaluate RUN", bounded),
    ("bags", "evaluate RUN --samples 8 --json", lambda out: json.loads(out)["nll_is"] > 0),
    ("neural dmv", f"parse RUN '{TEXT}'", one_root),
    ("neural dmv", "evaluate RUN --json", lambda out: 0 < json.loads(out)["attachment_undirected"] <= 1),
    ("compound", f"parse RUN '{TEXT}'", one_tree),
    ("compound", "evaluate RUN --samples 4 --subset 4 --json", lambda out: json.loads(out)["bracket_corpus_f1"] >= 0),
    ("brackets", f"parse RUN '{TEXT}'", one_tree),
    *((name, f"cluster RUN '{TEXT}'", CLUSTERED) for name in ("rnns", "experts", "gaussians")),
    *((name, "cluster RUN", r"(?s).*clusters.*share.*the dog.*") for name in ("rnns", "experts", "gaussians")),
    *((name, "sample RUN --n 3 --max-words 9", WRITTEN) for name in RUNS if name not in ("experts", "gaussians")),
]
# What a model cannot do, it says in one sentence.
REFUSED = [
    *((name, "sample RUN", "cannot write sentences by itself") for name in ("experts", "gaussians")),
    ("bags", f"cluster RUN '{TEXT}'", "its latent variable is a vector"),
    ("rnns", f"tag RUN '{TEXT}'", "gives words no tags"),
    ("factorial", f"parse RUN '{TEXT}'", "knows no trees"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every run, trained from the command line."""
    folder = tmp_path_factory.mktemp("every")
    words, trees = toy_treebank(folder, "conllu"), toy_treebank(folder, "ptb")
    vectors = folder / "vectors.safetensors"
    assert main(["vectors", str(words), "--out", str(vectors), "--size", "3"]) == 0
    common = ["--sentences", "32", "--threads", "1", "--device", "cpu", "--precision", "fp32", "--quiet", "true"]
    for name, flags in RUNS.items():
        corpus = trees if name in ("compound", "brackets") else words
        given = flags.replace("VECTORS", str(vectors)).split()
        assert main(["train", str(corpus), "--out", str(folder / name.replace(" ", "-")), *given, *common]) == 0, name
    return folder


def spoken(command: str, runs: Path, name: str) -> list[str]:
    """The words of a command; a sentence in quotation marks is one."""
    words = re.findall(r"'[^']*'|\S+", command)
    return [str(runs / name.replace(" ", "-")) if word == "RUN" else word.strip("'") for word in words]


@pytest.mark.parametrize(("name", "command", "expected"), USES, ids=[f"{name}: {command}" for name, command, _ in USES])
def test_it_does_what_it_is_for(
    runs: Path, name: str, command: str, expected: str | Callable[[str], bool], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(spoken(command, runs, name)) == 0
    out = capsys.readouterr().out
    assert re.fullmatch(expected, out) if isinstance(expected, str) else expected(out), out


@pytest.mark.parametrize(
    ("name", "command", "said"), REFUSED, ids=[f"{name}: {command}" for name, command, _ in REFUSED]
)
def test_it_says_what_it_cannot(
    runs: Path, name: str, command: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(spoken(command, runs, name)) == 2
    assert said in capsys.readouterr().err
