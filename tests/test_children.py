"""A command that is stopped leaves no process behind, and gives each the time to save what it has."""

import os
import signal
import subprocess
import sys
import time

import pytest

from undersong.children import Children

# Tells when it can be stopped, and once stopped takes its time to save.
CHILD = """
import signal, sys, time
def save(number, frame):
    signal.signal(number, signal.SIG_DFL)
    print("saving", flush=True)
    time.sleep({seconds})
    print("saved", flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
time.sleep(60)
"""
# As the commands that have children are: threads read what they say.
PARENT = """
import subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from undersong.children import Children
from undersong.cli import _stoppable

def job(children):
    with children.start([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE) as child:
        for line in child.stdout:
            sys.stdout.write(f"{{line.rstrip()}} {{child.pid}}\\n")  # in one piece, as two threads write
            sys.stdout.flush()

with _stoppable(), ThreadPoolExecutor(2) as pool, Children() as children:
    list(pool.map(job, [children, children]))
"""


def begun(seconds: float) -> subprocess.Popen[str]:
    program = PARENT.format(child=CHILD.format(seconds=seconds))
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, process_group=0)


def words(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().split()[0] for _ in range(count)]


@pytest.mark.parametrize("alone", [True, False], ids=["to the parent alone", "to its whole group"])
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_the_children_once_they_have_saved(sent: signal.Signals, alone: bool) -> None:
    process = begun(seconds=0.3)
    assert words(process, 2) == ["ready", "ready"]
    started = time.monotonic()
    (os.kill if alone else os.killpg)(process.pid, sent)
    said, _ = process.communicate(timeout=30)
    assert sorted(line.split()[0] for line in said.splitlines()) == ["saved", "saved", "saving", "saving"]
    assert time.monotonic() - started < 20
    assert process.returncode == (143 if sent == signal.SIGTERM else -signal.SIGINT)


def test_a_second_signal_does_not_wait_for_them() -> None:
    process = begun(seconds=40)
    assert words(process, 2) == ["ready", "ready"]
    process.send_signal(signal.SIGTERM)
    assert words(process, 2) == ["saving", "saving"]
    process.send_signal(signal.SIGTERM)
    assert "saved" not in process.communicate(timeout=30)[0]


def test_what_is_started_while_leaving_ends_too() -> None:
    with pytest.raises(KeyboardInterrupt), Children() as children:
        raise KeyboardInterrupt
    with children.start([sys.executable, "-c", "import time; time.sleep(60)"]) as late:
        assert late.wait(timeout=30) == -signal.SIGTERM


def test_what_ends_well_is_left_alone() -> None:
    with Children() as children:
        child = children.start(
            [sys.executable, "-c", "import time; time.sleep(0.2); print('done')"], stdout=subprocess.PIPE
        )
    assert child.communicate(timeout=30)[0] == "done\n"
    assert child.returncode == 0
