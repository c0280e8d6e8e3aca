"""What a person sees: plain lines where there is no terminal, and what the tracker keeps."""

import contextlib
import io
import signal
from functools import partial

import pytest
import torch
from rich.console import Console
from tests.learning.small import learn

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.learning import Gradient, progress
from undersong.learning.device import resolve_device
from undersong.learning.interrupt import Interrupt
from undersong.learning.meter import Meter
from undersong.learning.progress import Display, _left
from undersong.learning.record import Record, read_record
from undersong.measures.latent import active_units


def test_plain_lines_on_standard_error_and_nothing_on_standard_output(corpus, tmp_path, capfd):
    learn(corpus, tmp_path / "run", quiet=False)
    out, err = capfd.readouterr()
    assert out == ""
    assert "\x1b" not in err
    held = [line for line in err.splitlines() if line.startswith("held out")]
    assert len(held) == 3
    for shown in ("reconstruction", "KL", "% of the objective", "active units", "best so far"):
        assert shown in held[0]
    learn(corpus, tmp_path / "silent")
    assert capfd.readouterr() == ("", "")


def test_the_cursor_is_shown_again_whatever_happens(corpus, tmp_path, monkeypatch):
    def cursor(**changes):
        terminal = io.StringIO()
        made = partial(Console, file=terminal, force_terminal=True)
        monkeypatch.setattr(progress, "Console", lambda **options: made(**{**options, "stderr": False}))
        with contextlib.suppress(UserError):
            learn(corpus, tmp_path / "run", quiet=False, **changes)
        shown = terminal.getvalue()
        return shown.count("\x1b[?25l"), shown.count("\x1b[?25h")

    assert cursor(epochs=2) == (1, 1)
    assert cursor(epochs=2, resume=True) == (1, 1)  # trained already
    assert cursor(resume=True, learner=partial(Gradient, lr=0.01), epochs=3) == (1, 1)
    (tmp_path / "run" / "metrics.jsonl").write_text("{\n" * 9)  # refused once the display is on
    assert cursor(resume=True, epochs=4) == (1, 1)


def test_the_training_line_shows_speed_and_time_left(capsys):
    display = Display(total=400, every=0.0)
    line = {"step": 100, "epoch": 0.5, "reconstruction": 50.0, "kl": 3.0, "tokens_per_second": 12345.6}
    display.train(line)
    display.train({**line, "step": 200})
    shown = capsys.readouterr().err.splitlines()[-1]
    assert "KL 3.00" in shown
    assert "12,346 tokens/s" in shown
    assert "0:00:00 left" in shown


def test_the_time_left_is_that_of_the_steps_left_at_the_pace_so_far():
    assert _left((0, 0), 10, 100, 400) == "0:00:30 left"
    assert _left((5.0, 100), 3605.0, 200, 400) == "2:00:00 left"  # resumed at step 100, five seconds in
    assert _left((0, 7), 10, 7, 400) == ""


def test_means_are_weighted_by_sentences_and_the_first_bad_number_is_named():
    meter = Meter()
    meter.add({"loss": torch.tensor(1.0)}, Batch.of([[5]] * 3))
    meter.add({"loss": torch.tensor(5.0)}, Batch.of([[5]]))
    found = meter.flush()
    assert found.line["loss"] == 2.0
    assert (found.line["sentences"], found.line["tokens"]) == (4, 8)
    assert found.bad is None
    meter.add({"loss": torch.tensor(float("inf"))}, Batch.of([[5]]))
    meter.add({"loss": torch.tensor(float("nan"))}, Batch.of([[5]]))
    assert meter.flush().bad == ("loss", float("inf"))


def test_a_record_is_cut_back_and_a_half_line_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    record = Record(path)
    record.write({"kind": "train", "loss": float("nan")})
    size = record.flushed()
    record.write({"kind": "train", "loss": 2.0})
    record.close()
    with open(path, "a") as file:
        file.write('{"kind": "tr')
    assert [line["loss"] for line in read_record(path)] == [None, 2.0]
    record = Record(path, size)
    record.write({"kind": "valid"})
    record.close()
    assert [line["kind"] for line in read_record(path)] == ["train", "valid"]


def test_the_second_signal_acts_as_always():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background begins with it ignored
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert interrupt.caught == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_devices():
    assert resolve_device("auto").type in ("cpu", "cuda", "mps")


def test_active_units_are_dimensions_whose_means_vary():
    means = torch.zeros(1000, 3)
    means[:, 1] = torch.linspace(-1, 1, 1000)
    means[:, 2] = torch.linspace(-0.1, 0.1, 1000)  # variance 0.0033
    assert active_units(means) == 1
    assert active_units(means, threshold=0.001) == 2
    assert active_units(means[:1]) == 0
