"""``undersong evaluate``: the figures of a run on standard output, as a table or as JSON.

Knows nothing of how they are computed.
"""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from undersong.evaluation.evaluate import evaluate
from undersong.evaluation.judgement import Figures
from undersong.evaluation.labels import label_of
from undersong.evaluation.measure import Measure
from undersong.evaluation.suite import BY_NAME, SUITE
from undersong.flags import passing_on


@passing_on(evaluate)
def evaluate_command(
    run: Path,
    *,
    suite: bool = False,
    measures: list[Measure] | None = None,
    json: bool = False,
    **settings: Any,
) -> int:
    """Judge a trained run, and write the figures into its folder.

    Bounds, active units and mutual information are those of the whole split; the importance-sampled likelihood is that
    of a fixed part of it. Word dropout and all other dropout are off.

    Args:
        run: the folder of a trained run.
        suite: also measure reconstructions, samples, walks, the posterior's shape, and what codes say of classes.
        measures: measure these instead of the whole suite, such as `[Reconstruction, Perplexity]`; classes by short
            name or dotted path.
        json: print one JSON object.
    """
    import json as plain

    figures = evaluate(run, measures=measures or (SUITE if suite else ()), **settings)
    if json:
        print(plain.dumps(figures, allow_nan=False))
    else:
        Console(highlight=False).print(table(figures))
        if "suite" in figures:
            Console(highlight=False).print(suite_table(figures["suite"]))
    return 0


def table(figures: Figures) -> Table:
    """The figures for people: what they are of, their units, and their errors."""
    count, tokens = figures["sentences"], figures["tokens"]
    shown = Table(title=f"{count:,} sentences, {tokens:,} tokens of the {figures['split']} split")
    shown.add_column("in nats a sentence, unless it says otherwise")
    shown.add_column("", justify="right")
    shown.add_column("")
    exact = figures["nll_exact"] is not None
    for key, label, note in LINES:
        if figures.get(key) is not None and not (exact and key in ESTIMATES):
            shown.add_row(label, _number(figures[key]), note(figures))
    if figures.get("impossible_sentences"):
        why = "log p(x) is -inf, as with a word never seen and no smoothing: no mean over all sentences is finite"
        shown.add_row("sentences of probability 0", _number(figures["impossible_sentences"]), why)
    for key, value in figures.items():
        if key.startswith(STRUCTURES) and value is not None:
            shown.add_row(key.replace("_", " "), _number(value) if isinstance(value, int) else f"{value:.3f}", "")
    what = f"{figures['event']}; step {figures['step']}; {figures['precision']}"
    shown.caption = f"{what}; what the model does not define is left out"
    return shown


def suite_table(suite: Figures) -> Table:
    """The answers of the suite's measures, and why some were left out."""
    shown = Table(title=f"the suite, in {sum(suite['seconds'].values()):.0f} s")
    shown.add_column("shares from 0 to 1, unless it says otherwise")
    shown.add_column("", justify="right")
    shown.add_column("")
    for key, value in suite["figures"].items():
        label = label_of(key)
        shown.add_row(label.text, label.value(value), label.note)
    for name, reason in suite["left_out"].items():
        shown.add_row(name.replace("_", " "), "left out", reason)
    shown.caption = f"asked by name only, --measures: {', '.join(kind.__name__ for kind in BY_NAME)}"
    return shown


def _number(value: float | int) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _nothing(figures: Figures) -> str:
    return ""


def _of_sampled(figures: Figures) -> str:
    error = figures["nll_is_se"]
    said = [f"{figures['nll_is_sentences']:,} sentences, {figures['samples']:,} samples each"]
    said += [] if error is None else [f"± {error:.3f} (s.e. of sampling z)"]
    said += ["posterior refined first"] if figures["nll_is_refined"] else []
    return ", ".join(said) + f"; their ELBO is {figures['elbo_subset']:.2f}"


def _effective(figures: Figures) -> str:
    share = f"at least {figures['nll_is_ess_min']:.1f}, under 50 for {100 * figures['nll_is_ess_under_50']:.1f}%"
    return share + ("  MARKED: the likelihood above is not to be trusted" if figures["nll_is_marked"] else "")


ESTIMATES = ("nll_is", "nll_is_ess", "ppl_elbo", "ppl_is")  # of what is known exactly
STRUCTURES = ("tag_", "cluster_", "attachment_", "bracket_")
LINES = (
    ("elbo", "ELBO", lambda f: "a lower bound on log p(x)" if f["nll_exact"] is None else "equals log p(x)"),
    ("reconstruction", "reconstruction (distortion), -E log p(x|z)", _nothing),
    ("kl", "KL (rate)", _nothing),
    ("kl_percent", "KL, % of the objective", lambda f: "with the objective's own factors"),
    ("objective", "the run's own objective", _nothing),
    ("nll_exact", "-log p(x)", lambda f: "exact"),
    ("ppl_exact", "perplexity, a token", lambda f: "exact"),
    ("nll_is", "-log p(x), importance sampled", _of_sampled),
    ("nll_is_ess", "effective samples", _effective),
    ("ppl_elbo", "perplexity, a token, from the ELBO", lambda f: "an upper bound"),
    ("ppl_is", "perplexity, a token, importance sampled", lambda f: "of the same sentences as -log p(x)"),
    ("autogen_generation", "AutoGen's generation, log p(x)", _nothing),
    ("autogen_reconstruction", "AutoGen's reconstruction, log p(x'=x|x)", _nothing),
    ("active_units", "active units", lambda f: "variance of the posterior mean above 0.01"),
    (
        "mutual_information",
        "mutual information of x and z",
        lambda f: f"at most ln N = {f['mutual_information_cap']:.2f}; {f['mutual_information_estimator']}",
    ),
)
