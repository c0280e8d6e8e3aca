"""What a word says of the states of several chains at once: log p(word | z_1 .. z_M).

A factorial model needs it for every joint state, where these can be listed, and in expectation under chains that are
kept apart. In either case the M-step is in closed form. Knows nothing of chains in time.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.data.batch import BOS, EOS, PAD, Batch
from undersong.distributions.factorial_chain import digits
from undersong.errors import UserError
from undersong.nets.table import WordTable

LEAST = -1e4  # stands for the logarithm of nought in an expectation, where -inf times nought would be no number


class FactorialEmission(Configurable, nn.Module, ABC):
    """Base: its first arguments are V, M (the number of chains) and K (states of each). Joint states are numbered as in
    ``FactorialChain``."""

    density = ""  # where what is scored is a density of vectors: which vectors

    def __init__(self, chains: int, states: int):
        super().__init__()
        self.chains, self.states = chains, states

    @abstractmethod
    def joint(self, x: Batch) -> Tensor:
        """log p(word | joint state): [B, T, K^M], nats."""

    @abstractmethod
    def at(self, x: Batch, z: Tensor) -> Tensor:
        """log p(word | its joint state) for z [S, B, T]: [S, B, T]."""

    @abstractmethod
    def expectation(self, x: Batch) -> Callable[[Tensor], Tensor]:
        """E log p(word | z_1 .. z_M) under independent chains, as a function of their probabilities.

        Args:
            x: B sentences.

        Returns:
            From q_m(z_mt = k) [B, T, M, K] to nats [B, T]; linear in the probabilities of each chain.
        """

    def possible(self, x: Batch) -> Tensor:
        """Whether some joint state may say each word: bool [B, T]."""
        return torch.ones_like(x.tokens, dtype=torch.bool)

    @abstractmethod
    def count(self, x: Batch, joint: Tensor) -> dict[str, Tensor]:
        """Sums for the M-step, given q(joint state of each word) [B, T, K^M], nought in the padding."""

    @abstractmethod
    def count_apart(self, x: Batch, unary: Tensor) -> dict[str, Tensor]:
        """The same sums, given independent chains' q_m(z_mt = k) [B, T, M, K], nought in the padding."""

    @abstractmethod
    def maximise(self, counts: Mapping[str, Tensor]) -> None:
        """The M-step."""

    @abstractmethod
    def write(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A word for each joint state [N]: int64 [N]."""

    def log_prior(self) -> Tensor:
        """Log density of the parameters under their prior, up to a constant: a scalar, nats."""
        return torch.zeros((), dtype=torch.float64)


class ProductTable(FactorialEmission):
    """p(word | joint state) from a table over all joint states.

    Args:
        vocab: V.
        chains: M.
        states: K.
        smoothing: added to each expected count.
        largest: joint states at most; the table has V times as many numbers.

    Raises:
        UserError: there are more.
    """

    def __init__(self, vocab: int, chains: int, states: int, smoothing: float = 0.001, largest: int = 1024):
        super().__init__(chains, states)
        if states**chains > largest:
            raise UserError(
                f"{chains} chains of {states} states have {states**chains} joint states, and a table of words has room "
                f"for {largest}: take fewer, or word vectors (--model.emission GaussianSum)."
            )
        self.words = WordTable(vocab, states**chains, smoothing=smoothing)

    def joint(self, x: Batch) -> Tensor:
        """[B, T, K^M]"""
        return nn.functional.embedding(x.tokens, self.words())

    def at(self, x: Batch, z: Tensor) -> Tensor:
        """[S, B, T]"""
        return self.words()[x.tokens, z]

    def expectation(self, x: Batch) -> Callable[[Tensor], Tensor]:
        """From [B, T, M, K] to [B, T]."""
        joint = self.joint(x).clamp(min=LEAST)

        def expected(unary: Tensor) -> Tensor:
            value = joint
            for m in range(self.chains):
                value = torch.einsum("btkr,btk->btr", value.unflatten(-1, (self.states, -1)), unary[:, :, m])
            return value.squeeze(-1)

        return expected

    def possible(self, x: Batch) -> Tensor:
        """[B, T]"""
        return (self.words.logits > -torch.inf).any(1)[x.tokens]

    def count(self, x: Batch, joint: Tensor) -> dict[str, Tensor]:
        """How often each word stood in each joint state: [V, K^M]."""
        counts = joint.new_zeros(self.words.logits.shape)
        return {"words": counts.index_add_(0, x.tokens.flatten(), joint.flatten(0, 1))}

    def count_apart(self, x: Batch, unary: Tensor) -> dict[str, Tensor]:
        """The same."""
        joint = unary[:, :, 0]
        for m in range(1, self.chains):
            joint = (joint[..., None] * unary[:, :, m, None]).flatten(2)
        return self.count(x, joint)

    def maximise(self, counts: Mapping[str, Tensor]) -> None:
        """Shares of the counts."""
        self.words.maximise(counts["words"])

    def write(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Words from the rows of the table."""
        p = self.words().exp().T.index_fill(1, torch.tensor([PAD, BOS, EOS], device=z.device), 0.0)
        return torch.multinomial(p[z], 1, generator=generator)[:, 0]

    def log_prior(self) -> Tensor:
        """Of the table's rows."""
        return self.words.log_prior()


def indicators(chains: int, states: int, device: torch.device | None = None) -> Tensor:
    """Which state of each chain a joint state holds: 1 or 0, float64 [K^M, M K]."""
    which = digits(chains, states, device) + states * torch.arange(chains, device=device)[:, None]  # [M, K^M]
    found = torch.zeros(which.shape[1], chains * states, dtype=torch.float64, device=device)
    return found.scatter_(1, which.T, 1.0)
