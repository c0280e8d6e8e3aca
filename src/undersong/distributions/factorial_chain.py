"""Several chains of hidden states behind one sentence: exactly, as one chain of all their states, or kept apart.

    exact:     score(z) = sum_m initial_m[z_m1] + sum_t emission[t, z_t] + sum_m sum_t transition_m[z_mt, z_mt+1]
    factored:  q(z) = prod_m q_m(z_m),   each q_m a ``Chain``

The states of M chains of K states each are one number, their digits in base K, the first chain's first. The exact
recursion moves one chain at a time, so a word costs M K^(M+1) sums of exponentials and not K^(2M) (Ghahramani and
Jordan 1997, appendix B); log Z and the marginals of up to ``FLAT`` joint states are taken all the same from one
``Chain`` over them, whose K^(2M) are multiplications, and faster. Knows nothing of words or of where scores come from.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, kl_divergence, register_kl

from undersong.distributions.chain import Chain
from undersong.distributions.semirings import Semiring
from undersong.distributions.structured import Parts, Structured

FLAT = 1024  # joint states


def digits(chains: int, states: int, device: torch.device | None = None) -> Tensor:
    """The state of each chain in each joint state: int64 [M, K^M].

    >>> digits(2, 2).tolist()
    [[0, 0, 1, 1], [0, 1, 0, 1]]
    """
    joint = torch.arange(states**chains, device=device)
    return torch.stack([digit(joint, m, chains, states) for m in range(chains)])


def digit(joint: Tensor, chain: int, chains: int, states: int) -> Tensor:
    """The state of one chain in joint states of any shape."""
    return joint // states ** (chains - 1 - chain) % states


class FactorialChain(Structured):
    """M chains that share their emissions, summed over together.

    z is int64 [..., B, T], joint states, 0 in padding. Potentials are initial [1, M, K], transition [1, M, K, K] and
    emission [B, T, K^M].

    Args:
        initial: score of each chain's first state [M, K].
        transition: score of (from, to) in each chain [M, K, K].
        emission: score of each word in each joint state [B, T, K^M].
        lengths: words of each sentence, one or more, int [B].

    >>> two = FactorialChain(torch.zeros(2, 3), torch.zeros(2, 3, 3), torch.zeros(1, 2, 9), torch.tensor([2]))
    >>> round(two.log_partition.exp().item())
    81
    """

    telling = (2,)

    def __init__(self, initial: Tensor, transition: Tensor, emission: Tensor, lengths: Tensor):
        self.chains, self.states = initial.shape
        super().__init__((initial[None], transition[None], emission), lengths, emission.shape[1:2])

    def inside(self, semiring: Semiring) -> Tensor:
        initial, _, emission = self.potentials
        which = digits(self.chains, self.states, emission.device)
        start = sum(initial[:, m, which[m]] for m in range(self.chains))  # [1, K^M]
        alpha = semiring.lift(start + emission[:, 0])  # [B, K^M]
        for t in range(1, emission.shape[1]):
            step = alpha
            for m in range(self.chains):
                step = self._moved(step, m, semiring)
            alpha = torch.where((t < self.lengths)[:, None], step + emission[:, t], alpha)
        return semiring.sum(alpha, -1)

    def traced_bytes(self, words: int, kept: int) -> float:
        joint = self.states**self.chains
        return kept * words * joint * (8.0 * self.chains * self.states + 64.0)

    def kernel_bytes(self, words: int) -> float:
        joint = self.states**self.chains
        return 48.0 * len(self.lengths) * words * joint if joint <= FLAT else super().kernel_bytes(words)

    def _log_partition(self) -> Tensor:
        return self.flat().log_partition if self.states**self.chains <= FLAT else super()._log_partition()

    def flat(self) -> Chain:
        """The same as one chain of K^M states, with a table of all their transitions."""
        initial, transition, emission = self.potentials
        which = digits(self.chains, self.states, emission.device)
        start = torch.stack([initial[:, m, which[m]] for m in range(self.chains)]).sum(0)
        table = transition[:, 0]
        for m in range(1, self.chains):
            wider = table[:, :, None, :, None] + transition[:, m, None, :, None, :]  # [1, from, from, to, to]
            table = wider.flatten(1, 2).flatten(2, 3)
        return Chain(start, table, emission, self.lengths)

    def _moved(self, value: Tensor, m: int, semiring: Semiring) -> Tensor:
        """One chain's transition, the others standing still: [..., B, K^M]."""
        before, after = self.states**m, self.states ** (self.chains - 1 - m)
        apart = value.unflatten(-1, (before, self.states, 1, after))
        step = self.potentials[1][:, m, None, :, :, None]  # [1, 1, from, to, 1]
        return semiring.sum(apart + step, -3).flatten(-3)

    def score(self, z: Tensor) -> Tensor:
        _, _, emission = self.potentials
        parts = [digit(z, m, self.chains, self.states) for m in range(self.chains)]
        total = self.pick(emission, 0, z[..., 0])
        total = total + sum(self.pick(self.potentials[0], m, part[..., 0]) for m, part in enumerate(parts))
        for t in range(1, emission.shape[1]):
            step = self.pick(emission, t, z[..., t])
            step = step + sum(
                self.pick(self.potentials[1], m, part[..., t - 1], part[..., t]) for m, part in enumerate(parts)
            )
            total = total + torch.where(t < self.lengths, step, 0.0)
        return total

    def structure(self, parts: Parts) -> Tensor:
        emission = parts[2]
        assert emission is not None
        return emission.argmax(-1)


