"""What came of a reproduction: one self-contained page, and the same as JSON and Markdown.

Knows nothing of how anything was measured.
"""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from undersong.decoding import Beam, Greedy
from undersong.errors import UserError
from undersong.files import write_atomically
from undersong.learning import Run
from undersong.measures.significance import spread
from undersong.report.evidence import Evidence
from undersong.report.examples import drawn as drawn_at_random
from undersong.report.examples import first, from_prior, rewritten, walks
from undersong.report.html import Block, Notice, Paragraph, Section, page
from undersong.report.tables import Cell, Table, markdown
from undersong.reproduce.claims import Decision
from undersong.reproduce.measured import Measured
from undersong.reproduce.pictures import Drawn
from undersong.reproduce.plan import Plan

BANNER = (
    "A smoke run, not evidence: it shows that everything works, on too little data and training to decide anything."
)
COLUMNS = {
    "Held-out sentences at the end of training, nats a sentence": (
        "valid_elbo",
        "valid_reconstruction",
        "valid_kl",
        "valid_kl_percent",
        "valid_active_units",
    ),
    "Bounds on the test split, nats a sentence": (
        "elbo",
        "reconstruction",
        "kl",
        "kl_percent",
        "nll_is",
        "active_units",
        "mutual_information",
    ),
    "Reconstruction": ("bleu_2", "bleu_4", "rouge_2", "rouge_4", "exact_match", "token_accuracy", "edit_distance"),
    "Sentences from the prior": (
        "length_mean",
        "length_mean_data",
        "distinct_2",
        "self_bleu_4",
        "copied",
        "ppl_forward",
        "ppl_forward_short",
        "ppl_forward_long",
        "ppl_reverse",
        "ppl_real",
    ),
    "Walks between sentences": ("repeated_neighbours", "neighbour_similarity", "moving_similarity", "largest_jump"),
    "Posterior and rates": (
        "log_det_covariance",
        "mean_norm_squared",
        "information_lower",
        "information",
        "rate",
        "information_cap",
        "information_at_cap",
    ),
    "Likelihood that is exact, nats a sentence": ("nll_exact", "ppl_exact"),
    "Tags of words": ("tag_many_to_one", "tag_one_to_one", "tag_v_measure", "tag_nmi"),
    "Clusters of sentences": ("cluster_many_to_one", "cluster_one_to_one", "cluster_v_measure", "cluster_nmi"),
    "Heads of words": (
        *("attachment_directed", "attachment_undirected"),
        *("attachment_directed_next", "attachment_directed_previous"),
        *("attachment_undirected_next", "attachment_undirected_previous"),
    ),
    "Brackets of sentences": (
        *("bracket_sentence_f1", "bracket_sentence_f1_left", "bracket_sentence_f1_right", "bracket_sentence_f1_random"),
        *("bracket_corpus_f1", "bracket_corpus_f1_left", "bracket_corpus_f1_right", "bracket_corpus_f1_random"),
    ),
    "Classes": (
        "accuracy",
        "accuracy_6",
        "accuracy_64",
        "accuracy_640",
        "accuracy_majority",
        "accuracy_damaged",
        "agreement",
        "imputation_class_kept",
        "imputation_bleu_2",
    ),
}


def write(out: Path, plan: Plan, measured: Measured, decisions: Sequence[Decision], drawn: Sequence[Drawn]) -> None:
    """``report.html``, ``table.json``, ``report.md`` and ``figures/`` in the reproduction's folder."""
    tables, claims = figure_tables(plan, measured), claims_table(decisions, plan.scale != "quick")
    examples = _examples(plan, measured)
    for one in drawn:
        one.write(out / "figures")
    sections = [
        Section("What this is", tuple(_opening(plan))),
        Section("Claims", (claims,)),
        Section("Figures", tuple(one.picture() for one in drawn)),
        Section("What was measured", tuple(tables)),
        *examples,
        Section("How each row was trained", (_settings(plan, measured),)),
    ]
    lead = f"{plan.title}. Reproduced at the {plan.scale} scale; corpus and settings below."
    write_atomically(out / "report.html", page(f"Reproduction: {plan.paper}", lead, sections).encode())
    write_atomically(out / "table.json", json.dumps(as_data(plan, measured, decisions), indent=1).encode())
    shown = [block for section in examples for block in section.blocks if isinstance(block, Table)]
    parts = [*_banner(plan), *plan.notes, *map(markdown, (claims, *tables, *shown))]
    write_atomically(out / "report.md", "\n\n".join([f"# {plan.title}", *parts, ""]).encode())


