"""Flags written down once reach every command that takes them over, with their words, defaults and values."""

import inspect
from dataclasses import dataclass

import pytest

from undersong.flags import passing_on, with_options


@dataclass(frozen=True)
class Paper:
    """What is written on.

    Args:
        width: in letters, of
            a line.
        ruled: with lines.
    """

    width: int = 80
    ruled: bool = False


@with_options(Paper)
def write(text: str, paper: Paper, times: int = 1) -> int:
    """Write.

    Args:
        text: what.
        times: how often.
    """
    return len(text) * times + paper.width * paper.ruled


def judge(run: str, *, samples: int = 500, seed: int = 0, measures: tuple[str, ...] = ()) -> tuple[object, ...]:
    """Judge.

    Args:
        run: which.
        samples: of z.
        seed: of noise.
        measures: further ones.
    """
    return run, samples, seed, measures


@passing_on(judge)
def judge_command(run: str, *, measures: bool = False, **settings: object) -> int:
    """Judge, and say it.

    Args:
        run: the folder.
        measures: all of them.
    """
    assert judge(run, measures=("all",) if measures else (), **settings) == ("here", 7, 0, ("all",))  # type: ignore[arg-type]
    return 0


def test_a_dataclass_becomes_flags() -> None:
    assert (
        str(inspect.signature(write)) == "(text: str, times: int = 1, *, width: int = 80, ruled: bool = False) -> int"
    )
    assert write("abc", times=2) == 6
    assert write("abc", ruled=True, width=10) == 13  # type: ignore[call-arg]
    assert "    width: in letters, of\n        a line.\n    ruled: with lines." in (write.__doc__ or "")


def test_a_function_s_keywords_become_flags_but_for_those_named() -> None:
    signature = inspect.signature(judge_command)
    assert list(signature.parameters) == ["run", "measures", "samples", "seed"]
    assert signature.parameters["measures"].annotation is bool
    assert judge_command("here", measures=True, samples=7) == 0
    assert (judge_command.__doc__ or "").endswith("measures: all of them.\n    samples: of z.\n    seed: of noise.")


def test_a_flag_that_nobody_takes_is_refused() -> None:
    with pytest.raises(TypeError):
        judge_command("here", speed=3)