class FactoredChains(Distribution):
    """M independent chains: the prior of a factorial model, or its structured mean-field posterior.

    z is int64 [..., B, T], joint states, 0 in padding.

    Args:
        chains: M of them, of K states each.
        bound: what stands for log p(x) where this stands for p(z|x), a lower bound on it [B], nats; by default 0, the
            log partition of a prior.
    """

    arg_constraints = {}  # noqa: RUF012 (torch's own protocol)

    def __init__(self, chains: Sequence[Chain], bound: Tensor | None = None):
        self.chains = list(chains)
        self.states = chains[0].states
        one = chains[0].potentials[2]
        self.bound = one.new_zeros(one.shape[0]) if bound is None else bound
        super().__init__(chains[0].batch_shape, chains[0].event_shape, validate_args=False)

    @property
    def log_partition(self) -> Tensor:
        """The bound on log p(x) [B]: exact posteriors give log p(x) under this name."""
        return self.bound

    def _apart(self, z: Tensor) -> list[Tensor]:
        return [digit(z, m, len(self.chains), self.states) for m in range(len(self.chains))]

    def together(self, parts: Sequence[Tensor]) -> Tensor:
        """Joint states of the chains' own states."""
        joint = torch.zeros_like(parts[0])
        for part in parts:
            joint = joint * self.states + part
        return joint

    def log_prob(self, value: Tensor) -> Tensor:
        """log q(z) of z [..., B, T]: [..., B]."""
        pairs = zip(self.chains, self._apart(value), strict=True)
        return torch.stack([chain.log_prob(part) for chain, part in pairs]).sum(0)

    def sample(self, sample_shape: torch.Size | Sequence[int] = ()) -> Tensor:
        """Independent samples [*sample_shape, B, T]."""
        return self.together([chain.sample(sample_shape) for chain in self.chains])

    @property
    def mode(self) -> Tensor:
        """The best joint states [B, T]."""
        return self.together([chain.mode for chain in self.chains])

    def entropy(self) -> Tensor:
        """H [B], nats."""
        return torch.stack([chain.entropy() for chain in self.chains]).sum(0)

    @property
    def unary(self) -> Tensor:
        """q_m(z_mt = k): [B, T, M, K]."""
        return torch.stack([chain.marginals[2] for chain in self.chains], 2)


@register_kl(FactoredChains, FactoredChains)
def _kl_factored(q: FactoredChains, p: FactoredChains) -> Tensor:
    return torch.stack([kl_divergence(a, b) for a, b in zip(q.chains, p.chains, strict=True)]).sum(0)


@register_kl(FactorialChain, FactoredChains)
def _kl_exact(q: FactorialChain, p: FactoredChains) -> Tensor:
    """To a prior whose chains share their tables over sentences."""
    which = digits(q.chains, q.states, q.potentials[2].device)
    initial = torch.stack([chain.potentials[0][0] for chain in p.chains])
    transition = torch.stack([chain.potentials[1][0, 0] for chain in p.chains])
    emission, final = (
        torch.stack([chain.potentials[place][..., which[m]] for m, chain in enumerate(p.chains)]).sum(0)
        for place in (2, 3)
    )
    last = torch.arange(emission.shape[1], device=which.device) == q.lengths[:, None] - 1
    emission = emission + torch.where(last[..., None], final[:, None], 0.0)
    return kl_divergence(q, FactorialChain(initial, transition, emission, q.lengths))
