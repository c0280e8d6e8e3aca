"""From a source of sentences to a corpus ready for training: count words, choose a vocabulary, encode, store.

Two runs of one query, each streaming: the first counts, the second encodes (with byte pairs the first counts no words,
and a run between them learns the pairs). Only the counts of distinct words are ever held.

Knows nothing of models.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from undersong.data.annotating import Annotator
from undersong.data.batch import SPECIAL, UNK
from undersong.data.corpora.find import find_source, path_of, unescaped
from undersong.data.corpora.source import Source
from undersong.data.corpora.tables import Columns
from undersong.data.corpora.treebank import Treebank
from undersong.data.counting import WordCounts
from undersong.data.encoding import PieceEncoder, WordEncoder
from undersong.data.output import new_folder
from undersong.data.progress import Steps, progress
from undersong.data.query import Rules, encoded, lines, own_gate, run, splits_said
from undersong.data.store import DERIVED, SPLITS, Corpus
from undersong.data.tally import Tally, count, of_split
from undersong.data.tokens import Tokenizer, dump
from undersong.data.writer import SplitWriter
from undersong.errors import UserError
from undersong.settings import need_share, need_text

_FORMAT = 1  # of the folder
_MARK = "corpus.json"
_FILES = (_MARK, "tokenizer.json", *(f"{name}.arrow" for name in SPLITS), DERIVED)  # all that the folder may hold


def prepare(
    source: str,
    *,
    out: Path,
    text_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    tag_column: str | None = None,
    header: bool = True,
    sentence_separator: str | None = None,
    min_words: int = 5,
    max_words: int = 30,
    vocabulary: int = 20_000,
    bpe: bool = False,
    lowercase: bool = True,
    splits: tuple[float, float, float] = (0.90, 0.05, 0.05),
    punctuation: Literal["keep", "drop"] = "keep",
    annotated: float = 1.0,
    skip_invalid: bool = False,
    force: bool = False,
    show_progress: bool = True,
) -> Corpus:
    """Prepare a corpus for training.

    Args:
        source: `wordnet` (its definitions), `wordnet:examples`, `hf:NAME[:SPLIT]` (NAME is `OWNER/NAME/CONFIGURATION`
            where a data set has several), or the path of a file or folder: text (one sentence a line), csv, tsv, jsonl
            or parquet, each perhaps compressed (.gz, .xz, .zst). Files of a folder whose names begin with train, valid
            and test, or that lie in folders of these names, are kept as these splits. Treebanks are CoNLL-U (.conllu)
            and bracketed trees (.ptb, .mrg, .parse, .trees); their words, gold tags and heads or constituents are kept
            as they are, and a split may also be said at the end of a name.
        out: the folder to make; it appears whole or not at all.
        text_column: the column of a table that holds the sentences; by default `text`, `sentence` or the only one. Of a
            treebank, what is taken for its words: `form` (the default), `lemma`, `upos` or `xpos`.
        label_column: the column of a table that holds the classes, if any; an empty cell is an unknown class.
        split_column: the column of a table that says train, valid or test, if any; a row whose cell is empty is one of
            the training split.
        tag_column: the column of CoNLL-U that holds the gold tags: `upos` (the default), `xpos`, `lemma`, `feats` or
            `deprel`.
        header: whether csv and tsv files name their columns in their first row; else they are called 1, 2, 3.
        sentence_separator: cut each text into several sentences here (`\\t` is a tab, `\\n` a line's end).
        min_words: shortest sentence kept, in words. A word is a run of letters and digits, in which one apostrophe may
            stand, or any other single character; a combining mark is such a character, so compose accents (Unicode's
            NFC) first. Where nothing parts the words, as in Chinese, a clause is one: give `--bpe` and 1.
        max_words: longest sentence kept, in words, also where byte pairs are learned.
        vocabulary: size of the vocabulary, the four special words included; the most common words of the training
            split.
        bpe: learn byte pairs inside words instead of a list of words.
        lowercase: lower-case all text.
        splits: shares of train, valid and test, where the source has no splits of its own. A split that the source
            lacks is taken from its training split.
        punctuation: `drop` leaves a treebank's punctuation out: words tagged PUNCT, or, in trees, one of
            `` '' , . : -LRB- -RRB- HYPH NFP. Children of a dropped word are attached to its head; constituents left
            empty vanish.
        annotated: share of a treebank's training sentences, chosen by a hash of their words, that keep their
            annotation; 1 is all.
        skip_invalid: leave out, and count, lines that are not UTF-8 text, instead of stopping at the first.
        force: replace the folder if it holds a corpus and nothing else.
        show_progress: draw a progress bar, if standard error is a terminal, and say at the end what was prepared.

    Returns:
        The corpus, opened.

    Raises:
        UserError: the source cannot be read, nothing of it is left, or the folder cannot be written.
    """
    _check(min_words, max_words, vocabulary, bpe, splits)
    if punctuation not in ("keep", "drop"):
        raise UserError(f"--punctuation {punctuation!r} is neither: choose keep or drop.")
    need_share(annotated=annotated)
    need_text(source)
    columns = Columns(text_column, label_column, split_column, header)
    _apart(source, Path(out))
    separator = unescaped(sentence_separator) if sentence_separator else None
    found = find_source(source, columns, separator, Treebank(tag_column, punctuation == "drop"))
    settings = {
        "min_words": min_words,
        "max_words": max_words,
        "vocabulary": vocabulary,
        "bpe": bpe,
        "lowercase": lowercase,
        "splits": list(splits),
        "sentence_separator": separator,
    }
    if found.annotations:
        if bpe:
            raise UserError(f"{source} is a treebank: its annotation belongs to words, so leave out --bpe.")
        settings |= {
            "text_column": text_column or "form",
            "tag_column": tag_column,
            "punctuation": punctuation,
            "annotated": annotated,
        }
    elif annotated < 1:
        raise UserError(f"{source} is not a treebank, so it has no annotation: leave out --annotated.")
    with new_folder(Path(out), force, _MARK, _FILES) as work, progress(show_progress) as steps:
        given = splits_said(found, skip_invalid) if found.given is None else found.given
        rules = Rules(min_words, max_words, lowercase, splits, given, skip_invalid, annotated)
        words = None if bpe else WordCounts(work)
        tally = count(found, rules, words, steps)
        tally.check(source)
        annotation = tally.annotation() if found.annotations else {}
        labels = (found.label_names or _sorted(tally.labels)) if found.labelled else None
        tokenizer = _tokenizer(found, rules, tally, vocabulary, steps)
        tokenizer.save(work / "tokenizer.json")
        annotator = (
            Annotator(found.annotations, annotation["tag_names"], annotation["span_names"]) if annotation else None
        )
        written, content = _encode(found, rules, tokenizer, labels, annotator, work, steps, tally.read)
        digest = hashlib.blake2b(digest_size=16)
        chosen = [_FORMAT, settings, labels, *annotation.values()]
        for item in (json.dumps(chosen, sort_keys=True), dump(tokenizer), *content):
            digest.update(item.encode() + b"\0")
        info = {
            "format": _FORMAT,
            "hash": digest.hexdigest(),
            "source": source,
            "settings": settings,
            "given_splits": [SPLITS[i] for i in sorted(given)],
            "vocab_size": len(tokenizer),
            "labels": labels,
            **annotation,
            "splits": written,
            "skipped": dict(sorted((found.skipped | tally.skipped).items())),
        }
        text = json.dumps(info, indent=1, ensure_ascii=False) + "\n"
        (work / _MARK).write_text(text, encoding="utf-8")
    if show_progress:
        print(_summary(info), file=sys.stderr)
    return Corpus.open(out)


def _summary(info: dict[str, Any]) -> str:
    """One line on a corpus: sentences, share of words in the vocabulary, lines skipped and why."""
    splits = info["splits"]
    sizes = ", ".join(f"{splits[name]['sentences']:,} {name}" for name in SPLITS)
    tokens, unknown = (sum(splits[name][count] for name in SPLITS) for count in ("tokens", "unknown"))
    reasons = sorted(info["skipped"].items(), key=lambda item: -item[1])
    why = f" ({'; '.join(f'{count:,} {reason}' for reason, count in reasons)})" if reasons else ""
    said = (
        f"{sizes} sentences; {info['vocab_size']:,} vocabulary entries cover {1 - unknown / tokens:.2%} of words; "
        f"{sum(info['skipped'].values()):,} skipped{why}"
    )
    if "annotation" not in info:
        return said
    trees = f", {len(info['span_names']):,} kinds of constituent" if info["span_names"] else ""
    told = [f"{value:,} {name}" for name, value in info["annotation"].items() if isinstance(value, int) and value]
    unseen = info["annotation"]["tags unseen in training"]
    told += [f"tags unseen in training: {', '.join(unseen[:5])}{' ...' if unseen[5:] else ''}"] if unseen else []
    unusual = f" ({'; '.join(told)})" if told else ""
    return f"{said}; {len(info['tag_names']):,} tags{trees}{unusual}"


def _check(min_words: int, max_words: int, vocabulary: int, bpe: bool, splits: tuple[float, float, float]) -> None:
    if not 1 <= min_words <= max_words:
        raise UserError(f"Sentences of {min_words} to {max_words} words: give bounds with 1 <= min_words <= max_words.")
    least = len(SPECIAL) + (256 if bpe else 1)
    if vocabulary < least:
        raise UserError(f"A vocabulary of {vocabulary} is too small: give at least {least}.")
    if len(splits) != 3 or min(splits) < 0 or splits[0] == 0 or not abs(sum(splits) - 1) <= 1e-6:
        raise UserError(f"Splits {splits} are not three shares that add up to 1, the first above 0.")


def _apart(source: str, out: Path) -> None:
    """See that replacing ``out`` would not delete what is to be read."""
    path = path_of(source)
    if path is not None and path.resolve().is_relative_to(out.resolve()):
        raise UserError(f"The source {source} lies inside {out}, which is made anew as a whole: choose another --out.")


def _sorted(labels: set[str]) -> list[str]:
    """By number if all are whole numbers, else by code point."""
    if all(label.isdecimal() for label in labels):
        return sorted(labels, key=lambda label: (int(label), label))
    return sorted(labels)


def _tokenizer(found: Source, rules: Rules, tally: Tally, vocabulary: int, steps: Steps) -> Tokenizer:
    """Of the words counted, or, where none were, of byte pairs."""
    if tally.words is not None:
        best = tally.words.most_common(vocabulary - len(SPECIAL))
        return Tokenizer.of_words((word for word, _ in best), rules.lowercase)
    done = steps.step("learning byte pairs", tally.read)

    def sentences() -> Any:
        gate = own_gate()
        for batch in run(lines(found, rules, gate), gate):
            training = of_split(batch, 0).column("words")
            yield from pc.binary_join(training, pa.scalar(" ", pa.large_string())).to_pylist()
            done(len(batch))

    return Tokenizer.train_bpe(sentences(), vocabulary, rules.lowercase)


def _encode(
    found: Source,
    rules: Rules,
    tokenizer: Tokenizer,
    labels: list[str] | None,
    annotator: Annotator | None,
    folder: Path,
    steps: Steps,
    total: int,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The second run: writes the splits; returns their counts and the hashes of their content."""
    kinds = () if annotator is None else annotator.kinds
    writers = [SplitWriter(folder / f"{name}.arrow", len(tokenizer), labels is not None, kinds) for name in SPLITS]
    unknown = [0, 0, 0]
    names = None if labels is None else pa.array(labels, pa.large_string())
    done = steps.step("encoding", total)
    encoder = PieceEncoder(tokenizer) if tokenizer.is_bpe else WordEncoder(tokenizer)
    gate = own_gate()
    for batch in run(encoded(found, rules, encoder, gate), gate):
        for number, writer in enumerate(writers):
            own = of_split(batch, number)
            ids = own.column("ids")
            flat = ids.flatten().to_numpy()
            classes = None
            if names is not None:
                classes = pc.fill_null(pc.index_in(own.column("label"), names), -1).to_numpy()
            annotation, spans = (None, None) if annotator is None else annotator(own)
            writer.append(flat, pc.list_value_length(ids).to_numpy(), classes, annotation, spans)
            unknown[number] += int((flat == UNK).sum())
        done(len(batch))
    content = [writer.close() for writer in writers]
    counts: dict[str, dict[str, Any]] = {}
    for name, writer, missed in zip(SPLITS, writers, unknown, strict=True):
        coverage = 1 - missed / writer.tokens if writer.tokens else None
        counts[name] = {
            "sentences": writer.sentences,
            "tokens": writer.tokens,
            "unknown": missed,
            "coverage": coverage,
        }
    return counts, content
