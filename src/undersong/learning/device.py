"""Where to compute: the device and the number of threads, resolved once and then written down.

Knows nothing of what is computed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from undersong.errors import UserError


def resolve_device(name: str) -> torch.device:
    """``auto`` takes a CUDA device where there is one, else the CPU; Apple's MPS is used only when asked for.

    Args:
        name: ``auto``, ``cpu``, ``cuda`` (or ``cuda:1``) or ``mps``.

    Raises:
        UserError: the name is not known, or the device is not there.

    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    kind = name.partition(":")[0]
    try:
        device = torch.device(name) if kind in there else None
    except RuntimeError:  # a number that is none
        device = None
    if device is None:
        raise UserError(f"device {name!r} is not known: use auto, cpu, cuda (or cuda:1) or mps.")
    if not there[kind]:
        raise UserError(f"This machine has no {kind} device that torch can use: take --device auto or cpu.")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if (device.index or 0) >= count:
        raise UserError(f"This machine has no {name}: its {kind} devices are numbered from 0 to {count - 1}.")
    return device


@contextmanager
def borrowed(device: torch.device, threads: int) -> Iterator[None]:
    """Use ``threads`` CPU threads and the global random state, and give both back as they were."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        with torch.random.fork_rng([device.index or 0] if device.type == "cuda" else []):
            yield
    finally:
        torch.set_num_threads(before)
