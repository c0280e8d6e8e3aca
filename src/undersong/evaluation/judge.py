"""A classifier of sentences, which says what class a written sentence still has (Bosc and Vincent 2020).

    logits = MLP(LSTM(x)): an LSTM of 512 and two hidden layers of 128 with ReLU   (IGP, section 4.2)

It is trained on the corpus's training split and never sees a model's code. Models judged on one corpus share one judge:
it is kept beside the corpus, under a name that holds the corpus's hash and all its settings.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from undersong.data.batch import Batch
from undersong.data.batching import Batches
from undersong.data.store import Split
from undersong.evaluation.kept import kept
from undersong.evaluation.subject import Subject
from undersong.nets import RecurrentEncoder
from undersong.nets.precision import FP32, resolve, set_precision
from undersong.settings import lowest_bits, need


class Judge(nn.Module):
    """An LSTM, and a small net on its last state.

    Args:
        vocab: V.
        classes: C.
        embedding, hidden: of the LSTM.
        width: of the two layers after it.
    """

    def __init__(self, vocab: int, classes: int, embedding: int = 200, hidden: int = 512, width: int = 128):
        super().__init__()
        self.encoder = RecurrentEncoder(vocab, embedding, hidden)
        self.head = nn.Sequential(
            nn.Linear(hidden, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, classes)
        )

    def forward(self, x: Batch) -> Tensor:
        """Unnormalised log-probabilities of the classes: [B, C]."""
        return self.head(self.encoder(x))

    @torch.no_grad()
    def named(self, sentences: list[list[int]]) -> NDArray[np.int64]:
        """The class it names for each sentence of ids: int64 [N]."""
        answer, device = np.zeros(len(sentences), dtype=np.int64), next(self.parameters()).device
        order = np.argsort([len(s) for s in sentences], kind="stable")
        for first in range(0, len(order), 256):
            rows = order[first : first + 256]
            answer[rows] = self(Batch.of([sentences[i] for i in rows]).to(device)).argmax(-1).cpu().numpy()
        return answer


@dataclass(frozen=True)
class JudgeTraining:
    """How a judge is made; sizes as in the IGP paper, which tells neither epochs nor batch size.

    Attributes:
        hidden: size of the LSTM; 512 in the paper.
        embedding: size of the word vectors.
        width: of the two layers after the LSTM.
        epochs: most passes over the training split; the one with the best accuracy on the validation split is kept.
        batch: sentences in a batch.
        rate: Adam's.
        seed: of its weights and its batches: one judge for all models, whatever seed they have.
    """

    hidden: int = 512
    embedding: int = 200
    width: int = 128
    epochs: int = 5
    batch: int = 128
    rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        sizes = {"hidden": self.hidden, "embedding": self.embedding, "width": self.width}
        need(1, **sizes, epochs=self.epochs, batch=self.batch)

    def __call__(self, subject: Subject) -> Judge:
        """The judge of the subject's corpus: found beside it, or trained now and put there."""
        classes = subject.need_labels()
        with torch.random.fork_rng([]):
            torch.manual_seed(lowest_bits(self.seed))
            judge = Judge(subject.corpus.vocab_size, classes, self.embedding, self.hidden, self.width)
            judge.to(subject.device)
            kept(judge, subject.corpus, "judge", self, lambda: self._train(judge, subject))
        return judge.eval()

    def _train(self, judge: Judge, subject: Subject) -> None:
        corpus = subject.corpus
        set_precision(judge, resolve("auto", subject.device))
        optimiser = torch.optim.Adam(judge.parameters(), lr=self.rate, fused=True)
        batches = Batches(corpus.train, sentences=self.batch, seed=self.seed)
        valid = corpus.valid if _labelled(corpus.valid) else corpus.train
        best, state = -1.0, judge.state_dict()
        for epoch in range(self.epochs):
            judge.train()
            rows = batches.rows(epoch)
            for part in subject.track(rows, f"judge of classes, epoch {epoch + 1} of {self.epochs}"):
                x = corpus.train.batch(part).to(subject.device)
                assert x.labels is not None
                if not (x.labels >= 0).any():
                    continue
                loss = nn.functional.cross_entropy(judge(x), x.labels, ignore_index=-1)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            accuracy = _accuracy(judge.eval(), valid)
            if accuracy > best:
                best, state = accuracy, {name: t.clone() for name, t in judge.state_dict().items()}
        judge.load_state_dict(state)
        set_precision(judge, FP32)


def _labelled(split: Split) -> bool:
    return split.labels is not None and bool((split.labels >= 0).any())


def _accuracy(judge: Judge, split: Split) -> float:
    assert split.labels is not None
    rows = np.flatnonzero(split.labels >= 0)[:5000]
    return float((judge.named([split.ids(int(row)).tolist() for row in rows]) == split.labels[rows]).mean())
