"""The factorial hidden Markov model: several chains of states behind one sentence (Ghahramani and Jordan 1997).

    p(x, z) = p(T) prod_m p(z_m1) prod_t p(z_mt | z_m,t-1) prod_t p(x_t | z_1t .. z_Mt),   p(T) = rho (1 - rho)^(T - 1)

The chains are independent until words are seen. Exact inference sums over the K^M joint states, one chain at a time;
``StructuredMeanField`` keeps the chains apart and bounds log p(x). EM is in closed form with either. Knows nothing of
learning.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.configurable import Configurable
from undersong.data.batch import PAD, Batch
from undersong.distributions.chain import Chain
from undersong.distributions.factorial_chain import FactoredChains, FactorialChain, digit
from undersong.errors import UserError
from undersong.models.annotation import contradicted, never_empty
from undersong.models.base import VECTORS, WORDS, WORDS_AND_END, Counts, SummedOut
from undersong.models.walk import walk
from undersong.nets.factorial_emissions import FactorialEmission, ProductTable
from undersong.nets.table import Table
from undersong.settings import need


class FactorialHMM(Configurable, nn.Module, SummedOut):
    """M chains of K states; z is the joint state of each word, a number below K^M whose digits are the chains' states.

    Args:
        vocab: V; follows from the corpus.
        chains: M.
        states: K, of each chain.
        ends: score the length of the sentence too, geometric and independent of the states.
        smoothing: added to each expected count of a start or a transition. Read by EM alone,
            not by gradients.
        emission: ``ProductTable`` of words, or ``GaussianSum`` of word vectors; given V, M and K.
        largest: joint states at most for exact inference.

    >>> FactorialHMM(50, chains=2, states=3).log_marginal(Batch.of([[5, 6, 7], [8]])).shape
    torch.Size([2])
    """

    annotation = ("tags",)

    def __init__(
        self,
        vocab: int,
        chains: int = 3,
        states: int = 5,
        ends: bool = True,
        smoothing: float = 0.001,
        emission: Callable[[int, int, int], FactorialEmission] = ProductTable,
        largest: int = 1024,
    ):
        super().__init__()
        need(1, chains=chains, states=states, largest=largest)
        self.vocab, self.chains, self.states, self.ends, self.largest = vocab, chains, states, ends, largest
        self.latent = states**chains
        self.initial = Table(chains, states, smoothing=smoothing)
        self.transition = Table(chains, states, states, smoothing=smoothing)
        self.ending = Table(2, smoothing=smoothing) if ends else None  # log (1 - rho), log rho
        self.emission = emission(vocab, chains, states)
        vectors = self.emission.density
        what = f"{VECTORS} {vectors}" if vectors else WORDS
        self.event = (f"{what} and end of sentence" if vectors else WORDS_AND_END) if ends else what

    def log_length(self, x: Batch) -> Tensor:
        """log p(T) [B], nats; 0 where ends are not scored, -inf for a sentence without words."""
        if self.ending is None:
            found = self.initial().new_zeros(len(x))
        else:
            on, stop = self.ending()
            steps = (x.lengths - 1).clamp(min=0)
            found = torch.where(steps > 0, steps * on, 0.0) + stop  # not 0 times -inf, where no sentence goes on
        return found.masked_fill(x.lengths == 0, -torch.inf)

    def apart(self, x: Batch, evidence: list[Tensor]) -> list[Chain]:
        """The chains one by one, each with scores of its own for every word [B, T, K]."""
        initial, transition, lengths = self.initial(), self.transition(), x.lengths.clamp(min=1)
        return [Chain(initial[m], transition[m], h, lengths) for m, h in enumerate(evidence)]

    def prior(self, x: Batch) -> FactoredChains:
        """p(z | length of x): independent chains."""
        nothing = self.initial().new_zeros(*x.tokens.shape, self.states)
        return FactoredChains(self.apart(x, [nothing] * self.chains))

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z) in nats for z [S, B, T]: [S, B]; log p(T), which the prior is given, is part of it."""
        return torch.where(x.mask[:, 1:], self.emission.at(x, z), 0.0).sum(-1) + self.log_length(x)

    def posterior(self, x: Batch, *, given: bool = False) -> FactorialChain:
        """p(z|x), whose ``log_partition`` is log p(x).

        Args:
            x: B sentences.
            given: a word's tag in ``x.tags``, where known, is the state of its first chain.

        Raises:
            UserError: there are too many joint states, or more tags than states.
        """
        if self.latent > self.largest:
            raise UserError(
                f"{self.chains} chains of {self.states} states have {self.latent} joint states, and exact inference "
                f"sums over {self.largest} at most: use --inference StructuredMeanField, or give --model.largest."
            )
        emission = self.emission.joint(x)  # [B, T, K^M]
        first = emission[:, :1] + self.log_length(x).masked_fill(x.lengths == 0, 0.0)[:, None, None]
        emission = never_empty(torch.cat([first, emission[:, 1:]], 1), x)
        wrong = contradicted(x, self.states) if given else None
        if wrong is not None:
            of_first = digit(torch.arange(self.latent, device=wrong.device), 0, self.chains, self.states)
            emission = emission.masked_fill(wrong[..., of_first], -torch.inf)
        return FactorialChain(self.initial(), self.transition(), emission, x.lengths.clamp(min=1))

    def counting(self) -> AbstractContextManager[None]:
        """Nothing to do: counts come from the posterior's marginals."""
        return nullcontext()

    @torch.no_grad()
    def expect(self, x: Batch, q: Distribution, hard: bool = False) -> tuple[Tensor, Counts]:
        """log p(x), or the bound on it that q stands for [B], and expected counts; ``hard``: of the best z alone."""
        if isinstance(q, FactoredChains):
            bound, initial, transition, words = self._of_factored(x, q, hard)
        else:
            assert isinstance(q, FactorialChain)
            bound, initial, transition, words = self._of_exact(x, q, hard)
        counts = {"initial": initial, "transition": transition}
        counts.update({f"emission.{name}": count for name, count in words.items()})
        if self.ending is not None:
            there = (bound > -torch.inf).to(initial.dtype)
            counts["ending"] = torch.stack([(there * (x.lengths - 1)).sum(), there.sum()])
        return bound.detach(), counts

    def _of_exact(self, x: Batch, q: FactorialChain, hard: bool) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        if not hard:
            initial, transition, joint = q.marginals
            return q.log_partition, initial[0], transition[0], self.emission.count(x, joint)
        z = q.mode
        bound = q.score(z)
        inside = x.mask[:, 1:] & (bound > -torch.inf)[:, None]
        one_hot = nn.functional.one_hot(z, self.latent) * inside[..., None]
        each = [digit(z, m, self.chains, self.states) for m in range(self.chains)]
        return bound, *self._seen(each, inside), self.emission.count(x, one_hot.to(bound.dtype))

    def _of_factored(self, x: Batch, q: FactoredChains, hard: bool) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        if not hard:
            parts = [chain.marginals for chain in q.chains]
            there = (q.bound > -torch.inf).to(parts[0][2].dtype)[:, None, None, None]
            unary = torch.stack([part[2] for part in parts], 2) * there
            initial, transition = torch.stack([p[0][0] for p in parts]), torch.stack([p[1][0, 0] for p in parts])
            return q.bound, initial, transition, self.emission.count_apart(x, unary)
        each = [chain.mode for chain in q.chains]
        z = q.together(each)[None]
        bound = (self.log_likelihood(x, z) + self.prior(x).log_prob(z))[0]
        inside = x.mask[:, 1:] & (bound > -torch.inf)[:, None]
        unary = torch.stack([nn.functional.one_hot(part, self.states) for part in each], 2) * inside[..., None, None]
        return bound, *self._seen(each, inside), self.emission.count_apart(x, unary.to(bound.dtype))

    def _seen(self, each: list[Tensor], inside: Tensor) -> tuple[Tensor, Tensor]:
        """How often each chain started where, and went where: [M, K], [M, K, K]."""
        initial, transition = torch.zeros_like(self.initial()), torch.zeros_like(self.transition())
        for m, z in enumerate(each):
            initial[m] = torch.bincount(z[:, 0][inside[:, 0]], minlength=self.states)
            moves = (z[:, :-1] * self.states + z[:, 1:])[inside[:, 1:]]
            transition[m] = torch.bincount(moves, minlength=self.states**2).view(self.states, self.states)
        return initial, transition

    def maximise(self, counts: Counts) -> None:
        """Shares of the counts, and the emission's own M-step."""
        self.initial.maximise(counts["initial"])
        self.transition.maximise(counts["transition"])
        if self.ending is not None:
            self.ending.maximise(counts["ending"])
        mine = {name.removeprefix("emission."): c for name, c in counts.items() if name.startswith("emission.")}
        self.emission.maximise(mine)

    def log_prior(self) -> Tensor:
        """Log density of the tables' rows under their Dirichlet priors, up to a constant: a scalar, nats."""
        ending = 0.0 if self.ending is None else self.ending.log_prior()
        return self.initial.log_prior() + self.transition.log_prior() + ending + self.emission.log_prior()

    def begin(self, x: Batch) -> Counts | None:
        """Nothing: learning starts from the parameters as they are."""
        return None

    @torch.no_grad()
    def sample(self, n: int, *, max_words: int = 100, generator: torch.Generator | None = None) -> tuple[Tensor, Batch]:
        """``n`` sentences with their joint states [n, T]. Without ``ends`` each has ``max_words`` words."""
        initial, transition = self.initial(), self.transition()
        lengths = torch.full((n,), max_words, device=initial.device)
        if self.ending is not None:
            on, stop = self.ending()[:, None]  # a walk that stays where it is until it ends
            lengths = walk(torch.zeros_like(on), on[None], stop, n, max_words, generator).lengths
        paths = [walk(initial[m], transition[m], None, n, int(lengths.max()), generator) for m in range(self.chains)]
        inside = torch.arange(int(lengths.max()), device=lengths.device) < lengths[:, None]
        z = torch.zeros_like(paths[0].states)
        for path in paths:
            z = z * self.states + path.states
        z = torch.where(inside, z, 0)
        tokens = torch.full_like(z, PAD)
        tokens[inside] = self.emission.write(z[inside], generator)
        return z, Batch(tokens, lengths, torch.arange(n, device=z.device))
