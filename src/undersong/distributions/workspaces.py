"""Memory with all its views, made once for a size and lent again: where small views cost as much as what they hold.

Knows nothing of what is computed there.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Protocol, TypeVar

import torch

KEPT = 2**26  # bytes that lie ready between calls; those longest unused go first


class Workspace(Protocol):
    """Made by its class from a size and a device; whoever borrows it finds what the last one left."""

    nbytes: int  # views included


W = TypeVar("W", bound=Workspace)


class Workspaces:
    """Lends each workspace to one borrower at a time; more are made where threads ask at once."""

    def __init__(self, kept: int = KEPT):
        self.kept, self.nbytes = kept, 0
        self._idle: OrderedDict[Any, Workspace] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def lent(self, kind: Callable[..., W], *size: int, device: torch.device) -> Iterator[W]:
        """A workspace until the context ends. On a CPU alone it is kept: elsewhere work may still wait for it."""
        key = kind, size, device
        with self._lock:
            found: Any = self._idle.pop(key, None)
            self.nbytes -= found.nbytes if found is not None else 0
        if found is None:
            with torch.inference_mode(False), torch.no_grad():  # for all who come later
                found = kind(*size, device=device)
        yield found
        if device.type == "cpu":
            self._keep(key, found)

    def _keep(self, key: Any, found: Workspace) -> None:
        with self._lock:
            before = self._idle.pop(key, None)  # of another thread, who was faster
            self._idle[key] = found
            self.nbytes += found.nbytes - (before.nbytes if before is not None else 0)
            while self.nbytes > self.kept:
                self.nbytes -= self._idle.popitem(last=False)[1].nbytes
