"""From a source of sentences to a corpus ready for training (first, simple version)."""

import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np

from undersong.data import words as rule
from undersong.data.corpora.wordnet import wordnet_source
from undersong.data.store import SPLITS
from undersong.data.tokens import Tokenizer, dump
from undersong.data.writer import SplitWriter


def prepare(source: str, out: Path, min_words: int = 5, max_words: int = 30, vocabulary: int = 20_000) -> None:
    """Prepare a corpus."""
    found = wordnet_source(source.endswith(":examples"))
    assert found.label_names is not None
    rows = []
    for part in found.parts:
        for batch in part.read():
            for text, label in zip(batch["text"].to_pylist(), batch["label"].to_pylist(), strict=True):
                w = rule.words(text.decode())
                if min_words <= len(w) <= max_words:
                    h = int.from_bytes(hashlib.blake2b(" ".join(w).encode(), digest_size=8).digest(), "little")
                    where = h / 2**64
                    rows.append((0 if where < 0.9 else 1 if where < 0.95 else 2, w, found.label_names.index(label)))
    counts = Counter(word for s, w, _ in rows if s == 0 for word in w)
    best = sorted(counts, key=lambda word: (-counts[word], word))[: vocabulary - 4]
    tokenizer = Tokenizer.of_words(best)
    out = Path(out)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    tokenizer.save(out / "tokenizer.json")
    digest = hashlib.blake2b(dump(tokenizer).encode(), digest_size=16)
    splits = {}
    for number, name in enumerate(SPLITS):
        writer = SplitWriter(out / f"{name}.arrow", len(tokenizer), True)
        for s, w, label in rows:
            if s == number:
                writer.append(np.array(tokenizer.encode_words(w)), np.array([len(w)]), np.array([label]))
        digest.update(writer.close().encode())
        splits[name] = {"sentences": writer.sentences, "tokens": writer.tokens}
    info = {"hash": digest.hexdigest(), "vocab_size": len(tokenizer), "labels": found.label_names, "splits": splits,
            "settings": {"lowercase": True}}
    (out / "corpus.json").write_text(json.dumps(info, indent=1))
