"""How long a sentence memory allows, asked before anything is allocated.

Knows nothing of what the memory is for.
"""

from collections.abc import Callable
from pathlib import Path

import torch

from undersong.errors import UserError

SMALL = 2**28  # what needs fewer bytes than this is not worth asking the system


def check_length(words: int, sentences: int, needed: Callable[[int], float], device: torch.device) -> None:
    """Raises where sentences of ``words`` words would need more bytes than ``device`` has free.

    Args:
        words: of the longest sentence.
        sentences: in the batch.
        needed: bytes for a batch whose longest sentence has this many words; rising.
        device: where.

    Raises:
        UserError: says how long a sentence may be.

    >>> check_length(10**6, 32, lambda words: 1e6 * words**2, torch.device("cpu"))
    Traceback (most recent call last):
    ...
    undersong.errors.UserError: A batch of 32 sentences of up to 1000000 words needs 1000000000.0 GB ...
    """
    bytes_needed = needed(words)
    if bytes_needed < SMALL:
        return
    free = available(device)
    if bytes_needed <= free:
        return
    low, high = 0, words
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if needed(middle) <= free else (low, middle)
    raise UserError(
        f"A batch of {sentences} sentences of up to {words} words needs {bytes_needed / 1e9:.1f} GB of memory and "
        f"{free / 1e9:.1f} GB are free: leave out sentences of more than {low} words, or take fewer at once."
    )


def available(device: torch.device) -> int:
    """Bytes free on ``device``.

    On a CPU those that the system would give without swapping, within the limits on the process and on its group;
    unlimited if it does not say.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min([2**62, *(free for ask in (_system, _group, _process) for free in _answer(ask))])


def _answer(ask: Callable[[], int]) -> list[int]:
    """What a system says that has such a thing to say."""
    try:
        return [ask()]
    except (OSError, ValueError, KeyError):
        return []


def _system() -> int:
    return _lines("/proc/meminfo")["MemAvailable"] * 1024


def _group() -> int:
    """What the group's limit leaves; files that are kept in memory and not in use are given back when asked for."""
    group = Path("/sys/fs/cgroup")
    used = int((group / "memory.current").read_text())
    parts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return int((group / "memory.max").read_text()) - used + int(parts["inactive_file"])


def _process() -> int:
    """What ``ulimit -v`` leaves."""
    (limit,) = (line for line in Path("/proc/self/limits").read_text().splitlines() if "address space" in line)
    return int(limit.split()[3]) - _lines("/proc/self/status")["VmSize"] * 1024


def _lines(path: str) -> dict[str, int]:
    """The lines ``name: number kB`` of a file."""
    pairs = (line.split() for line in Path(path).read_text().splitlines())
    return {pair[0].rstrip(":"): int(pair[1]) for pair in pairs if pair[2:] == ["kB"]}
