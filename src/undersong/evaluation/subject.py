"""A trained model under examination: the sentences it is judged on, and the work that several measures share.

Codes and written sentences are made once, when first asked for. All noise is keyed by (seed, sentence), so that no
figure depends on batches or on which other measures ran. Knows nothing of any measure.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Distribution

from undersong.data import words as rule
from undersong.data.batch import Batch
from undersong.data.store import SPLITS, Corpus, Split
from undersong.decoding.greedy import Greedy
from undersong.decoding.progress import shown
from undersong.decoding.sampling import Sample
from undersong.decoding.search import Search
from undersong.distributions import keyed_sample
from undersong.draw import FINAL
from undersong.errors import UserError
from undersong.learning.system import System
from undersong.models import ExactModel, Generative
from undersong.nets import Decoder
from undersong.settings import lowest_bits, need

_DRAWN = 500
T = TypeVar("T")
Change = Callable[[Batch], Batch]


class NotApplicable(Exception):
    """Why a measure has no meaning here, in a clause: "the corpus has no labels"."""


class Subject:
    """A model and the sentences it is judged on.

    Args:
        system: the trained model; it is put into evaluation mode.
        corpus: what it was trained on.
        split: whose sentences it is judged on.
        sentences: at most so many of them, chosen by ``seed``; None for all.
        samples: how many sentences are drawn from the prior for the measures of generation.
        search: how sentences are written; ``Greedy`` by default, as in the IGP paper. A model without latent variables
            samples its words instead, since it would write one sentence only.
        sampled: reconstruct from a sample of q(z|x), as AutoGen does, instead of its mean.
        seed: of every choice and all noise; any integer.
        progress: draw a bar on standard error for work that takes over five seconds.
    """

    def __init__(
        self,
        system: System,
        corpus: Corpus,
        split: str = "test",
        sentences: int | None = 5000,
        samples: int = 2000,
        search: Search | None = None,
        sampled: bool = False,
        seed: int = 0,
        progress: bool = False,
    ):
        if split not in SPLITS:
            raise UserError(f"There is no split {split!r}: use train, valid or test.")
        need(1, sentences=sentences, samples=samples)
        self.system, self.corpus, self.seed = system.eval(), corpus, lowest_bits(seed)
        self.split: Split = getattr(corpus, split)
        if not len(self.split):
            raise UserError(f"The {split} split of {corpus.folder} is empty: choose another one.")
        self.latent = int(system.model.latent)
        self.search: Search = search or (Greedy() if self.latent else Sample())
        self.sampled, self.num_samples, self.progress = sampled, samples, progress
        self.rows = self.choose(len(self.split), sentences)
        self.device = system.device
        self.longest = int(corpus.train.lengths.max(initial=1))

    def choose(self, count: int, most: int | None) -> NDArray[np.int64]:
        """At most ``most`` of ``count`` rows, by the seed, in rising order."""
        if most is None or most >= count:
            return np.arange(count)
        random = np.random.Generator(np.random.Philox(key=self.seed))
        return np.sort(random.choice(count, size=most, replace=False))

    # What a measure may require.

    def need_latent(self) -> None:
        """Raises NotApplicable for a model without latent variables."""
        if not self.latent:
            raise NotApplicable("the model has no latent variable")
        if isinstance(self.system.model, ExactModel):
            raise NotApplicable("the model's latent variable is no vector")

    def need_rewriting(self) -> None:
        """Raises NotApplicable for a model that cannot write a sentence again from its vector."""
        self.need_latent()
        _ = self.decoder

    def need_labels(self) -> int:
        """The number of classes; raises NotApplicable where there are none, or one only."""
        if self.split.labels is None or self.corpus.train.labels is None:
            raise NotApplicable("the corpus has no labels")
        if len(np.unique(self.corpus.train.labels[self.corpus.train.labels >= 0])) < 2:
            raise NotApplicable("the corpus has fewer than two classes")
        if not (self.split.labels[self.rows] >= 0).any():
            raise NotApplicable("none of the sentences judged has a label")
        return max(len(self.corpus.label_names or ()), int(self.corpus.train.labels.max()) + 1)

    @property
    def decoder(self) -> Decoder:
        """What writes sentences; raises NotApplicable for a model that has none."""
        decoder: Decoder | None = getattr(self.system.model, "decoder", None)
        if decoder is None:
            raise NotApplicable("the model has no decoder that writes sentences from z")
        return decoder

    # Sentences.

    def words(self, ids: Sequence[int]) -> list[str]:
        """Word ids as words, the unknown word included; of byte pairs, the words of the text they make."""
        tokenizer = self.corpus.tokenizer
        return rule.words(tokenizer.decode(ids), tokenizer.lowercase) if tokenizer.is_bpe else tokenizer.tokens(ids)

    @cached_property
    def original_ids(self) -> list[list[int]]:
        """The judged sentences as ids: N lists."""
        return [self.split.ids(int(row)).tolist() for row in self.rows]

    @cached_property
    def originals(self) -> list[list[str]]:
        """The judged sentences as words: N lists."""
        return [self.words(ids) for ids in self.original_ids]

    @cached_property
    def reconstruction_ids(self) -> list[list[int]]:
        """Each judged sentence encoded and written again: N lists of ids."""
        self.need_rewriting()
        return self.write(self.codes(self.split, self.rows, self.sampled), "reconstructions", self.rows)

    @cached_property
    def reconstructions(self) -> list[list[str]]:
        """Each judged sentence encoded and written again, as words."""
        return [self.words(ids) for ids in self.reconstruction_ids]

    @cached_property
    def sample_ids(self) -> list[list[int]]:
        """``num_samples`` sentences from the model's own prior."""
        return self.draw_samples(self.num_samples)

    @cached_property
    def samples(self) -> list[list[str]]:
        """``num_samples`` sentences from the model's own prior, as words."""
        return [self.words(ids) for ids in self.sample_ids]

    def draw_samples(self, count: int) -> list[list[int]]:
        """``count`` sentences from the model's own prior (not from a standard Gaussian, where they differ); the first
        ones are the same whatever the count.

        A model that writes by itself is asked for ``_DRAWN`` at a time: a grammar keeps a chart of each sentence.

        Raises:
            NotApplicable: the model writes neither by itself nor by a decoder.
        """
        if isinstance(self.system.model, Generative):
            generator = torch.Generator(self.device).manual_seed(self.seed)
            written: list[list[int]] = []
            while len(written) < count:  # always as many, so that the first do not depend on the count
                _, x = self.system.model.sample(_DRAWN, max_words=self.longest, generator=generator)
                written += [words[:n] for words, n in zip(x.tokens.tolist(), x.lengths.tolist(), strict=True)]
            return written[:count]
        _ = self.decoder  # asked first: what has none may have no prior of its own either
        return self.write(self.prior_codes(count), "samples of the prior", np.arange(count))

    def write(self, z: Tensor, what: str, keys: NDArray[np.int64], given: Tensor | None = None) -> list[list[int]]:
        """Sentences for codes [N, D], at most as long as the longest of the training split; see ``Search`` for the
        rest."""
        written: list[list[int]] = []
        numbers = torch.as_tensor(keys)
        size = max(1, 512 // self.search.rows)  # hypotheses written at once; more gain little on a CPU
        for first in self.track(range(0, len(z), size), what):
            part = slice(first, first + size)
            fixed = None if given is None else given[part]
            found = self.search(self.decoder, z[part], self.longest, given=fixed, keys=numbers[part], seed=self.seed)
            written += [hypothesis.words for hypothesis in found]
        return written

    # Codes.

    @torch.no_grad()
    def posteriors(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Distribution]]:
        """q(z|x) of each batch."""
        self.need_latent()
        for x in batches:
            x = x.to(self.device)
            yield x, self.system.posterior(x, FINAL)

    def codes(
        self, split: Split, rows: NDArray[np.int64], sampled: bool = False, change: Change | None = None
    ) -> Tensor:
        """One code for each row: the mean of q(z|x) or a sample of it, [N, D], in the order of ``rows``.

        Args:
            split: whose sentences.
            rows: N row numbers.
            sampled: a sample instead of the mean.
            change: what is done to the sentences before they are encoded.
        """
        z = torch.zeros(len(rows), self.latent)
        order = np.argsort(split.lengths[rows], kind="stable")
        parts = [order[first : first + 256] for first in range(0, len(order), 256)]
        batches = (split.batch(rows[part]) for part in self.track(parts, "codes"))
        changed = (x if change is None else change(x) for x in batches)
        for part, (x, q) in zip(parts, self.posteriors(changed), strict=True):
            z[part] = (keyed_sample(q, x.index, 1, self.seed)[0] if sampled else q.mean).cpu()
        return z.to(self.device)

    @torch.no_grad()
    def prior_codes(self, count: int) -> Tensor:
        """Samples of p(z): [N, D]."""
        p = self.system.model.prior().expand(torch.Size([count]))
        return keyed_sample(p, torch.arange(count), 1, self.seed)[0]

    @cached_property
    def means(self) -> Tensor:
        """The mean of q(z|x) of each judged sentence: [N, D]."""
        return self.codes(self.split, self.rows)

    def track(self, items: Sequence[T], what: str) -> Iterator[T]:
        """The items, and a bar that says how many are done."""
        if not self.progress:
            yield from items
            return
        for (item,) in shown(((item,) for item in items), len(items), what):
            yield item
