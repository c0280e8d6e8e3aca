"""``undersong reconstruct | sample | interpolate | impute | encode``: each a function whose signature is its flags.

Results go to standard output, words outside the vocabulary and progress to standard error. Knows nothing of search.
"""

import json as json_text
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from undersong.decoding import output
from undersong.decoding.generating import interpolate_all, sample
from undersong.decoding.given import read
from undersong.decoding.latent import encode
from undersong.decoding.options import Writing
from undersong.decoding.reading import gather
from undersong.decoding.rewriting import Rewriting, impute, reconstruct
from undersong.decoding.search import MAX_WORDS
from undersong.errors import UserError
from undersong.flags import with_options
from undersong.learning import Run
from undersong.models import Generative
from undersong.nets.precision import resolve, set_precision
from undersong.settings import need

Posterior = Literal["mean", "sample"]


@with_options(Writing)
def reconstruct_command(
    run: Path,
    sentences: list[str],
    writing: Writing,
    file: Path | None = None,
    posterior: Posterior = "mean",
) -> int:
    """Encode sentences and write them again.

    Args:
        run: folder of a trained run.
        sentences: the sentences; without any they are read from the file or from standard input.
        file: a text file of one sentence a line; - is standard input.
        posterior: z is the mean of q(z|x), or a sample of it.
    """
    return _rewrite(reconstruct, run, gather(sentences, file), posterior, writing)


@with_options(Writing)
def impute_command(
    run: Path,
    sentences: list[str],
    writing: Writing,
    file: Path | None = None,
    posterior: Posterior = "mean",
) -> int:
    """Complete sentences from their first part, or fill their blanks: _ is exactly one word.

    Args:
        run: folder of a trained run.
        sentences: the sentences; without any they are read from the file or from standard input.
        file: a text file of one sentence a line; - is standard input.
        posterior: z is the mean of q(z|the words given), or a sample of it.
    """
    return _rewrite(impute, run, gather(sentences, file), posterior, writing)


@with_options(Writing)
def sample_command(run: Path, writing: Writing, n: int = 10) -> int:
    """Write sentences from samples of the model's own prior.

    Args:
        run: folder of a trained run.
        n: how many.
    """
    need(1, n=n)
    loaded, search = _load(run, writing.precision), writing.chosen()
    if isinstance(loaded.system.model, Generative):
        writing.refuse(type(loaded.system.model).__name__)
    found = sample(loaded, n, search, writing.max_words or MAX_WORDS, writing.unknown, writing.seed)
    print(output.as_json(found) if writing.json else output.sentences(found))
    return 0


@with_options(Writing)
def interpolate_command(
    run: Path,
    sentences: list[str],
    writing: Writing,
    file: Path | None = None,
    steps: int = 10,
    posterior: Posterior = "mean",
) -> int:
    """Write the sentences on the way from one sentence to another, for one pair of sentences or several.

    Args:
        run: folder of a trained run.
        sentences: a start and an end, then perhaps further pairs; without any they are read from the file or from
            standard input.
        file: a text file of one sentence a line; - is standard input.
        steps: how many sentences, both ends included.
        posterior: the ends are the means of q(z|x), or samples of it.
    """
    given = gather(sentences, file)
    if len(given) % 2:
        raise UserError(
            f"interpolate takes pairs, a start and an end each: give an even number of sentences, not {len(given)}."
        )
    found = interpolate_all(
        _load(run, writing.precision),
        list(zip(given[::2], given[1::2], strict=True)),
        steps,
        writing.chosen(),
        posterior == "mean",
        writing.max_words,
        writing.unknown,
        writing.seed,
    )
    _warn(word for result in found for word in result.unknown)
    print(output.as_json(found) if writing.json else "\n".join(map(output.interpolation, found)))
    return 0


def encode_command(
    run: Path,
    sentences: list[str],
    *,
    out: Path,
    file: Path | None = None,
    posterior: Posterior = "mean",
    seed: int = 0,
    json: bool = False,
) -> int:
    """Write the latent vectors of sentences to a file: rows in the order of the input.

    Args:
        run: folder of a trained run.
        sentences: the sentences; without any they are read from the file or from standard input.
        out: a .npy file, or a .parquet file that holds the sentences too.
        file: a text file of one sentence a line; - is standard input.
        posterior: z is the mean of q(z|x), or a sample of it.
        seed: of the samples' noise.
        json: print JSON.
    """
    output.check_ending(out)
    given = gather(sentences, file)
    loaded = _load(run, "fp32")
    z = encode(loaded, given, posterior == "mean", seed)
    _warn(word for source in read(loaded.tokenizer, given) for word in source.unknown)
    output.write_vectors(out, given, z)
    if json:
        print(json_text.dumps({"out": str(out), "sentences": len(z), "dimensions": z.shape[1]}))
    else:
        print(f"{out}: {len(z)} sentences, {z.shape[1]} dimensions")
    return 0


def _load(path: Path, precision: str) -> Run:
    run = Run.load(path)
    set_precision(run.system, resolve(precision))
    return run


def _rewrite(
    how: Callable[..., list[Rewriting]], run: Path, sentences: list[str], posterior: Posterior, writing: Writing
) -> int:
    loaded, search, mean = _load(run, writing.precision), writing.chosen(), posterior == "mean"
    found = how(loaded, sentences, search, mean, writing.max_words, writing.unknown, writing.seed)
    _warn(word for result in found for word in result.unknown)
    print(output.as_json(found) if writing.json else output.rewritings(found))
    return 0


def _warn(unknown: Iterable[str]) -> None:
    line = output.unknown_words(unknown)
    if line:
        print(line, file=sys.stderr)
