"""The tables of a reproduction, from what was measured or from what was stored: made in one place, shown in several.

Knows nothing of pages, nor of how a claim is decided.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from undersong.measures.rates import at_cap
from undersong.report.sections import CAPPED
from undersong.report.tables import Cell, Table
from undersong.reproduce.claims import MEANINGS, Claim, Decision, Finding
from undersong.reproduce.measured import Measured

COLUMNS = {
    "Held-out sentences at the end of training, nats a sentence": (
        *("valid_elbo", "valid_reconstruction", "valid_kl", "valid_kl_percent", "valid_active_units"),
    ),
    "Bounds on the test split, nats a sentence": (
        *("elbo", "reconstruction", "kl", "kl_percent", "nll_is", "active_units", "mutual_information"),
    ),
    "Reconstruction": ("bleu_2", "bleu_4", "rouge_2", "rouge_4", "exact_match", "token_accuracy", "edit_distance"),
    "Sentences from the prior": (
        *("length_mean", "length_mean_data", "distinct_2", "self_bleu_4", "copied"),
        *("ppl_forward", "ppl_forward_short", "ppl_forward_long", "ppl_reverse", "ppl_real"),
    ),
    "Walks between sentences": ("repeated_neighbours", "neighbour_similarity", "moving_similarity", "largest_jump"),
    "Posterior and rates": (
        *("log_det_covariance", "mean_norm_squared"),
        *("information_lower", "information", "rate", "information_cap"),
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
        *("accuracy", "accuracy_6", "accuracy_64", "accuracy_640", "accuracy_majority", "accuracy_damaged"),
        *("agreement", "imputation_class_kept", "imputation_bleu_2"),
    ),
}
CAPS = {"mutual_information": "mutual_information_cap", "information": "information_cap"}
FINE = (
    *("accuracy", "agreement", "exact", "imputation_class", "repeated", "similarity", "distinct", "copied", "jump"),
    *("tag_", "cluster_", "attachment_", "bracket_"),
)


def claims_table(decisions: Sequence[Decision], evidence: bool = True) -> Table:
    """A line for each claim: what it says, the paper's number, ours, and the verdict with how many parts it rests on.

    Args:
        decisions: what came of the claims.
        evidence: false for a smoke run, which decides nothing.
    """
    rows = tuple(
        (
            Cell(f"{one.claim.text} ({one.claim.where})"),
            Cell(one.claim.paper),
            Cell(" · ".join(finding.said for finding in one.told)),
            Cell(_verdict(one) if evidence else "no evidence"),
        )
        for one in decisions
    )
    notes = (
        MEANINGS,
        "Numbers are mean ± standard deviation (number of seeds), on the test split; valid_...: on held-out sentences.",
    )
    return Table("Claims", ("claim", "paper", "ours", "verdict"), rows, notes, prose=True)


def verdicts_table(decisions: Sequence[Decision]) -> Table:
    """A line for each claim, and nothing but its verdict."""
    rows = tuple((Cell(one.claim.name), Cell(one.claim.where), Cell(_verdict(one))) for one in decisions)
    return Table("Verdicts", ("claim", "where", "verdict"), rows, prose=True)


def _verdict(decision: Decision) -> str:
    known = sum(finding.verdict != "not measured" for finding in decision.findings)
    whole = len(decision.findings)
    return decision.verdict if known in (0, whole) else f"{decision.verdict}; {known} of {whole} parts measured"


def figures_table(
    title: str, rows: Sequence[Mapping[str, Any]], keys: Sequence[str], measured: Measured, corpus: bool = False
) -> Table:
    """Some figures of some rows: mean, standard deviation and number of seeds.

    Args:
        title: of the table.
        rows: each with its ``row``, ``label`` and ``corpus``.
        keys: of the figures, a column each.
        measured: whence they come.
        corpus: whether a column names each row's corpus.
    """
    made = []
    for row in rows:
        named = [Cell(row["label"]), *([Cell(row["corpus"])] if corpus else [])]
        made.append((*named, *(_figure(row["row"], key, measured) for key in keys)))
    columns = ("row", *(("corpus",) if corpus else ()), *keys)
    notes = ["Mean ± standard deviation over seeds (number of seeds)."]
    if any(cell.mark for row in made for cell in row):
        notes.append(CAPPED)
    return Table(title, columns, tuple(made), tuple(notes))


def _figure(row: str, key: str, measured: Measured) -> Cell:
    if not measured.values(row, key):
        return Cell(None)
    cap = CAPS.get(key)
    pairs = measured.together(row, key, cap) if cap else ()
    return Cell(measured.said(row, key, digits(key)), mark=" ‡" if any(at_cap(*pair) for pair in pairs) else "")


def all_figures(rows: Sequence[Mapping[str, Any]], measured: Measured) -> list[Table]:
    """A table for each group of figures, with the rows and columns that have any."""
    tables = []
    for title, keys in COLUMNS.items():
        some = [key for key in keys if any(measured.values(row["row"], key) for row in rows)]
        known = [row for row in rows if any(measured.values(row["row"], key) for key in some)]
        if known:
            tables.append(figures_table(title, known, some, measured, corpus=True))
    return tables


def seeds_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """How many of the planned runs are stored."""
    lines = tuple(
        (Cell(row["label"]), Cell(row["corpus"]), Cell(f"{len(row['seeds'])} of {len(row['seeds_planned'])}"))
        for row in rows
    )
    return Table("Runs", ("row", "corpus", "seeds stored"), lines)


def settings_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The arguments each row was trained with."""
    lines = tuple(
        (
            Cell(row["label"]),
            Cell(row["corpus"]),
            Cell(", ".join(map(str, row["seeds"])) or None),
            Cell(" ".join(f"--{key} {value}" for key, value in row["train"].items())),
        )
        for row in rows
    )
    return Table("Arguments of undersong train", ("row", "corpus", "seeds done", "flags"), lines, prose=True)


def digits(key: str) -> int:
    """Decimals shown of a figure: three of shares, two of all else."""
    return 3 if any(part in key for part in FINE) else 2


def restored(outcome: Mapping[str, Any]) -> Measured:
    """The figures that a ``table.json`` holds, as they were measured."""
    sheets = {}
    for row in outcome["rows"]:
        values = {key: figure["values"] for key, figure in row["figures"].items()}
        runs = max(map(len, values.values()), default=0)
        sheets[row["row"]] = [{"figures": {key: v[i] for key, v in values.items() if i < len(v)}} for i in range(runs)]
    return Measured(sheets)


def decided(outcome: Mapping[str, Any]) -> list[Decision]:
    """The claims that a ``table.json`` holds, as they were decided."""
    return [
        Decision(
            Claim(claim.get("name", claim["claim"]), claim["where"], claim["claim"], claim["paper"], ()),
            tuple(Finding(one["said"], one["verdict"]) for one in claim["findings"]),
        )
        for claim in outcome["claims"]
    ]
