"""How fast `undersong prepare` is, and that its memory does not grow with the corpus.

The whole job (vocabulary, splits, encoding, store) at 0.5 million lines, against the same job with
``datasets.map(batched=True, num_proc=2)`` (``opponents/datasets_map.py``). Each run is a process of its own; the two
arms take turns, and medians of the seconds of the job, without imports, are compared. With ``--large`` ours alone also
runs at 5 million lines, and the peaks of resident memory of the process tree are compared.

Lines are WordNet's definitions, repeated, with one word of each exchanged for a word of another.

Run as ``python -m benchmarks.prepare [--large] [--json] [--runs 3] [--lines 500000]``.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil


def make_lines(path: Path, count: int) -> None:
    """Write the corpus."""
    from undersong.data.corpora.wordnet import wordnet_source

    rows = [text.decode() for part in wordnet_source().parts for b in part.read() for text in b["text"].to_pylist()]
    choose = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for i in range(count):
            words, others = rows[i % len(rows)].split(" "), choose.choice(rows).split(" ")
            words[choose.randrange(len(words))] = choose.choice(others)
            file.write(" ".join(words) + "\n")


def ours(lines: Path, out: Path) -> None:
    """One run of our job."""
    from undersong.data.prepare import prepare

    start = time.perf_counter()
    corpus = prepare(str(lines), out=out / "corpus", show_progress=False)
    print(json.dumps({"seconds": time.perf_counter() - start, "sentences": len(corpus.train)}))


def measured(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module; what it printed, and the peak of resident memory of its process tree in MiB."""
    process = psutil.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _resident(process))
        time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed with {process.returncode}.")
    printed: str = process.stdout.read()
    return json.loads(printed.strip().splitlines()[-1]) | {"peak_mib": peak / 2**20}


def _resident(process: psutil.Process) -> int:
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def run(module: str, lines: Path, *arguments: str) -> dict[str, Any]:
    """One measured run into a fresh folder."""
    with tempfile.TemporaryDirectory(dir=lines.parent) as out:
        return measured(module, *arguments, str(lines), out)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--large", action="store_true", help="also run ours at ten times the lines")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--ours", nargs=2, metavar=("LINES", "OUT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ours:
        ours(*map(Path, asked.ours))
        return
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines.txt"
        make_lines(lines, asked.lines)
        arms: dict[str, list[dict[str, Any]]] = {"ours": [], "datasets": []}
        for _ in range(asked.runs):
            arms["ours"].append(run("benchmarks.prepare", lines, "--ours"))
            arms["datasets"].append(run("benchmarks.opponents.datasets_map", lines))
        seconds = {name: statistics.median(r["seconds"] for r in runs) for name, runs in arms.items()}
        peaks = {name: statistics.median(r["peak_mib"] for r in runs) for name, runs in arms.items()}
        if arms["ours"][0]["sentences"] != arms["datasets"][0]["sentences"]:
            raise RuntimeError("The two arms kept different sentences.")
        result: dict[str, Any] = {
            "benchmark": "prepare",
            "ratio": seconds["datasets"] / seconds["ours"],
            "lines": asked.lines,
            "seconds": seconds,
            "peak_mib": peaks,
        }
        if asked.large:
            make_lines(lines, 10 * asked.lines)
            large = run("benchmarks.prepare", lines, "--ours")
            result |= {
                "large_seconds": large["seconds"],
                "large_peak_mib": large["peak_mib"],
                "memory_ratio": large["peak_mib"] / peaks["ours"],
            }
    if asked.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:16} {value}")


if __name__ == "__main__":
    main()