def _banner(plan: Plan) -> list[str]:
    return [BANNER] if plan.scale == "quick" else []


def _opening(plan: Plan) -> list[Block]:
    notes: list[Block] = [Paragraph(note) for note in plan.notes]
    return [*(Notice(text, warning=True) for text in _banner(plan)), *notes]


def claims_table(decisions: Sequence[Decision], evidence: bool = True) -> Table:
    """A line for each claim; what is no evidence gets no verdict."""
    rows = tuple(
        (
            Cell(decision.claim.text),
            Cell(decision.claim.where),
            Cell(decision.claim.paper),
            Cell(" · ".join(finding.said for finding in decision.findings)),
            Cell(decision.verdict if evidence else "no evidence"),
        )
        for decision in decisions
    )
    notes = (
        "held: the named test calls the difference real (p < 0.05) in the claimed direction; failed: in the other; "
        "open: the test does not call it real, or one seed allows none; in part: the parts differ.",
        "Numbers are mean ± standard deviation (number of seeds), on the test split; valid_...: on held-out sentences.",
    )
    return Table("Claims", ("claim", "where", "paper's number", "ours", "verdict"), rows, notes, prose=True)


def figure_tables(plan: Plan, measured: Measured) -> list[Table]:
    """A table for each group of figures, with the rows and columns that have any."""
    tables = []
    for title, keys in COLUMNS.items():
        some = [key for key in keys if any(measured.values(row.name, key) for row in plan.rows)]
        rows = [
            (Cell(row.label), Cell(row.corpus), *(Cell(measured.said(row.name, key, digits(key))) for key in some))
            for row in plan.rows
            if any(measured.values(row.name, key) for key in some)
        ]
        if rows:
            note = "Mean ± standard deviation over seeds (number of seeds)."
            tables.append(Table(title, ("row", "corpus", *some), tuple(rows), (note,)))
    return tables


def digits(key: str) -> int:
    """Decimals shown of a figure: three of shares, two of all else."""
    fine = (
        "accuracy",
        "agreement",
        "exact",
        "imputation_class",
        "repeated",
        "similarity",
        "distinct",
        "copied",
        "jump",
        "tag_",
        "cluster_",
        "attachment_",
        "bracket_",
    )
    return 3 if any(part in key for part in fine) else 2


def _settings(plan: Plan, measured: Measured) -> Table:
    rows = tuple(
        (
            Cell(row.label),
            Cell(row.corpus),
            Cell(", ".join(str(sheet["seed"]) for sheet in measured.sheets.get(row.name, ())) or None),
            Cell(" ".join(f"--{key} {value}" for key, value in row.flags.items())),
        )
        for row in plan.rows
    )
    return Table("Arguments of undersong train", ("row", "corpus", "seeds done", "flags"), rows, prose=True)


def _examples(plan: Plan, measured: Measured) -> list[Section]:
    """Tables 1, 3 and 5 of AutoGen, of the first four rows' first runs."""
    found = []
    for row in plan.rows[:4]:
        sheets = measured.sheets.get(row.name)
        if measured.runs is None or not sheets:
            continue
        try:
            run = Run.load(measured.runs / f"{row.name}.seed-{sheets[0]['seed']}")
            found.append(Evidence(row.label, run, [], {}, None, [], run.corpus()))
        except UserError:
            continue
    found = [one for one in found if hasattr(one.run.system.model, "decoder")]
    if not found:
        return []
    search, mean = (Beam(), False) if plan.paper == "autogen" else (Greedy(), True)
    return [
        rewritten(found, list(first(found, "test", 6)), search, mean, 0),
        from_prior(found, 6, search, 0),
        walks(found, drawn_at_random(found, "test", 2, 0), 10, search, mean, 0),
    ]


def as_data(plan: Plan, measured: Measured, decisions: Sequence[Decision]) -> dict[str, Any]:
    """Everything as plain values: configuration, seeds, data, versions, figures, claims."""
    return {
        "paper": plan.paper,
        "scale": plan.scale,
        "evidence": plan.scale != "quick",
        "notes": list(plan.notes),
        "versions": {name: version(name) for name in ("undersong", "torch", "numpy")}
        | {"python": platform.python_version()},
        "rows": [_row_data(plan, measured, row) for row in plan.rows],
        "claims": [
            {
                "claim": decision.claim.text,
                "where": decision.claim.where,
                "paper": decision.claim.paper,
                "verdict": decision.verdict,
                "findings": [{"said": f.said, "verdict": f.verdict} for f in decision.findings],
            }
            for decision in decisions
        ],
    }


def _row_data(plan: Plan, measured: Measured, row: Any) -> dict[str, Any]:
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
