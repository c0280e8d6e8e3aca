"""What the page says in tables is what is stored, and nothing else."""

import json
from pathlib import Path

from undersong.reproduce.document import filled

ROOT = Path(__file__).parents[2]


def test_the_pages_tables_are_those_of_the_stored_results() -> None:
    paths = sorted((ROOT / "results").glob("*-small/table.json"))
    outcomes = {one["paper"]: one for one in (json.loads(path.read_text()) for path in paths)}
    assert set(outcomes) == {"autogen", "igp", "tutorial"}
    text = (ROOT / "docs" / "reproductions.md").read_text()
    assert text.count("<!-- table ") == text.count("<!-- end of table -->") > 5
    assert filled(text, outcomes) == text


def test_filling_replaces_old_tables_and_leaves_words_alone() -> None:
    figures = {"kl": {"mean": 2.0, "std": 0.71, "values": [1.5, 2.5]}}
    rows = [{"row": "a", "label": "A", "corpus": "c", "figures": figures, "seeds": [0, 1], "seeds_planned": [0, 1, 2]}]
    finding = {"said": "2 > 1", "verdict": "held"}
    claims = [{"name": "n", "claim": "x|y", "where": "s. 1", "paper": "3", "verdict": "held", "findings": [finding]}]
    outcome = {"rows": rows, "claims": claims}
    text = "Before.\n<!-- table p: {} -->\n| old |\n<!-- end of table -->\nAfter.\n"
    for wanted, said in (
        ("rows a figures kl absent", "| A | 2.00 ± 0.71 (2) | – |"),
        ("claims", "| x\\|y (s. 1) | 3 | 2 &gt; 1 | held |"),
        ("verdicts", "| n | s. 1 | held |"),
        ("seeds", "| A | c | 2 of 3 |"),
    ):
        once = filled(text.format(wanted), {"p": outcome})
        assert said in once, once
        assert "old" not in once
        assert once.startswith("Before.\n")
        assert once.endswith("After.\n")
        assert filled(once, {"p": outcome}) == once
