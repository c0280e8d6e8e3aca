"""tag, parse, cluster and sample on trained models, and `evaluate` on them: what comes out is what is scored."""

import codecs
import gzip
import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.decoding.treebank import NOUNS, VERBS, toy_treebank

from undersong.cli import main
from undersong.data.corpora.annotated import Sentence
from undersong.data.corpora.brackets import read_trees
from undersong.data.corpora.conllu import read_conllu, write_conllu
from undersong.data.prepare import prepare
from undersong.decoding.annotating import parse, read_split, read_words, tag
from undersong.decoding.clustering import cluster, describe_clusters, probabilities
from undersong.decoding.generating import sample
from undersong.errors import UserError
from undersong.evaluation import evaluate
from undersong.evaluation.structure import Clusters
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.inference import Observed
from undersong.learning import Gradient, Run, train
from undersong.learning.em import EM
from undersong.measures.attachment import attached
from undersong.measures.brackets import bracket_scores, proper
from undersong.measures.clustering import agreement
from undersong.models import DMV, HMM, PCFG, MixtureOfExperts, MixtureOfUnigrams
from undersong.nets import Label, RecurrentDecoder


def _run(folder: Path, name: str, corpus: Path, model: Any, **more: Any) -> Run:
    options = {"learner": EM, "epochs": 3, "device": "cpu", "precision": "fp32", "threads": 1, "quiet": True, **more}
    (run,) = train(corpus, out=folder / name, model=model, **options)
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """One small trained model of each kind."""
    folder = tmp_path_factory.mktemp("structures")
    words, trees = toy_treebank(folder, "conllu"), toy_treebank(folder, "ptb")
    lines = [f"{k},the {w} {v} {w}\n" for k, w in enumerate(NOUNS) for v in VERBS for _ in range(6)]
    (folder / "classes.csv").write_text("label,text\n" + "".join(lines))
    prepare(str(folder / "classes.csv"), out=folder / "classes", label_column="label", text_column="text", min_words=2,
            splits=(0.6, 0.2, 0.2), show_progress=False)  # fmt: skip
    classes = folder / "classes"
    return {
        "hmm": _run(folder, "hmm", words, partial(HMM, states=5)),
        "dmv": _run(folder, "dmv", words, DMV),
        "pcfg": _run(folder, "pcfg", trees, partial(PCFG, nonterminals=3, preterminals=4)),
        "mixture": _run(folder, "mixture", classes, partial(MixtureOfUnigrams, latent=4), inference=Observed),
    }


def test_evaluate_scores_the_tags_that_tag_gives(runs: dict[str, Run]) -> None:
    figures = evaluate(runs["hmm"], split="test")
    split = runs["hmm"].corpus().test
    found = tag(runs["hmm"], list(read_split(runs["hmm"], "test")))
    gold = np.concatenate([split.batch([row]).tags[0].numpy() for row in range(len(split))])  # type: ignore[index]
    states = np.array([int(t[1:]) for s in found for t in s.tags or () if t])
    for name, value in agreement(gold, states).items():
        assert figures[f"tag_{name}"] == pytest.approx(value)
    assert figures["tag_words"] == len(gold) == 72
    assert figures["nll_exact"] == pytest.approx(-figures["elbo"])
    assert figures["kl"] is None
    assert figures["event"].startswith("words and end of sentence")
    assert not any(name.startswith(("cluster_", "attachment_", "bracket_")) for name in figures)


def test_evaluate_scores_the_heads_that_parse_gives(runs: dict[str, Run]) -> None:
    """Punctuation, here the last word of each sentence, is not scored."""
    figures = evaluate(runs["dmv"], split="test")
    gold = [np.array(s.heads) for s in read_split(runs["dmv"], "test")]
    found = [np.array(s.heads) for s in parse(runs["dmv"], list(read_split(runs["dmv"], "test")))]
    each = [attached(g, f) for g, f in zip(gold, found, strict=True)]
    assert figures["attachment_directed"] == pytest.approx(np.mean([d[:5] for d, _ in each]))
    assert figures["attachment_undirected"] == pytest.approx(np.mean([u[:5] for _, u in each]))
    assert figures["attachment_words"] == 60
    assert figures["attachment_directed_next"] == pytest.approx(3 / 5)  # the, NOUN and the hang from the next word
    assert figures["attachment_directed_previous"] == 0.0


