"""A file of word vectors with planted classes: words of one class stand near each other."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file


def planted_vectors(path: Path, vocab: int, classes: int, size: int = 4, spread: float = 0.4, seed: int = 0) -> Path:
    """Words from 4 up, in ``classes`` equal runs; the four special ones have no vector."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(classes, size)) * 2
    each = (vocab - 4) // classes
    vectors = np.zeros((vocab, size), np.float32)
    for word in range(4, vocab):
        vectors[word] = means[min((word - 4) // each, classes - 1)] + spread * rng.normal(size=size)
    counts = np.full(vocab, 10, np.int64)
    counts[:4] = 0
    save_file({"vectors": vectors, "counts": counts}, path)
    return path
