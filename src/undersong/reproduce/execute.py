"""Do the jobs of a plan, several at a time, each in its own process, and none of them twice.

    OUT/runs/ROW.seed-N/      the run's folder (checkpoints, metrics)
    OUT/orders/ROW.seed-N.json  what its process is told; beside it, its log
    OUT/rows/ROW.seed-N.json  its figures, there as soon as they are known

A job that fails is told and left; the others go on. Knows nothing of what a job trains or measures.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from undersong.children import Children
from undersong.data.store import Corpus
from undersong.files import write_atomically
from undersong.reproduce.plan import Job, Plan

Say = Callable[[str], None]
TRAINED = "trained.json"  # in a run's folder, once it needs no more training


@dataclass(frozen=True)
class Site:
    """Where a reproduction happens and with what.

    Attributes:
        out: its folder.
        corpora: by the recipe's name, the folders of those that could be had.
        threads: of each process.
        measure: whether runs are measured, or only trained.
    """

    out: Path
    corpora: Mapping[str, Path]
    threads: int = 1
    measure: bool = True

    def run(self, job: Job) -> Path:
        """The run's folder."""
        return self.out / "runs" / job.name

    def figures(self, job: Job) -> Path:
        """The file of the run's figures."""
        return self.out / "rows" / f"{job.name}.json"


Do = Callable[[Plan, Job, Site], str | None]


def execute(plan: Plan, jobs: Sequence[Job], site: Site, workers: int, say: Say, do: Do | None = None) -> list[str]:
    """Do all jobs. Stopped by Ctrl-C or SIGTERM, it tells those that run to stop too; they save what they have.

    Args:
        plan: whence they come.
        jobs: in the order of their worth.
        site: where to do them.
        workers: how many at a time.
        say: told what begins and ends, and by each job how far it is.
        do: does one job and says what went wrong, if anything; by default in a process of its own.

    Returns:
        What went wrong, a sentence for each job that could not be done.
    """
    wrong: list[str] = []
    waiting = [job for job in jobs if site.measure or not is_trained(job, site)]
    running: dict[Future[str | None], Job] = {}
    with ThreadPoolExecutor(workers) as pool, Children() as children:
        do = do or partial(in_a_process, say=say, children=children)
        while waiting or running:
            for job in list(waiting):
                if len(running) == workers:
                    break
                reason = _blocked(job, site, [*waiting, *running.values()])
                if reason is None:
                    waiting.remove(job)
                    say(f"{job.name} begins ({len(waiting)} wait)")
                    running[pool.submit(do, plan, job, site)] = job
                elif reason:
                    waiting.remove(job)
                    wrong.append(f"{job.name}: {reason}")
                    say(wrong[-1])
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                found = future.result()
                if found:
                    wrong.append(f"{job.name}: {found}")
                say(f"{job.name} {'failed: ' + found if found else 'is done'}")
    return wrong


def _blocked(job: Job, site: Site, left: Sequence[Job]) -> str | None:
    """Why a job cannot begin: a sentence if it never can, an empty one if it must wait, None if it can begin."""
    if job.row.corpus not in site.corpora:
        return f"its corpus {job.row.corpus} is not here"
    if job.row.after is None:
        return None
    before = _before(job)
    if before in (other.name for other in left):
        return ""
    trained = (site.out / "runs" / before / TRAINED).exists()
    return None if trained else f"{before}, from which it starts, is not trained"


def _before(job: Job) -> str:
    return f"{job.row.after}.seed-{job.seed}"


def in_a_process(plan: Plan, job: Job, site: Site, say: Say, children: Children) -> str | None:
    """One job in its own process; what went wrong, if anything.

    What it prints on standard output is said, line by line; its standard error is kept in its log.
    """
    order = site.out / "orders" / f"{job.name}.json"
    for path in (order, site.figures(job), site.run(job)):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(order, json.dumps(order_of(plan, job, site), indent=1).encode())
    environment = {**os.environ, "OMP_NUM_THREADS": str(site.threads), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "undersong.reproduce.work", str(order)]
    with (
        open(order.with_suffix(".log"), "ab") as log,
        children.start(command, stdout=subprocess.PIPE, stderr=log, env=environment) as process,
    ):
        for line in process.stdout or ():
            say(f"{job.name}: {line.rstrip()}")
    if process.returncode == 0:
        return None
    said = [line for line in order.with_suffix(".log").read_text(errors="replace").splitlines() if line.strip()]
    return said[-1] if said else f"its process ended with {process.returncode}"


def order_of(plan: Plan, job: Job, site: Site) -> dict[str, Any]:
    """All that the job's process must know, as plain values."""
    before = str(site.out / "runs" / _before(job)) if job.row.after else ""
    places = {"{after}": before, "{corpus}": str(site.corpora[job.row.corpus])}
    flags = {key: _placed(value, places) for key, value in job.row.flags.items()}
    groups = (*job.row.measures, *(job.row.once if job.seed == job.row.seeds[0] else ()))
    measures = [m for group in groups for m in plan.measures[group]] if site.measure else None
    return {
        "row": job.row.name,
        "label": job.row.label,
        "seed": job.seed,
        "corpus": str(site.corpora[job.row.corpus]),
        "run": str(site.run(job)),
        "figures": str(site.figures(job)),
        "threads": site.threads,
        "flags": flags,
        "retag": None if job.row.retag is None else {"run": before, "max_words": job.row.retag},
        "recipe": dict(job.row.flags),
        "measures": measures,
        "evaluate": dict(plan.evaluate),
        "subject": dict(plan.subject),
    }


def _placed(value: Any, places: Mapping[str, str]) -> Any:
    for mark, place in places.items():
        value = value.replace(mark, place) if isinstance(value, str) else value
    return value


def is_trained(job: Job, site: Site) -> bool:
    """Whether the run needs no more training."""
    return (site.run(job) / TRAINED).exists()


def projected(plan: Plan, jobs: Sequence[Job], site: Site, workers: int) -> str:
    """What the training that is left will cost, in a sentence: words to be read / (speed x workers)."""
    left = [job for job in jobs if not is_trained(job, site) and job.row.corpus in site.corpora]
    words = 0.0
    for job in left:
        split = Corpus.open(site.corpora[job.row.corpus]).train
        each = float(split.lengths.sum() + len(split))
        flags = job.row.flags
        share = flags["steps"] * flags["sentences"] / len(split) if "steps" in flags else flags.get("epochs", 10)
        words += each * share
    minutes = words / (plan.tokens_per_second * workers) / 60
    return (
        f"{len(left)} of {len(jobs)} runs are to be trained: {words / 1e6:.1f} million words, about {minutes:.0f} "
        f"minutes at {plan.tokens_per_second:,.0f} words a second in each of {workers} processes; "
        "measuring comes on top."
    )


def stamp(say: Say) -> Say:
    """Each line with the time since the first."""
    began = time.monotonic()
    return lambda line: say(f"[{(time.monotonic() - began) / 60:6.1f} min] {line}")
