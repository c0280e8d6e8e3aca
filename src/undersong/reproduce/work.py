"""One run of a reproduction, in a process of its own: train it unless it is trained, measure what is not yet measured.

    python -m undersong.reproduce.work ORDER.json

The order is a file that ``execute`` writes. How far it is goes to standard output, what goes wrong to standard error.
What is found is written to the order's ``figures`` file after every measure, so that a stopped reproduction measures
nothing twice. Knows nothing of other runs, nor of claims.
"""

import json
import sys
import time
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser

from undersong.errors import UserError
from undersong.files import write_atomically
from undersong.learning import train
from undersong.learning.configuration import CONFIG
from undersong.reproduce.execute import TRAINED
from undersong.reproduce.plan import arguments
from undersong.reproduce.retag import retagged
from undersong.reproduce.sheet import opened


def main(path: str) -> int:
    """Do what an order says; 2 if something cannot be used, said in one sentence."""
    say = partial(print, flush=True)
    order = json.loads(Path(path).read_text(encoding="utf-8"))
    torch.set_num_threads(order["threads"])
    try:
        if order.get("retag"):
            say("tagging the corpus anew")
            place = Path(f"{order['run']}.corpus")
            order["corpus"] = str(retagged(Path(order["retag"]["run"]), place, order["retag"]["max_words"]))
        with redirect_stderr(sys.stdout):  # where training says how far it is
            run_training(order)
        if order["measures"] is not None:
            from undersong.reproduce.judging import judge  # many libraries, which training alone does without

            judge(order, say)
    except UserError as error:
        print(f"undersong reproduce: {error}", file=sys.stderr)
        return 2
    return 0


def run_training(order: dict[str, Any]) -> None:
    """Train, or go on, or find that all is done; the run's folder knows."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_function_arguments(train, as_group=False)
    words = arguments({**order["flags"], "corpus": order["corpus"], "out": order["run"]})
    seconds = time.monotonic()
    chosen = parser.parse_args([*words, f"--seeds=[{order['seed']}]", f"--threads={order['threads']}", "--resume=true"])
    told = vars(parser.instantiate(chosen))
    if (Path(order["run"]) / CONFIG).exists():
        del told["threads"]  # a run goes on with the threads it was begun with, however many are given now
    (run,) = train(**told)
    opened(order, run)
    done = Path(order["run"]) / TRAINED
    if not done.exists():  # a mark for whoever counts what is left to do
        write_atomically(done, json.dumps({"seconds": round(time.monotonic() - seconds, 1)}).encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
