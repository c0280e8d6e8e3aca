"""Processes that a command starts and does not leave behind: where it is stopped, they are told to stop too.

Knows nothing of what they do.
"""

import subprocess
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Self


class Children:
    """A context whose processes are asked to end (SIGTERM) when it is left by an exception, and waited for.

    They stand in a process group of their own, so that Ctrl-C in a terminal, or a signal to the whole group of their
    parent, reaches them once and through it alone: a second one would end them before they have saved anything. A
    second Ctrl-C or SIGTERM to the parent, while it waits, kills them. Ctrl-Z stops the parent alone: they go on.

    Where threads read what the processes say, the threads' own context is the outer one, since it waits for them:

        with ThreadPoolExecutor() as pool, Children() as children:
            ...
    """

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []
        self._ending = False
        self._lock = threading.Lock()

    def start(
        self,
        command: Sequence[str],
        *,
        stdout: int | None = None,
        stderr: int | IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a process; the arguments are those of ``subprocess.Popen``. From any thread."""
        with self._lock:
            process = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=env, text=True, process_group=0)
            self._started.append(process)
            if self._ending:
                process.terminate()
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            return
        with self._lock:
            self._ending = True
            started = list(self._started)
        try:
            for process in started:
                process.terminate()
            for process in started:
                process.wait()
        except BaseException:
            for process in started:
                process.kill()
            raise
