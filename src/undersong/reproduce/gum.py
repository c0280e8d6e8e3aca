"""The GUM treebank's archive, laid out as ``undersong prepare`` reads it: folders train, dev and test.

The archive holds ``const/NAME.ptb`` and ``dep/NAME.conllu``; GUM's own page of splits says which document is in which,
``## dev`` and then ``* NAME`` a line. Documents it lists for dev and test go there, the out-of-domain ones of ``test2``
are left out, all others are train. Knows nothing of what is in a document.
"""

import tarfile
from pathlib import Path

from undersong.data.corpora.opening import opened


def unpack_gum(archive: Path, splits: Path, kind: str, out: Path) -> Path:
    """Unpack one kind of annotation.

    Args:
        archive: ``gum.tar.xz``.
        splits: ``splits.md``.
        kind: ``const`` for bracketed trees, ``dep`` for CoNLL-U.
        out: the folder to make, with ``train``, ``dev`` and ``test`` in it.

    Returns:
        ``out``, ready for ``undersong prepare OUT``.
    """
    listed = _listed(splits.read_text(encoding="utf-8"))
    with opened(archive) as file, tarfile.open(fileobj=file, mode="r|") as tar:
        for member in tar:
            folder, _, name = member.name.removeprefix("./").rpartition("/")
            split = listed.get(name.split(".")[0], "train")
            if not member.isfile() or folder != kind or split == "test2":
                continue
            document = tar.extractfile(member)
            if document is not None:
                place = out / split / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(document.read())
    return out


def _listed(page: str) -> dict[str, str]:
    """The split of each document on GUM's page of splits.

    >>> _listed("## dev\\n  * GUM_a\\n## test\\n\\n * GUM_b\\n")
    {'GUM_a': 'dev', 'GUM_b': 'test'}
    """
    found, split = {}, ""
    for line in page.splitlines():
        words = line.split()
        if words[:1] == ["##"]:
            split = words[1]
        elif words[:1] == ["*"] and len(words) == 2:
            found[words[1]] = split
    return found
