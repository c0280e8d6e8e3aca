"""Freed memory is kept for what comes next, where the system's allocator can be asked to (glibc, on Linux).

glibc gives large pieces back as they are freed. A training step asks for the same pieces again, and the system then
clears them page by page, which takes longer than some of the step's arithmetic. Kept, a process holds on to what it
needed at most. It is for whoever owns the process to ask: the command line does, and a script may.
"""

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's settings, from its malloc.h
_KEPT = 2**30  # bytes: so much in all is kept
_PIECES = (2**30, 2**25)  # bytes: pieces up to this size are kept; glibc before 2.35 takes the second at most


def keep_freed() -> bool:
    """Ask for it, for all of this process from now on.

    Returns:
        Whether there was an allocator that could be asked.
    """
    with suppress(OSError, AttributeError):
        ask = ctypes.CDLL(None).mallopt
        return any(ask(_MMAP_THRESHOLD, size) for size in _PIECES) and bool(ask(_TRIM_THRESHOLD, _KEPT))
    return False
