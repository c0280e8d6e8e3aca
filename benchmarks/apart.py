"""Arms that each run in a process of their own, as their users would run them: one's memory is none of the other's.

The benchmark's own module is started once an arm with `--arm NAME`, makes the arm and serves it: a line with the number
of a case is answered by a line of JSON with what the arm returned.
Knows nothing of what is measured.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any, cast


class Apart:
    """An arm in another process: called with the number of a case, it returns what the arm returned."""

    def __init__(self, benchmark: str, name: str, arguments: Sequence[str]) -> None:
        command = [sys.executable, "-m", f"benchmarks.{benchmark}", "--arm", name, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, case: int) -> Any:
        ask, answer = cast(IO[str], self.process.stdin), cast(IO[str], self.process.stdout)
        print(case, file=ask, flush=True)
        line = answer.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.process.args)} has ended with {self.process.wait()}.")  # type: ignore[arg-type]
        return json.loads(line)

    def __enter__(self) -> "Apart":
        return self

    def __exit__(self, *error: object) -> None:
        cast(IO[str], self.process.stdin).close()
        self.process.wait()


@contextmanager
def apart(benchmark: str, names: Sequence[str], arguments: Sequence[str]) -> Iterator[dict[str, Apart]]:
    """Arms by name, for as long as they are needed."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(Apart(benchmark, name, arguments)) for name in names}


def serve(arm: Callable[[int], object]) -> None:
    """Answer until nobody asks any more."""
    for line in sys.stdin:
        print(json.dumps(arm(int(line))), flush=True)
