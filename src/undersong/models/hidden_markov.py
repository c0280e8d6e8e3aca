"""What all hidden Markov models share (tutorial, eq. 9): one hidden state behind each word, each state from the last.

    p(x, z) = p(z_1) prod_t p(z_t | z_{t-1}) p(end | z_T) prod_t p(x_t | z_t)

A model says what its log-probabilities are (``scores``); prior, posterior, likelihood and samples follow. Emissions are
looked up word by word: no matrix here is as large as sentences times vocabulary. Knows nothing of tables, networks or
learning.
"""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.data.batch import BOS, EOS, PAD, Batch
from undersong.distributions.chain import Chain
from undersong.models.annotation import never_empty, restricted
from undersong.models.base import WORDS, WORDS_AND_END, SummedOut
from undersong.models.walk import Walk, walk
from undersong.settings import need


@dataclass(frozen=True)
class Scores:
    """The log-probabilities of a hidden Markov model with K states and V words, in nats.

    Attributes:
        initial: log p(z_1) [K].
        transition: log p(z_t | z_{t-1}) [K, K], from row to column.
        words: log p(word | state), or the log-density of what stands for the word [V, K].
        final: log p(end | z_T) [K]; None where a sentence's end is not scored.
    """

    initial: Tensor
    transition: Tensor
    words: Tensor
    final: Tensor | None = None

    @staticmethod
    def of(initial: Tensor, leaving: Tensor, words: Tensor) -> "Scores":
        """From log p(state or, in the last column, end | state) [K, K + 1]; [K, K] where ends are not scored."""
        states = len(initial)
        return Scores(initial, leaving[:, :states], words, leaving[:, states] if leaving.shape[1] > states else None)


class HiddenMarkov(Configurable, nn.Module, SummedOut):
    """Base of models with one chain of states: a subclass writes ``scores``.

    Args:
        vocab: V, the vocabulary's size.
        states: K.
        ends: score the end of the sentence too, so that perplexities compare with those of other models.
    """

    annotation = ("tags",)

    def __init__(self, vocab: int, states: int, ends: bool):
        super().__init__()
        need(1, states=states)
        self.vocab, self.latent, self.ends = vocab, states, ends
        self.event = WORDS_AND_END if ends else WORDS

    @abstractmethod
    def scores(self) -> Scores:
        """The model's log-probabilities as they are now."""

    def prior(self, x: Batch) -> Chain:
        """p(z | length of x): z int64 [..., B, T]."""
        s = self.scores()
        nothing = s.initial.new_zeros(*x.tokens.shape, self.latent)
        return Chain(s.initial, s.transition, nothing, x.lengths.clamp(min=1), s.final)

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z) in nats for z [S, B, T]: [S, B]; with ``ends``, log p(length) too, which the prior is given."""
        words = self.scores().words[x.tokens, z]  # [S, B, T]
        each = torch.where(x.mask[:, 1:], words, 0.0).sum(-1).masked_fill(x.lengths == 0, -torch.inf)
        return each + self.prior(x).log_partition if self.ends else each

    def posterior(self, x: Batch, *, given: bool = False) -> Chain:
        """p(z|x), whose ``log_partition`` is log p(x); -inf for a sentence without words, which no state wrote.

        Args:
            x: B sentences.
            given: the tags in ``x.tags``, where known, are the states of their words.

        Raises:
            UserError: there are more tags than states.
        """
        s = self.scores()
        emission = nn.functional.embedding(x.tokens, s.words)  # [B, T, K]
        if given:
            emission = restricted(emission, x)
        return Chain(s.initial, s.transition, never_empty(emission, x), x.lengths.clamp(min=1), s.final)

    @torch.no_grad()
    def sample(self, n: int, *, max_words: int = 100, generator: torch.Generator | None = None) -> tuple[Tensor, Batch]:
        """``n`` sentences with their states [n, T]. Without ``ends`` each has ``max_words`` words; none has more."""
        s = self.scores()
        path = walk(s.initial, s.transition, s.final, n, max_words, generator)
        return path.states, self.words_for(path, s, generator)

    def words_for(self, path: Walk, s: Scores, generator: torch.Generator | None) -> Batch:
        """A word for each state; never padding, start or end, which no sentence holds."""
        words = s.words.clone()  # [V, K]
        words[[PAD, BOS, EOS]] = -torch.inf
        tokens = torch.full_like(path.states, PAD)
        for state in path.states[path.inside].unique().tolist():
            here = path.inside & (path.states == state)
            drawn = torch.multinomial(words[:, state].softmax(0), int(here.sum()), True, generator=generator)
            tokens[here] = drawn
        return Batch(tokens, path.lengths, torch.arange(len(tokens), device=tokens.device))