def test_evaluate_scores_the_brackets_that_parse_gives(runs: dict[str, Run]) -> None:
    figures = evaluate(runs["pcfg"], split="test")
    found = parse(runs["pcfg"], list(read_split(runs["pcfg"], "test")))
    spans = [proper(((a, b) for a, b, _ in s.spans or ()), 6) for s in found]
    scores = bracket_scores([{(0, 2), (2, 5), (3, 5)}] * len(found), spans)
    assert figures["bracket_sentence_f1"] == pytest.approx(scores["sentence_f1"])
    assert figures["bracket_corpus_f1"] == pytest.approx(scores["corpus_f1"])
    assert figures["bracket_sentence_f1_right"] == 0.0
    assert figures["bracket_sentence_f1_left"] == pytest.approx(2 * (1 / 4) * (1 / 3) / (1 / 4 + 1 / 3))
    assert figures["bracket_sentences"] == 12
    assert figures["bracket_sentence_f1_random"] is not None


def test_clusters_are_described_by_their_own_words(runs: dict[str, Run]) -> None:
    run = runs["mixture"]
    figures = evaluate(run, split="test")
    assert figures["cluster_sentences"] == len(run.corpus().test)
    assert figures["cluster_many_to_one"] == pytest.approx(1.0)  # it was told the classes of training sentences
    assert figures["elbo"] == pytest.approx(-figures["reconstruction"] - figures["kl"], abs=1e-4)
    assert figures["elbo"] == pytest.approx(figures["objective"], abs=1e-4)  # judged without the classes
    assert figures["event"].startswith("bag of words")
    assert figures["kl"] > 0
    found = describe_clusters(run, run.corpus().train, words=3, sentences=2)
    assert sum(c.share for c in found) == pytest.approx(1.0)
    assert [c.share for c in found] == sorted((c.share for c in found), reverse=True)
    texts = ["the dog sees dog", "the bird hears bird"]
    assigned = cluster(run, texts)
    p = probabilities(run, [run.tokenizer.encode(text) for text in texts])
    assert p.sum(1) == pytest.approx(1.0)
    assert [a.cluster for a in assigned] == p.argmax(1).tolist()
    assert [a.probability for a in assigned] == pytest.approx(p.max(1))
    mine = next(c for c in found if c.cluster == assigned[0].cluster)
    assert "dog" in mine.words


@pytest.mark.parametrize("examples", [1, 2, 99])
def test_clusters_are_shown_by_the_sentences_they_are_surest_of(runs: dict[str, Run], examples: int) -> None:
    """Each is in that cluster, no other of the cluster is surer, none stands twice, and there are as many as asked."""
    run = runs["mixture"]
    split = run.corpus().train
    ids = [split.ids(row).tolist() for row in range(len(split))]
    p = probabilities(run, ids)
    sure: dict[int, dict[str, float]] = {}
    for each, words in zip(p, ids, strict=True):
        sure.setdefault(int(each.argmax()), {})[run.tokenizer.decode(words)] = float(each.max())
    shown = describe_clusters(run, split, sentences=examples)
    assert {c.cluster for c in shown if c.sentences} == set(sure)
    for c in shown:
        mine = sure.get(c.cluster, {})
        assert len(c.sentences) == len(set(c.sentences)) == min(examples, len(mine))
        assert set(c.sentences) <= set(mine)
        best = sorted(mine.values(), reverse=True)[: len(c.sentences)]
        assert [mine[text] for text in c.sentences] == pytest.approx(best, abs=1e-7)
    assert max(map(len, sure.values())) > 2


