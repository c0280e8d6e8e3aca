"""``compare``: several runs side by side on one self-contained page.

It gathers what is known of each run, judges those not judged yet, has all of them write the same sentences, and lays it
out. Knows nothing of how any of it is measured, written or drawn.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from undersong.data.progress import progress
from undersong.decoding import Beam, Search
from undersong.errors import UserError
from undersong.learning import Run
from undersong.report import examples, sections
from undersong.report.evidence import Evidence, SplitName, names
from undersong.report.html import Section, check_place, page, save
from undersong.report.paired import paired
from undersong.report.posteriors import posteriors
from undersong.report.structures import structures


def compare(
    runs: list[Path],
    *,
    out: Path = Path("report.html"),
    split: SplitName = "test",
    sentences: int = 8,
    samples: int = 8,
    steps: int = 10,
    examined: int = 500,
    search: Search = Beam(),  # noqa: B008 (it keeps nothing)
    posterior_mean: bool = False,
    seed: int = 0,
    title: str = "Sentence models compared",
    force: bool = False,
) -> Path:
    """Write a page that sets trained runs side by side: figures, training, and the same sentences through all of them.

    The page holds everything it shows and asks no network for anything. Runs that were not judged yet, or were trained
    further since, are judged first. Runs that score different events are shown, and not ranked against each other.

    Args:
        runs: folders written by ``undersong train``.
        out: the page. An older report is replaced; any other file is not, unless ``force`` says so.
        split: where figures and sentences come from: test for the end, valid for choices.
        sentences: how many sentences are rewritten: the first of 4 to 20 words with none unknown.
        samples: how many sentences each run writes from its prior.
        steps: of the way from one sentence to another, both drawn at random.
        examined: how many sentences the pictures of posteriors and the tests between runs are of; 0 for neither. The
            mutual information, which costs their square, is tested of at most 5,000.
        search: how words are chosen.
        posterior_mean: rewrite from the mean of q(z|x); by default from a sample, as AutoGen's tables do.
        seed: of all noise: the same in all runs.
        title: the page's heading.
        force: replace whatever lies at ``out``.

    Returns:
        ``out``.

    Raises:
        UserError: no run, a folder that holds none, the same run twice, or a place that cannot be written.
    """
    out, paths = Path(out), [Path(run) for run in runs]
    _check(paths, out, min(sentences, samples, examined), steps, force)
    found = _gather(paths, split)
    texts, ends = examples.first(found, split, sentences), examples.drawn(found, split, 2, seed)
    missing = examples.why_none(found, split) if sentences else ""
    parts: list[Callable[[], Section]] = [
        lambda: sections.judged(found),
        lambda: sections.plane(found),
        lambda: sections.training(found),
        lambda: paired(found, split, examined),
        lambda: posteriors(found, split, examined),
        lambda: examples.rewritten(found, list(texts), search, posterior_mean, seed, missing),
        lambda: examples.completed(found, texts, search, posterior_mean, seed),
        lambda: examples.from_prior(found, samples, search, seed),
        lambda: examples.walks(found, ends, steps, search, posterior_mean, seed),
        lambda: structures(found, texts),
        lambda: sections.doctor(found),
        lambda: sections.trained(found),
    ]
    with progress() as shown:
        step = shown.step("writing the page", len(parts))
        made = []
        for part in parts:
            made.append(part())
            step(1)
    save(page(title, _lead(found, split), made), out)
    print(f"{out} shows {len(found)} run{'s' if len(found) > 1 else ''}; open it in a browser.", file=sys.stderr)
    return out


def _gather(paths: Sequence[Path], split: SplitName) -> list[Evidence]:
    found = []
    for name, path in zip(names(paths), paths, strict=True):
        found.append(Evidence.of(name, Run.load(path), split))
    return found


def _check(paths: Sequence[Path], out: Path, fewest: int, steps: int, force: bool) -> None:
    if not paths:
        raise UserError("There is nothing to compare: name at least one run's folder.")
    if fewest < 0 or steps < 2:
        raise UserError(
            f"{fewest} sentences or samples and {steps} steps cannot be shown: there must be 0 or more sentences to "
            "rewrite, to draw and to examine, and 2 or more steps."
        )
    check_place(out, force)


def _lead(runs: Sequence[Evidence], split: str) -> str:
    """What was trained for how long, in a sentence; only what the records say."""
    told = []
    for run in runs[:4]:
        lines = [*run.training(), *run.held_out()]
        last = max(lines, key=lambda line: line["step"], default=None)
        long = "" if last is None else f" for {last['step']:,} steps ({_time(last['seconds'])})"
        told.append(f"{run.name} was trained by {run.objective}{long}")
    if len(runs) > 4:
        told.append(f"and {len(runs) - 4} more, told of at the end")
    end = ", which is for the end: choose between models on the validation split" if split == "test" else ""
    return f"{'; '.join(told)}. All figures and sentences are of the {split} split{end}."


def _time(seconds: float) -> str:
    """
    >>> _time(49.2), _time(3660)
    ('49 s', '1 h 1 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
