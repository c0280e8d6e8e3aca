"""A toy treebank: sentences of six words, with tags and heads or with constituents."""

from pathlib import Path

import numpy as np

from undersong.data.prepare import prepare

NOUNS, VERBS = ("dog", "cat", "bird", "child"), ("sees", "hears", "likes")


def conllu(random: np.random.Generator, count: int) -> str:
    """the NOUN VERB the NOUN . with heads and tags."""
    blocks = []
    for _ in range(count):
        a, b, v = random.choice(NOUNS), random.choice(NOUNS), random.choice(VERBS)
        rows = [("the", "DET", 2), (a, "NOUN", 3), (v, "VERB", 0), ("the", "DET", 5), (b, "NOUN", 3), (".", "PUNCT", 3)]
        blocks.append("\n".join(f"{i}\t{w}\t_\t{t}\t_\t_\t{h}\tdep\t_\t_" for i, (w, t, h) in enumerate(rows, 1)))
    return "\n\n".join(blocks) + "\n\n"


def trees(random: np.random.Generator, count: int) -> str:
    """(the NOUN) (VERB (the NOUN)) . in brackets."""
    lines = []
    for _ in range(count):
        a, b, v = random.choice(NOUNS), random.choice(NOUNS), random.choice(VERBS)
        lines.append(f"(S (NP (DT the) (NN {a})) (VP (VB {v}) (NP (DT the) (NN {b}))) (. .))\n")
    return "".join(lines)


def toy_treebank(folder: Path, kind: str) -> Path:
    """A prepared corpus of 60, 12 and 12 sentences; ``kind`` is conllu or ptb."""
    random = np.random.default_rng(0)
    write = {"conllu": conllu, "ptb": trees}[kind]
    (folder / kind).mkdir()
    for split, count in (("train", 60), ("valid", 12), ("test", 12)):
        (folder / kind / f"{split}.{kind}").write_text(write(random, count))
    prepare(str(folder / kind), out=folder / f"{kind}-corpus", min_words=2, show_progress=False)
    return folder / f"{kind}-corpus"
