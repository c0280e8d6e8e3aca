"""Words as numbers: a word-level or a byte-pair tokenizer, both one ``tokenizer.json`` of the ``tokenizers`` library.

Ids 0 to 3 are PAD, UNK, BOS and EOS. A byte-pair tokenizer works inside the words of the word rule, on bytes, so that
it knows every text; a word-level one maps other words to UNK, and ``marked`` shows which.

The rule of ``words`` is applied here, in Python, and not by the file; the file carries the same rule for other tools.
Knows nothing of files of text or of splits.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

from undersong.data import words as rule
from undersong.data.batch import SPECIAL, UNK
from undersong.errors import UserError
from undersong.files import write_atomically

_LONGEST = 1000  # characters of a word that byte pairs are learned from: the time that takes grows with their square


class Tokenizer:
    """Turns text into ids and back.

    >>> t = Tokenizer.of_words(["a", "dog"])
    >>> t.encode("A dog barks"), t.decode([4, 5]), t.marked("A dog barks")
    ([4, 5, 1], 'a dog', ['a', 'dog', '<unk:barks>'])
    """

    def __init__(self, inner: tokenizers.Tokenizer, lowercase: bool = True) -> None:
        self.inner, self.lowercase = inner, lowercase
        self.is_bpe = isinstance(inner.model, models.BPE)
        self.vocab: dict[str, int] = inner.get_vocab()
        self.names = [name for name, _ in sorted(self.vocab.items(), key=lambda item: item[1])]

    @staticmethod
    def of_words(vocabulary: Iterable[str], lowercase: bool = True) -> "Tokenizer":
        """A word-level tokenizer; ids follow the order given, after the four special ones."""
        ids = {name: i for i, name in enumerate(SPECIAL)}
        for word in vocabulary:
            ids.setdefault(word, len(ids))
        inner = tokenizers.Tokenizer(models.WordLevel(ids, unk_token=SPECIAL[UNK]))
        inner.pre_tokenizer = _word_rule()
        inner.normalizer = normalizers.Lowercase() if lowercase else None  # type: ignore[assignment]
        return Tokenizer(inner, lowercase)

    @staticmethod
    def train_bpe(sentences: Iterable[str], size: int, lowercase: bool = True) -> "Tokenizer":
        """A byte-pair tokenizer, learned from sentences whose words are joined by single spaces.

        Nothing is learned from words of more than 1,000 characters; they are encoded like all others.

        Args:
            sentences: already lower-cased, if ``lowercase``.
            size: number of pieces, the four special ones and the 256 bytes included.
            lowercase: what to do to a text to be encoded.
        """
        to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)
        inner = tokenizers.Tokenizer(models.BPE())
        inner.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(" ", "removed"), to_bytes])
        inner.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=list(SPECIAL),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        inner.train_from_iterator(map(_without_overlong, sentences), trainer)
        inner.normalizer = normalizers.Lowercase() if lowercase else None  # type: ignore[assignment]
        inner.pre_tokenizer = pre_tokenizers.Sequence([_word_rule(), to_bytes])
        return Tokenizer(inner, lowercase)

    @staticmethod
    def load(path: str | Path, lowercase: bool = True, remedy: str = "prepare the corpus again") -> "Tokenizer":
        """Read a ``tokenizer.json``.

        Args:
            path: the file.
            lowercase: whether texts are lower-cased.
            remedy: what to do where it cannot be read.

        Raises:
            UserError: the file is missing or damaged.
        """
        try:
            return Tokenizer(tokenizers.Tokenizer.from_file(str(path)), lowercase)
        except Exception as error:  # `tokenizers` raises the bare class
            raise UserError(f"{path} is damaged or missing ({error}): {remedy}.") from None

    def save(self, path: str | Path) -> None:
        """Write ``tokenizer.json``; a full disk is an ``OSError``, not the library's bare exception."""
        write_atomically(Path(path), self.inner.to_str(pretty=True).encode())

    def __len__(self) -> int:
        return len(self.names)

    @property
    def mark(self) -> str:
        """What tells this vocabulary from others, of as many words too."""
        return sha256("\n".join(self.names).encode("utf-8", "surrogatepass")).hexdigest()[:8]

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without start or end."""
        return self.encode_words(rule.words(text, self.lowercase))

    def encode_words(self, sentence: Sequence[str]) -> list[int]:
        """Ids of a sentence already cut into words."""
        if self.is_bpe:
            return [i for word in sentence for i in self.pieces(word)]
        return [self._id(word) for word in sentence]

    def pieces(self, word: str) -> list[int]:
        """Ids of the byte pairs of one word."""
        # Past the normaliser and the word rule, which have been applied: the model sees the bytes of this word.
        text = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(" " + word)
        return [token.id for part, _ in text for token in self.inner.model.tokenize(part)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids; special ones other than UNK are left out."""
        kept = [i for i in ids if i >= len(SPECIAL) or i == UNK]
        if self.is_bpe:
            return rule.join("".join(self._bytes(kept)).split())
        return rule.join([self.names[i] for i in kept])

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """Each id as its word or piece; a piece that opens a word starts with a space."""
        if self.is_bpe:
            return [self.inner.decode([i], skip_special_tokens=False) for i in ids]
        return [self.names[i] for i in ids]

    def marked(self, text: str) -> list[str]:
        """The words of a text, those the vocabulary lacks as ``<unk:word>``."""
        found = rule.words(text, self.lowercase)
        return found if self.is_bpe else [w if self._id(w) != UNK else f"<unk:{w}>" for w in found]

    def _id(self, word: str) -> int:
        number = self.vocab.get(word, UNK)
        return number if number >= len(SPECIAL) else UNK

    def _bytes(self, ids: Sequence[int]) -> Iterator[str]:
        yield self.inner.decode(list(ids), skip_special_tokens=False)


def _without_overlong(sentence: str) -> str:
    if len(sentence) <= _LONGEST:
        return sentence
    return " ".join(word for word in sentence.split(" ") if len(word) <= _LONGEST)


def _word_rule() -> pre_tokenizers.PreTokenizer:
    """The word rule for other readers of the file; its classes spelled out, since Oniguruma's differ from Python's."""
    word, space = _character_class(r"\w"), _character_class(r"\s")
    return pre_tokenizers.Split(Regex(f"[{word}]+(?:'[{word}]+)?|[^{space}]"), behavior="removed", invert=True)


def _character_class(pattern: str) -> str:
    """All characters that Python's ``re`` matches, as a class without its brackets."""
    return "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in rule.ranges(pattern))


def dump(tokenizer: Tokenizer) -> str:
    """The content of ``tokenizer.json``, in a canonical form for hashing."""
    return json.dumps(json.loads(tokenizer.inner.to_str()), sort_keys=True)
