"""What came of a reproduction: one self-contained page, and the same as JSON and Markdown.

Knows nothing of how anything was measured.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from undersong.decoding import Beam, Greedy
from undersong.errors import UserError
from undersong.files import write_atomically
from undersong.learning import Run
from undersong.measures.significance import spread
from undersong.report.drawn import Drawn
from undersong.report.evidence import Evidence
from undersong.report.examples import completed, first, from_prior, rewritten, walks, why_none
from undersong.report.examples import drawn as drawn_at_random
from undersong.report.html import Notice, Paragraph, Section, page
from undersong.report.tables import Table, markdown
from undersong.reproduce.claims import Decision
from undersong.reproduce.measured import Measured
from undersong.reproduce.plan import Plan, Row
from undersong.reproduce.sheet import versions
from undersong.reproduce.tables import all_figures, claims_table, settings_table

BANNER = (
    "A smoke run, not evidence: it shows that everything works, on too little data and training to decide anything."
)
SHOWN = 4  # rows whose sentences are shown side by side
Block = Drawn | Paragraph | Notice | Table


def write(
    out: Path, plan: Plan, measured: Measured, decisions: Sequence[Decision], pictures: Sequence[Drawn | Paragraph]
) -> None:
    """``report.html``, ``table.json``, ``report.md`` and ``figures/`` in the reproduction's folder."""
    outcome = as_data(plan, measured, decisions)
    parts: list[tuple[str, Sequence[Block]]] = [
        ("What this is", _opening(plan, measured)),
        ("Claims", [claims_table(decisions, outcome["evidence"])]),
        ("Figures", pictures),
        ("What was measured", all_figures(outcome["rows"], measured)),
        *_examples(plan, measured),
        ("How each row was trained", [settings_table(outcome["rows"])]),
    ]
    for one in pictures:
        if isinstance(one, Drawn):
            one.write(out / "figures")
    lead = f"{plan.title}. Reproduced at the {plan.scale} scale; corpus and settings below."
    sections = [
        Section(title, tuple(one.picture() if isinstance(one, Drawn) else one for one in blocks))
        for title, blocks in parts
    ]
    write_atomically(out / "report.html", page(f"Reproduction: {plan.paper}", lead, sections).encode())
    write_atomically(out / "table.json", json.dumps(outcome, indent=1).encode())
    told = [f"# {plan.title}"]
    for title, blocks in parts[:-1]:  # the arguments of each row are in table.json
        told += [f"## {title}", *map(_plain, blocks)] if blocks else []
    write_atomically(out / "report.md", "\n\n".join([*told, ""]).encode())


def _plain(block: Block) -> str:
    """A block as Markdown."""
    if isinstance(block, Table):
        return markdown(block)
    if isinstance(block, Drawn):
        return f"![{block.name}](figures/{block.name}.png)\n\n{block.caption}"
    return block.text


def _opening(plan: Plan, measured: Measured) -> list[Block]:
    warnings = [*([BANNER] if plan.scale == "quick" else []), *measured.said_left_out()]
    return [*(Notice(one, warning=True) for one in warnings), *(Paragraph(note) for note in plan.notes)]


def _examples(plan: Plan, measured: Measured) -> list[tuple[str, Sequence[Block]]]:
    """Tables 1, 3 and 5 of AutoGen and Table 5 of IGP, of the first runs of the main corpus's first four rows."""
    found: list[Evidence] = []
    rows = [row for row in plan.rows if row.corpus == plan.main and measured.sheets.get(row.name)]
    for row in rows[:SHOWN] if measured.runs is not None else ():
        assert measured.runs is not None
        try:
            run = Run.load(measured.runs / f"{row.name}.seed-{measured.sheets[row.name][0]['seed']}")
            found.append(Evidence(row.label, run, [], {}, None, [], run.corpus()))
        except UserError:
            continue
    found = [one for one in found if hasattr(one.run.system.model, "decoder")]
    if not found:
        return []
    search, mean = (Beam(), False) if plan.paper == "autogen" else (Greedy(), True)
    texts = first(found, "test", 6)
    sections = [
        rewritten(found, list(texts), search, mean, 0, why_none(found, "test")),
        completed(found, texts, search, mean, 0),
        from_prior(found, 6, search, 0),
        walks(found, drawn_at_random(found, "test", 2, 0), 10, search, mean, 0),
    ]
    return [(one.title, [block for block in one.blocks if isinstance(block, Block)]) for one in sections]


def as_data(plan: Plan, measured: Measured, decisions: Sequence[Decision]) -> dict[str, Any]:
    """Everything as plain values: configuration, seeds, data, versions, figures, claims."""
    return {
        "paper": plan.paper,
        "scale": plan.scale,
        "evidence": plan.scale != "quick",
        "notes": [*plan.notes, *measured.said_left_out()],
        "versions": versions(),
        "rows": [_row_data(measured, row) for row in plan.rows],
        "claims": [
            {
                "name": decision.claim.name,
                "claim": decision.claim.text,
                "where": decision.claim.where,
                "paper": decision.claim.paper,
                "verdict": decision.verdict,
                "findings": [{"said": f.said, "verdict": f.verdict} for f in decision.findings],
            }
            for decision in decisions
        ],
    }


def _row_data(measured: Measured, row: Row) -> dict[str, Any]:
    sheets = measured.sheets.get(row.name, ())
    keys = sorted({key for sheet in sheets for key in sheet["figures"]})
    figures = {}
    for key in keys:
        values = measured.values(row.name, key)
        if values:
            mean, deviation = spread(values)
            figures[key] = {"mean": mean, "std": deviation, "values": values}
    return {
        "row": row.name,
        "label": row.label,
        "corpus": row.corpus,
        "corpus_hash": sorted({sheet["corpus"]["hash"] for sheet in sheets}),
        "train": row.flags,
        "seeds": [sheet["seed"] for sheet in sheets],
        "seeds_planned": list(row.seeds),
        "figures": figures,
    }
