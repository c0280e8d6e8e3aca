"""The corpora of a recipe: prepared once, into a cache that all reproductions share.

The cache is ``$XDG_CACHE_HOME/undersong`` or ``~/.cache/undersong``; a corpus's folder is named by its settings.
Sources that are files are looked for in ``$UNDERSONG_DATA``: whoever lacks them does without the rows that need them.
Knows nothing of rows.
"""

import gzip
import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from undersong.data.corpora.opening import opened
from undersong.data.prepare import prepare
from undersong.data.vectors import write_vectors
from undersong.errors import UserError
from undersong.files import new_file
from undersong.reproduce.execute import Say
from undersong.reproduce.gum import unpack_gum
from undersong.reproduce.taking import take

VECTORS = "vectors.safetensors"


def corpora(wanted: Mapping[str, Mapping[str, Any]], say: Say) -> dict[str, Path]:
    """The folders of all corpora that can be had; of the others it says why not.

    Args:
        wanted: by name, arguments of ``prepare``; ``source`` is one of its own, or ``files`` are paths below
            ``$UNDERSONG_DATA``, of which ``every`` n-th line is taken, or ``folder`` is one there, or ``gum`` says
            which annotation of the GUM archive there. With ``take``, a number of sentences by split, so many of each
            are drawn by a hash of their words. With ``vectors``, arguments of ``undersong vectors``, word vectors are
            put into the corpus's folder.
        say: told what is prepared and what is missing.
    """
    found = {}
    for name, settings in wanted.items():
        try:
            found[name] = _prepared(name, dict(settings), say)
        except (UserError, OSError, tarfile.TarError) as error:
            say(f"The corpus {name} is left out: {error}")
    return found


def cache() -> Path:
    """Where prepared corpora are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "undersong"


def _prepared(name: str, settings: dict[str, Any], say: Say) -> Path:
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    folder = cache() / "corpora" / f"{name}-{key}"
    vectors = settings.pop("vectors", None)
    if not (folder / "corpus.json").exists():
        say(f"Preparing the corpus {name} (once)")
        folder.parent.mkdir(parents=True, exist_ok=True)
        _prepare(name, settings, folder, say)
    if vectors is not None and not (folder / VECTORS).exists():
        write_vectors(folder, out=folder / VECTORS, **vectors)
    return folder


def _prepare(name: str, settings: dict[str, Any], folder: Path, say: Say) -> None:
    files, every = settings.pop("files", None), settings.pop("every", 1)
    sizes = settings.pop("take", None)
    if files is not None:
        settings["source"] = str(_gathered(folder.parent / f"{folder.name}-lines.tsv.gz", files, every))
    if "folder" in settings:
        settings["source"] = str(_data() / settings.pop("folder"))
    if "gum" in settings:
        settings["source"] = str(_gum(settings.pop("gum"), folder.parent))
    if sizes is not None:
        settings = take(settings, sizes, folder.parent / f"{folder.name}-taken.parquet")
    corpus = prepare(**settings, out=folder)
    for split, size in (sizes or {}).items():
        if (lacking := size - len(getattr(corpus, split))) > 0:
            say(f"The corpus {name} has {lacking:,} fewer {split} sentences than the {size:,} asked for")


def _gum(kind: str, cached: Path) -> Path:
    """The GUM treebank unpacked, once."""
    place = cached / f"gum-{kind}"
    if not place.exists():
        root = _data() / "gum"
        with tempfile.TemporaryDirectory(dir=cached) as part:
            unpack_gum(root / "gum.tar.xz", root / "splits.md", kind, Path(part) / kind).replace(place)
    return place


def _data() -> Path:
    root = os.environ.get("UNDERSONG_DATA")
    if root is None:
        raise UserError("it is made from files that do not come with undersong: set UNDERSONG_DATA to their folder.")
    return Path(root)


def _gathered(target: Path, names: list[str], every: int) -> Path:
    """One file of every n-th line of several; a header that they share is kept once."""
    root = _data()
    ending = ".csv.gz" if ".csv" in names[0] else ".tsv.gz"
    target = target.with_name(target.name.replace(".tsv.gz", ending))
    first: bytes | None = None
    with new_file(target) as file, gzip.open(file, "wb", compresslevel=1) as out:
        for name in names:
            with opened(root / name) as lines:
                for number, line in enumerate(lines):
                    if number == 0:
                        if line != first:
                            out.write(line)
                        first = first or line
                    elif number % every == 0:
                        out.write(line)
    return target
