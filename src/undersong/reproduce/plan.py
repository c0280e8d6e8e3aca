"""What a reproduction runs: a recipe's rows, each with the few arguments that differ, times the seeds.

A recipe is data (``recipes/*.yaml``). Its ``rows`` are models under their names; each of its ``scales`` says on which
corpora, with which base arguments and from which seeds they are trained, and what is measured. Arguments are those of
``undersong train``, one flag a line, so that every run can be repeated by hand. Knows nothing of how anything is run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from undersong.errors import UserError

Flags = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: short, and the name of its folder.
        label: what a reader sees.
        corpus: the recipe's name for what it is trained on.
        flags: all arguments for ``undersong train`` but the corpus, the folder and the seed.
        measures: the groups of measures put to it.
        once: groups put to its first seed only, for what they cost.
        seeds: one run each.
        after: a row whose run of the same seed this one starts from; ``{after}`` in a flag stands for its folder, and
            ``{corpus}`` for that of the corpus.
        retag: if given, train on the tags that the run of ``after`` gives the words of its corpus, instead of on words,
            and on sentences of at most so many words.
    """

    name: str
    label: str
    corpus: str
    flags: Flags
    measures: tuple[str, ...]
    seeds: tuple[int, ...]
    after: str | None = None
    once: tuple[str, ...] = ()
    retag: int | None = None


@dataclass(frozen=True)
class Job:
    """One run: a row from one seed."""

    row: Row
    seed: int

    @property
    def name(self) -> str:
        """Stable, so that a stopped reproduction finds its runs again."""
        return f"{self.row.name}.seed-{self.seed}"


@dataclass(frozen=True)
class Plan:
    """A recipe at one scale.

    Attributes:
        paper: ``autogen``, ``igp`` or ``tutorial``.
        title: of the report.
        scale: ``quick``, ``small`` or ``paper``.
        notes: what a reader must know of this scale: what was chosen, and why.
        corpora: by name, the arguments of ``prepare``.
        main: the corpus that ``--corpus`` replaces.
        rows: in the order of their worth.
        measures: by group, measures as class names, or with their settings as ``class_path`` and ``init_args``.
        evaluate: arguments for ``undersong evaluate``.
        subject: how many sentences are judged and drawn.
        tokens_per_second: of one thread, for the cost told before starting.
    """

    paper: str
    title: str
    scale: str
    notes: tuple[str, ...]
    corpora: Mapping[str, Mapping[str, Any]]
    main: str
    rows: tuple[Row, ...]
    measures: Mapping[str, Sequence[Any]]
    evaluate: Mapping[str, Any]
    subject: Mapping[str, Any]
    tokens_per_second: float

    def jobs(self, only: Sequence[str] = ()) -> list[Job]:
        """Every row of several seeds from its first, then from its second, and so on; then the rows of one seed.

        Args:
            only: the rows wanted; all by default.

        Raises:
            UserError: a name that is no row.
        """
        known = [row.name for row in self.rows]
        for name in only:
            if name not in known:
                raise UserError(f"The {self.scale} scale of {self.paper} has no row {name!r}: {', '.join(known)}.")
        chosen = [row for row in self.rows if not only or row.name in only]
        several, single = ([row for row in chosen if (len(row.seeds) > 1) is many] for many in (True, False))
        turns = range(max((len(row.seeds) for row in several), default=0))
        first = [Job(row, row.seeds[turn]) for turn in turns for row in several if turn < len(row.seeds)]
        return [*first, *(Job(row, row.seeds[0]) for row in single)]


def plan(paper: str, scale: str, seeds: Sequence[int] = ()) -> Plan:
    """Read the recipe of a paper.

    Args:
        paper: ``autogen``, ``igp`` or ``tutorial``.
        scale: ``quick``, ``small`` or ``paper``.
        seeds: of every row, instead of the recipe's.

    Raises:
        UserError: a seed is given twice: its runs would share a folder.

    >>> [row.name for row in plan("autogen", "paper").rows][:4]
    ['vae', 'annealed', 'autogen-1', 'autogen-2']
    """
    if len(set(seeds)) < len(seeds):
        raise UserError(f"seeds {list(seeds)}: give each once.")
    text = files("undersong.reproduce").joinpath("recipes", f"{paper}.yaml").read_text(encoding="utf-8")
    recipe = yaml.safe_load(text)
    chosen = recipe["scales"][scale]
    rows = tuple(
        _row(name, recipe["rows"][name], here or {}, chosen, tuple(seeds)) for name, here in chosen["rows"].items()
    )
    return Plan(
        paper=paper,
        title=recipe["title"],
        scale=scale,
        notes=(*recipe.get("notes", ()), *chosen.get("notes", ())),
        corpora={name: _corpus(recipe["corpora"], name, here or {}) for name, here in chosen["corpora"].items()},
        main=next(iter(chosen["corpora"])),
        rows=rows,
        measures=chosen["measures"],
        evaluate=chosen["evaluate"],
        subject=chosen["subject"],
        tokens_per_second=chosen["tokens_per_second"],
    )


def _row(name: str, row: dict[str, Any], here: dict[str, Any], scale: dict[str, Any], seeds: tuple[int, ...]) -> Row:
    """A row as the recipe has it, with what this scale changes of it."""
    return Row(
        name=name,
        label=row["label"],
        corpus=here.get("corpus", row.get("corpus", next(iter(scale["corpora"])))),
        flags=_merged(scale["train"], row.get("train", {}), here.get("train", {})),
        measures=tuple(here.get("measures", row.get("measures", [next(iter(scale["measures"]))]))),
        seeds=seeds or tuple(here.get("seeds", scale["seeds"])),
        after=here.get("after", row.get("after")),
        once=tuple(here.get("once", ())),
        retag=here.get("retag", row.get("retag")),
    )


def _corpus(known: dict[str, Any], name: str, here: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``prepare``; ``is`` names another entry that serves at this scale."""
    own = {key: value for key, value in here.items() if key != "is"}
    return {**known[here.get("is", name)], **own}


def _merged(*layers: Mapping[str, Any]) -> Flags:
    """Later flags win; one set to null is taken away, with those below it."""
    flags: Flags = {}
    for layer in layers:
        for key, value in layer.items():
            if value is None:
                flags = {k: v for k, v in flags.items() if k != key and not k.startswith(f"{key}.")}
            else:
                flags[key] = value
    return flags


def arguments(flags: Mapping[str, Any]) -> list[str]:
    """Flags as words of a command line, a class before its arguments.

    >>> arguments({"objective.m": 1.0, "objective": "AutoGen"})
    ['--objective', 'AutoGen', '--objective.m', '1.0']
    """
    ordered = sorted(flags, key=lambda key: key.count("."))
    return [word for key in ordered for word in (f"--{key}", _word(flags[key]))]


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
