"""Ctrl-C and SIGTERM as a wish that the loop asks for between two steps.

Knows nothing of what the loop does with it.
"""

import signal
import threading
from types import FrameType
from typing import Any

CAUGHT = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """A context in which the first Ctrl-C or SIGTERM is kept in ``caught``; the second acts as it always does.

    Outside the main thread, where Python lets nobody catch signals, it does nothing.
    """

    def __init__(self) -> None:
        self.caught: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._catch) for number in CAUGHT}
        return self

    def __exit__(self, *exception: object) -> None:
        self._give_back()

    def leave(self) -> None:
        """End the way the signal asked for.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            SystemExit: with 143 after SIGTERM.
        """
        if self.caught == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + int(self.caught or signal.SIGTERM))

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self.caught = number
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
