"""What a person at a terminal sees while a corpus is prepared."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

PREPARE = """
import sys
from undersong.cli import main
sys.exit(main(["prepare", sys.argv[1], "--out", sys.argv[2], "--bpe", "--vocabulary", "300"]))
"""


def seen_at_a_terminal(*command: str) -> str:
    """What a command writes to standard error where that is a terminal."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    seen = b""
    try:
        while block := os.read(ours, 4096):
            seen += block
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    return seen.decode()


def test_a_bar_for_each_run_with_its_name_and_its_lines(corpus_file: Path, tmp_path: Path) -> None:
    seen = seen_at_a_terminal(sys.executable, "-c", PREPARE, str(corpus_file), str(tmp_path / "out"))
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    bars = {
        name.strip(): f"{done}/{total}" for name, done, total in re.findall(r"([a-z ]+) \S+\s+(\d+)/(\d+|\?)", drawn)
    }
    assert bars == {
        "counting": "1000/?",  # how many lines there are is not yet known
        "learning byte pairs": "1000/1000",
        "encoding": "1000/1000",
    }
    assert re.match(r"\d+ train, ", drawn.splitlines()[-1])  # the bars are cleared away before it
    assert "Daft" not in drawn  # what runs the query is silent,
    assert "rows in" not in drawn  # and draws no bars of its own over ours


def test_no_bar_where_there_is_no_terminal(corpus_file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PREPARE, str(corpus_file), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)
    assert "\x1b" not in done.stderr
