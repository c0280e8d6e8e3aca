"""``reproduce``: the experiments of a paper, trained, measured and set beside what it reports.

Knows nothing of how a run is trained or measured; it reads a recipe and calls the rooms below.
"""

from pathlib import Path
from typing import Literal

from undersong.errors import UserError
from undersong.reproduce.corpora import corpora
from undersong.reproduce.execute import Site, execute, projected, stamp
from undersong.reproduce.plan import Plan, plan
from undersong.settings import need

__all__ = ["reproduce"]


def reproduce(
    paper: Literal["autogen", "igp", "tutorial"],
    *,
    out: Path,
    corpus: Path | None = None,
    scale: Literal["quick", "small", "paper"] = "quick",
    seeds: list[int] = [],  # noqa: B006 (a list on the command line; never changed)
    only: list[str] = [],  # noqa: B006 (the same)
    workers: int = 2,
    threads: int = 1,
    measure: bool = True,
) -> None:
    """Run the experiments of a paper, and write a report that sets them beside what the paper reports.

    Stopped in any way and called again, it goes on where it was: no finished run is trained twice, no figure measured
    twice. Stopped by Ctrl-C or SIGTERM, it stops its runs, which save what they have. Corpora are prepared at their
    first use, into ``$XDG_CACHE_HOME/undersong`` or ``~/.cache/undersong``.

    Args:
        paper: autogen (Mansbridge et al. 2019), igp (the isotropic Gaussian posterior), or tutorial (the exact and
            structured models of Kim, Wiseman and Rush 2018).
        out: the folder for the runs, their figures and ``report.html``. Runs there that are not this recipe's at this
            scale are named and left out of the report.
        corpus: a folder written by ``undersong prepare``, to be used instead of the recipe's main corpus.
        scale: quick (a smoke run of minutes), small (hours on two cores) or paper (the papers' own settings).
        seeds: instead of the recipe's, which gives some rows fewer for what they cost: one run of every row for each.
        only: names of the rows wanted; all by default.
        workers: runs at a time.
        threads: CPU threads of each run; one that was begun before keeps those it began with.
        measure: false to train only.

    Raises:
        UserError: a row is not known, a seed is given twice, no corpus can be had, or there are no workers or threads.
    """
    need(1, workers=workers, threads=threads)
    say = stamp(lambda line: print(line, flush=True))
    chosen = plan(paper, scale, seeds)
    jobs = chosen.jobs(only)
    used = {job.row.corpus for job in jobs}
    wanted = {name: settings for name, settings in chosen.corpora.items() if name in used}
    given = {chosen.main: Path(corpus)} if corpus is not None else {}
    site = Site(
        Path(out), {**corpora({k: v for k, v in wanted.items() if k not in given}, say), **given}, threads, measure
    )
    if not site.corpora:
        raise UserError(f"None of the corpora of {paper} can be had: see above, or give one by --corpus.")
    say(projected(chosen, jobs, site, workers))
    wrong = execute(chosen, jobs, site, workers, say)
    if measure:
        say("Drawing figures and examples for the report")
        for sentence in report(site.out, chosen):
            say(sentence)
        say(f"{site.out / 'report.html'} says what came of it.")
    for sentence in wrong:
        say(f"Left out: {sentence}")


def report(out: Path, chosen: Plan) -> list[str]:
    """Write what is known so far, of a finished reproduction or a stopped one; says what it had to leave out."""
    # Here and not above: each run's own process imports this package too, and has no use for figures and pages.
    from undersong.reproduce import autogen_claims, igp_claims, tutorial_claims
    from undersong.reproduce.claims import decide
    from undersong.reproduce.measured import Measured
    from undersong.reproduce.page import write
    from undersong.reproduce.pictures import pictures

    measured = Measured.read(out, chosen.rows)
    claims = {"autogen": autogen_claims, "igp": igp_claims, "tutorial": tutorial_claims}[chosen.paper].CLAIMS
    write(out, chosen, measured, decide(claims, measured), list(pictures(chosen, measured)))
    return measured.said_left_out()
