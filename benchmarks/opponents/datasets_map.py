"""The opponent of ``benchmarks.prepare``: the same job as users of `datasets` write it, with ``map(num_proc=2)``.

It was first written with lists of words throughout (``--plain``), then made faster: words travel between the two maps
as one string a sentence, counting is done in the workers, ids leave the encoding map as flat Arrow arrays, and the
splits are taken by sorted row numbers. That gain is kept: the fast version is the one measured.

Run as ``python -m benchmarks.opponents.datasets_map LINES OUT``; prints the seconds of the job, imports not counted.
"""

import json
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import xxhash

PROCESSES, BATCH = 2, 10_000
SHORTEST, LONGEST, VOCABULARY = 5, 30, 20_000
_WORD = re.compile(r"\w+(?:'\w+)?|\S")


def _split_of(sentence: str) -> int:
    share = xxhash.xxh64_intdigest(sentence.encode()) / 2**64
    return 0 if share < 0.90 else 1 if share < 0.95 else 2


def split_fast(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Lines to sentences of words joined by spaces, and their split; the first row carries the batch's counts."""
    find = _WORD.findall
    kept, counts = [], Counter[str]()
    split = []
    for line in batch["text"]:
        words = find(line.lower())
        if SHORTEST <= len(words) <= LONGEST:
            sentence = " ".join(words)
            which = _split_of(sentence)
            if which == 0:
                counts.update(words)
            kept.append(sentence)
            split.append(which)
    tally = [""] * len(kept)
    if kept:
        tally[0] = json.dumps(counts)
    return {"sentence": kept, "split": split, "tally": tally}


def encode_fast(table: pa.Table, vocabulary: dict[str, int]) -> pa.Table:
    """Sentences to ids, as one flat array."""
    get = vocabulary.get
    ids: list[int] = []
    ends = [0]
    for sentence in table.column("sentence").to_pylist():
        ids += [get(word, 1) for word in sentence.split(" ")]
        ends.append(len(ids))
    flat = pa.array(np.array(ids, np.uint16))
    return pa.table({"ids": pa.ListArray.from_arrays(pa.array(ends, pa.int32()), flat), "split": table.column("split")})


def fast(lines: Path, out: Path) -> None:
    """The whole job."""
    with tempfile.TemporaryDirectory(dir=out.parent) as cache:
        options = {"batched": True, "batch_size": BATCH, "num_proc": PROCESSES, "load_from_cache_file": False}
        raw = datasets.load_dataset("text", data_files=str(lines), split="train", cache_dir=cache)
        sentences = raw.map(split_fast, remove_columns=["text"], **options)
        counts = Counter[str]()
        for table in sentences.with_format("arrow").iter(100_000):
            for tally in table.column("tally").to_pylist():
                if tally:
                    counts.update(json.loads(tally))
        best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: VOCABULARY - 4]
        vocabulary = {word: number for number, (word, _) in enumerate(best, start=4)}
        encoded = sentences.with_format("arrow").map(
            encode_fast, remove_columns=["sentence", "tally"], fn_kwargs={"vocabulary": vocabulary}, **options
        )
        _save(encoded, vocabulary, out)


def split_plain(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Lines to lists of words, and their split."""
    words = [_WORD.findall(line.lower()) for line in batch["text"]]
    kept = [sentence for sentence in words if SHORTEST <= len(sentence) <= LONGEST]
    return {"words": kept, "split": [_split_of(" ".join(sentence)) for sentence in kept]}


def encode_plain(batch: dict[str, list[Any]], vocabulary: dict[str, int]) -> dict[str, list[Any]]:
    """Lists of words to lists of ids."""
    return {"ids": [[vocabulary.get(word, 1) for word in sentence] for sentence in batch["words"]]}


def plain(lines: Path, out: Path) -> None:
    """The job as first written."""
    with tempfile.TemporaryDirectory(dir=out.parent) as cache:
        options = {"batched": True, "num_proc": PROCESSES, "load_from_cache_file": False}
        raw = datasets.load_dataset("text", data_files=str(lines), split="train", cache_dir=cache)
        sentences = raw.map(split_plain, remove_columns=["text"], **options)
        counts = Counter[str]()
        for batch in sentences.iter(1000):
            for words, split in zip(batch["words"], batch["split"], strict=True):
                if split == 0:
                    counts.update(words)
        best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: VOCABULARY - 4]
        vocabulary = {word: number for number, (word, _) in enumerate(best, start=4)}
        kind = datasets.Features({"split": datasets.Value("int64"), "ids": datasets.List(datasets.Value("uint16"))})
        encoded = sentences.map(
            encode_plain, remove_columns=["words"], fn_kwargs={"vocabulary": vocabulary}, features=kind, **options
        )
        _save(encoded, vocabulary, out)


def _save(encoded: Any, vocabulary: dict[str, int], out: Path) -> None:
    which = encoded.with_format("numpy")["split"][:]
    for number, name in enumerate(("train", "valid", "test")):
        own = encoded.select(np.flatnonzero(which == number)).remove_columns("split")
        own.save_to_disk(str(out / name))  # in one process: starting others costs more here
    (out / "vocabulary.json").write_text(json.dumps(vocabulary))


def main() -> None:
    """Time one run."""
    datasets.disable_progress_bars()
    lines, out = Path(sys.argv[1]), Path(sys.argv[2])
    start = time.perf_counter()
    (plain if "--plain" in sys.argv else fast)(lines, out)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "sentences": len(datasets.load_from_disk(str(out / "train")))}))


if __name__ == "__main__":
    main()
