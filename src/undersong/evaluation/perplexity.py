"""Forward and reverse perplexity: is what the prior writes good text, and is good text what it would write?

    forward: samples of the model, read by a language model trained on real text     (fluency)
    reverse: the test split, read by a language model trained on the model's samples (coverage)

(Zhao et al. 2018; IGP, section 4.3.) Both language models are the same net, an LSTM without latent variables trained as
any model here is. A perplexity is exp(nats / (words + ends of sentence)), exact, since a language model needs no bound.
Knows nothing of the judged model but its samples.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from undersong.data.batching import Batches
from undersong.data.store import Split
from undersong.data.tokens import Tokenizer
from undersong.estimators import Pathwise
from undersong.evaluation.kept import kept
from undersong.evaluation.measure import Figures, Measure
from undersong.evaluation.subject import Subject
from undersong.inference import Exact
from undersong.learning.gradient import Gradient
from undersong.learning.system import System
from undersong.measures.perplexity import perplexity
from undersong.models import LanguageModel
from undersong.nets import RecurrentDecoder
from undersong.nets.precision import FP32, resolve, set_precision
from undersong.objectives import ELBO
from undersong.settings import lowest_bits, need

SHORT = 10  # words: AutoGen's Table 4 parts its sentences there


@dataclass(frozen=True)
class Reader:
    """How the common language model is made; the defaults are the IGP paper's, as far as it tells.

    Attributes:
        hidden: size of the LSTM.
        embedding: size of the word vectors.
        epochs: passes over the sentences.
        batch: sentences in a batch.
        rate: Adam's.
        clip: largest norm of the gradient.
        seed: of weights and batches.
    """

    hidden: int = 512
    embedding: int = 200
    epochs: int = 10
    batch: int = 128
    rate: float = 1e-3
    clip: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        need(1, hidden=self.hidden, embedding=self.embedding, epochs=self.epochs, batch=self.batch)

    def new(self, vocab: int) -> LanguageModel:
        """A language model with its first weights."""
        with torch.random.fork_rng([]):
            torch.manual_seed(lowest_bits(self.seed))
            return LanguageModel(vocab, partial(RecurrentDecoder, embedding=self.embedding, hidden=self.hidden))

    def train(self, model: LanguageModel, split: Split, subject: Subject, what: str) -> None:
        """Maximise log p of the sentences of ``split``."""
        system = System(model, Exact(model.vocab, 0), Pathwise(), ELBO())
        set_precision(model, resolve("auto", subject.device))
        learner, step = Gradient(system, self.rate, self.clip), 0
        batches = Batches(split, sentences=self.batch, seed=self.seed)
        model.train()
        for epoch in range(self.epochs):
            for rows in subject.track(batches.rows(epoch), f"{what}, epoch {epoch + 1} of {self.epochs}"):
                learner.step(split.batch(rows).to(subject.device), step)
                step += 1
        set_precision(model.eval(), FP32)


class Fluency(Measure):
    """Forward perplexity alone, which needs no second language model.

    Args:
        samples: how many are drawn from the model's own prior.
        reader: the common language model.
    """

    name = "fluency"

    def __init__(self, samples: int = 100_000, reader: Reader = Reader()):
        need(1, samples=samples)
        self.samples, self.reader = samples, reader

    def __call__(self, subject: Subject) -> Figures:
        """``ppl_forward``; the same of the samples of at most 10 words and of more, ``ppl_forward_short
        ppl_forward_long`` (None where there is none), and ``share_short``; and ``ppl_real``, of the judged split under
        the same language model, the mark that samples would reach if they were real."""
        return self.read(subject, self.written(subject))

    def written(self, subject: Subject) -> Split:
        """The samples, as a split; the same ones for the same seed."""
        return in_memory(subject.draw_samples(self.samples), subject.corpus.tokenizer)

    def read(self, subject: Subject, written: Split) -> Figures:
        """The figures of samples that are there already."""
        corpus = subject.corpus
        model = self.reader.new(corpus.vocab_size).to(subject.device)
        kept(model, corpus, "reader", self.reader, lambda: self.reader.train(model, corpus.train, subject, "reader"))
        words = [len(subject.words(written.ids(row).tolist())) for row in range(len(written))]
        log_p, short = scores(model, written), np.array(words) <= SHORT
        return {
            "ppl_forward": _perplexity(log_p, written.lengths),
            "ppl_forward_short": _perplexity(log_p[short], written.lengths[short]),
            "ppl_forward_long": _perplexity(log_p[~short], written.lengths[~short]),
            "share_short": float(short.mean()),
            "ppl_real": _perplexity(scores(model, subject.split), subject.split.lengths),
        }


class Perplexity(Measure):
    """Forward and reverse perplexity of samples from the model's own prior.

    Args:
        samples: how many are drawn.
        reader: the common language model.
    """

    name = "perplexity"

    def __init__(self, samples: int = 100_000, reader: Reader = Reader()):
        need(1, samples=samples)
        self.samples, self.reader = samples, reader

    def __call__(self, subject: Subject) -> Figures:
        """What ``Fluency`` says, and ``ppl_reverse``."""
        forward = Fluency(self.samples, self.reader)
        written = forward.written(subject)
        found = forward.read(subject, written)
        model = self.reader.new(subject.corpus.vocab_size).to(subject.device)
        self.reader.train(model, written, subject, "reader of samples")
        return {**found, "ppl_reverse": _perplexity(scores(model, subject.split), subject.split.lengths)}


def in_memory(sentences: list[list[int]], tokenizer: Tokenizer) -> Split:
    """Sentences of ids as a split, so that whatever reads a corpus reads them."""
    offsets = np.cumsum([0, *map(len, sentences)])
    flat = np.fromiter((i for sentence in sentences for i in sentence), dtype=np.uint32, count=int(offsets[-1]))
    return Split(flat, offsets.astype(np.int64), None, tokenizer)


@torch.no_grad()
def scores(model: LanguageModel, split: Split) -> np.ndarray:
    """log p of every sentence, its end included, in nats: [N]."""
    found = np.zeros(len(split))
    order, device = np.argsort(split.lengths, kind="stable"), next(model.parameters()).device
    for first in range(0, len(order), 128):
        rows = order[first : first + 128]
        found[rows] = model.log_marginal(split.batch(rows).to(device)).cpu().double().numpy()
    return found


def _perplexity(log_p: np.ndarray, lengths: np.ndarray) -> float | None:
    """Of sentences [N] and their words, the ends counted."""
    return perplexity(-float(log_p.sum()), int((lengths + 1).sum()))