def test_what_tag_and_parse_write_is_read_again(runs: dict[str, Run], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tag", str(runs["hmm"].path), "--split", "test", "--conllu"]) == 0
    tagged = list(read_conllu(io.StringIO(capsys.readouterr().out), "out"))
    assert len(tagged) == 12
    assert tagged[0].sentence.heads == (2, 3, 0, 5, 3, 3)
    assert all(t and t.startswith("s") for row in tagged for t in row.sentence.tags or ())
    assert main(["parse", str(runs["dmv"].path), "the dog sees the cat ."]) == 0
    (row,) = read_conllu(io.StringIO(capsys.readouterr().out), "out")
    assert sorted(row.sentence.heads or ())[0] == 0
    assert main(["parse", str(runs["pcfg"].path), "the dog (sees) the cat ."]) == 0
    written = capsys.readouterr()
    (tree,) = read_trees(io.StringIO(written.out), "out")
    assert tree.sentence.words == ("the", "dog", "(", "sees", ")", "the", "cat", ".")
    assert written.err == "outside the vocabulary, read as <unk>: (, )\n"
    assert main(["parse", str(runs["pcfg"].path), "--json", "the dog sees"]) == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert said["constituents"][0][:2] == [0, 3]


def test_a_treebank_is_tagged_and_parsed_by_its_own_words(
    runs: dict[str, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def tagged(name: str, content: bytes, *flags: str) -> tuple[int, str]:
        (tmp_path / name).write_bytes(content)
        code = main(["tag", str(runs["hmm"].path), "--file", str(tmp_path / name), *flags])
        found = capsys.readouterr()
        return code, found.out if code == 0 else found.err

    given = write_conllu([Sentence(("the", "dog", "can't"), ("D", "N", "V"), (2, 3, 0))]).encode()
    wanted = tagged("plain.conllu", given)
    assert [pair.partition("/")[0] for pair in wanted[1].split()] == ["the", "dog", "can't"]
    assert tagged("marked.conllu", codecs.BOM_UTF8 + given) == wanted
    assert tagged("trees.ptb", b"(ROOT (S (NP (D the) (N dog)) (V can't)))\n") == wanted
    assert tagged("packed.conllu.gz", gzip.compress(given)) == wanted
    wrong = given.replace(b"dog", b"d\xffg")
    for name, content, flags, message in (
        ("wrong.conllu", wrong, (), "sentence at line 1: it has a word that is not UTF-8"),
        ("plain.conllu", given, ("--text-column", "bogus"), "has no text column 'bogus'"),
        ("plain.conllu", given, ("--text-column", "xpos"), "sentence at line 1: it has a word without xpos"),
        ("empty.conllu", b"\n", (), "has no sentences"),
        ("plain.txt", b"the dog\n", ("--text-column", "form"), "--text-column is of a treebank's file"),
        ("cut.conllu.gz", gzip.compress(given)[:-9], (), "is not a complete gz file"),
    ):
        code, said = tagged(name, content, *flags)
        assert code == 2
        assert message in said


def test_sentences_of_one_word_and_impossible_ones(runs: dict[str, Run], tmp_path: Path) -> None:
    """One word has one tree; of an impossible sentence nothing can be said, and the message says which it is."""
    alone, several = parse(runs["pcfg"], read_words(runs["pcfg"].tokenizer, ["dog", "the dog"]))
    assert alone.spans == ()
    assert several.spans
    assert parse(runs["dmv"], read_words(runs["dmv"].tokenizer, ["dog", "the dog"]))[0].heads == (0,)
    bare = _run(tmp_path, "bare", runs["hmm"].corpus().folder, partial(HMM, states=2, smoothing=0.0))
    with pytest.raises(UserError, match="sentence 2 has probability 0"):
        tag(bare, read_words(bare.tokenizer, ["the dog sees the cat .", "zebra"]))


def test_annotation_that_is_not_there_cannot_be_believed(runs: dict[str, Run], tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("the dog sees the cat\n" * 40)
    prepare(str(tmp_path / "plain.txt"), out=tmp_path / "plain", min_words=2, splits=(1, 0, 0), show_progress=False)
    with pytest.raises(UserError, match="have no tags, which is what Observed can believe of HMM"):
        _run(tmp_path, "run", tmp_path / "plain", HMM, inference=Observed)


def test_commands_on_clusters(runs: dict[str, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(runs["mixture"].path)
    assert main(["cluster", path, "the dog sees dog", "the cat\x1b[31m likes cat"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "\x1b" not in lines[1]
    assert main(["cluster", path]) == 0
    assert "4 clusters" in capsys.readouterr().out
    assert main(["cluster", path, "--json"]) == 0
    written = capsys.readouterr().out
    assert {"cluster", "share", "words", "sentences"} == json.loads(written)[0].keys()
    assert len(written.splitlines()) == len(json.loads(written)) + 2  # a row a line, as of every command
    assert main(["cluster", str(runs["hmm"].path), "the dog"]) == 2
    assert "use a mixture" in capsys.readouterr().err


def test_clusters_that_were_told_the_labels_are_not_scored_against_them(
    runs: dict[str, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = partial(
        MixtureOfExperts,
        latent=2,
        context=partial(Label, classes=4),
        decoder=partial(RecurrentDecoder, embedding=4, hidden=4),
    )
    run = _run(tmp_path, "told", runs["mixture"].path.parent / "classes", model, learner=Gradient, epochs=1)
    subject = Subject(run.system, run.corpus())
    with pytest.raises(NotApplicable, match="is given the labels"):
        Clusters()(subject)
    for command in (["cluster", str(run.path), "the dog sees dog"], ["cluster", str(run.path)]):
        assert main(command) == 2
        assert "reads the labels of sentences beside their words" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["hmm", "dmv", "pcfg", "mixture"])
def test_sample_writes_from_the_model_itself(runs: dict[str, Run], name: str) -> None:
    written = sample(runs[name], 5, max_words=9, seed=1)
    assert len(written) == 5
    assert all(0 < len(s.text.split()) <= 9 for s in written)
    assert [s.text for s in written] == [s.text for s in sample(runs[name], 5, max_words=9, seed=1)]
    assert all(np.isfinite(s.log_prob) for s in written)
    assert sample(runs[name], 0) == []


def test_a_model_without_the_structure_says_so(runs: dict[str, Run], capsys: pytest.CaptureFixture[str]) -> None:
    hmm, dmv = str(runs["hmm"].path), str(runs["dmv"].path)
    for words, said in (
        (["parse", hmm, "the dog"], "knows no trees"),
        (["tag", dmv, "the dog"], "gives words no tags"),
        (["encode", hmm, "the dog", "--out", "z.npy"], "has no latent vector"),
        (["reconstruct", hmm, "the dog"], "has no latent vector"),
        (["tag", hmm, "the dog", "--split", "test"], "beside --split"),
        (["tag", hmm, " "], "has no words"),
    ):
        assert main(words) == 2, words
        assert said in capsys.readouterr().err
    assert read_words(runs["hmm"].tokenizer, ["The dog."])[0].words == ("the", "dog", ".")


def test_compare_shows_what_each_run_finds(runs: dict[str, Run], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main(["compare", str(runs["hmm"].path), str(runs["dmv"].path), "--out", str(page)]) == 0
    text = page.read_text()
    (first,) = tag(runs["hmm"], read_words(runs["hmm"].tokenizer, ["the dog sees the cat ."]))
    assert "Tags, trees and clusters" in text
    assert f"the/{(first.tags or ())[0]}" in text
    assert "→the" in text
    assert "tags, V-measure" in text
    assert "heads, directed" in text
