"""Which runs are ranked together, and the reasons given where they are not."""

from pathlib import Path

from tests.report.test_compare import best, judged

from undersong.report import sections
from undersong.report.html import Notice
from undersong.report.tables import Table


def test_an_exact_likelihood_and_a_sampled_one_of_the_same_sentences_are_ranked(home: Path, tmp_path: Path) -> None:
    vae = judged(home, tmp_path, "vae", nll_is=30.0, nll_is_marked=False)
    lm = judged(home, tmp_path, "lm", nll_is=29.0)
    assert vae.figures["nll_is_sentences"] == vae.figures["sentences"]  # few enough to be sampled all
    (table, _) = sections.judged([vae, lm]).blocks
    assert isinstance(table, Table)
    assert best(table, "negative log-likelihood, sampled") == [False, True]
    assert not any("not of the same sentences" in note for note in table.notes)


def test_an_exact_likelihood_of_before_its_tokens_were_kept_is_ranked_with_later_ones(
    home: Path, tmp_path: Path
) -> None:
    vae = judged(home, tmp_path, "vae", nll_is=30.0, nll_is_marked=False)
    lm = judged(home, tmp_path, "lm", nll_is=29.0, nll_is_tokens=None)
    table = sections.judged([vae, lm]).blocks[0]
    assert best(table, "negative log-likelihood, sampled") == [False, True]


def test_sentences_whose_ends_one_model_does_not_score_are_the_same_sentences(home: Path, tmp_path: Path) -> None:
    bag = {"event": "bag of words", "tokens": 99}
    runs = [judged(home, tmp_path, "vae"), judged(home, tmp_path, "lm", **bag)]
    notice, first, _, second, _ = sections.judged(runs).blocks
    assert isinstance(notice, Notice)
    assert "because they differ in the event scored: " in notice.text
    assert isinstance(first, Table)
    assert isinstance(second, Table)
    assert f"{runs[0].figures['tokens']} tokens" in first.notes[0]
    assert "99 tokens" in second.notes[0]
