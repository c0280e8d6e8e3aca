"""Tables in a hand-written page, each made from the stored outcome of a reproduction and never typed.

    <!-- table autogen: verdicts -->                                  every claim's name and verdict
    <!-- table autogen: claims -->                                    every claim with its numbers and its verdict
    <!-- table igp: rows dgp-5 igp-5 figures kl bleu_2 -->            some figures of some rows
    <!-- table igp: seeds -->                                         how many of the planned runs are stored
    (what stands here is replaced)
    <!-- end of table -->

    python -m undersong.reproduce.document PAGE results/autogen-small/table.json results/igp-small/table.json

Knows nothing of the page's own words.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from undersong.files import write_atomically
from undersong.report.tables import Table, markdown
from undersong.reproduce.tables import claims_table, decided, figures_table, restored, seeds_table, verdicts_table

MARKED = re.compile(r"(<!-- table (\w+): (.*?) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def filled(text: str, outcomes: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with every marked table made anew.

    Args:
        text: the page, Markdown.
        outcomes: by paper, what ``table.json`` holds.

    >>> row = {"row": "a", "label": "A", "figures": {"kl": {"mean": 1.0, "std": None, "values": [1.0]}}}
    >>> print(filled("<!-- table p: rows a figures kl -->\\n<!-- end of table -->", {"p": {"rows": [row]}}))
    <!-- table p: rows a figures kl -->
    | row | kl |
    |:--|:--|
    | A | 1.00 (1) |
    <!-- end of table -->
    """
    return MARKED.sub(lambda found: f"{found[1]}{_table(outcomes[found[2]], found[3])}\n{found[4]}", text)


def _table(outcome: Mapping[str, Any], wanted: str) -> str:
    words = wanted.split()
    if words == ["claims"]:
        return _body(claims_table(decided(outcome)))
    if words == ["verdicts"]:
        return _body(verdicts_table(decided(outcome)))
    if words == ["seeds"]:
        return _body(seeds_table(outcome["rows"]))
    middle = words.index("figures")
    known = {row["row"]: row for row in outcome["rows"]}
    rows = [known[name] for name in words[1:middle]]
    return _body(figures_table("", rows, words[middle + 1 :], restored(outcome)))


def _body(table: Table) -> str:
    """The table's lines alone: the page has words of its own for the title."""
    return "\n".join(line for line in markdown(table).splitlines() if line.startswith("|"))


def main(page: str, *outcomes: str) -> int:
    """Fill a page in place from the ``table.json`` of some reproductions."""
    found = [json.loads(Path(path).read_text(encoding="utf-8")) for path in outcomes]
    text = Path(page).read_text(encoding="utf-8")
    write_atomically(Path(page), filled(text, {one["paper"]: one for one in found}).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
