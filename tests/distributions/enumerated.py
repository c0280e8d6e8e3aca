"""What every structured distribution must agree with: all its structures, listed and scored one by one."""

import torch
from scipy.stats import chisquare
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from undersong.distributions import Structured
from undersong.distributions.semirings import LOG


class Enumerated:
    """``dist`` by brute force.

    Args:
        dist: any structured distribution, in double precision.
        structures: for each sentence, all its structures [M_b, *event], each once.
    """

    def __init__(self, dist: Structured, structures: list[Tensor]):
        self.dist, self.structures = dist, structures
        self.leaves = [p.detach().clone().requires_grad_() for p in dist.potentials]
        mine = dist.replace(self.leaves)
        self.scores = [scored(mine, z, b) for b, z in enumerate(structures)]
        self.log_partition = torch.stack([safe_log_sum_exp(s) for s in self.scores])
        finite = [s.detach()[s > -torch.inf] for s in self.scores]
        highest = max((float(s.abs().max()) for s in finite if len(s)), default=0)
        self.atol = max(1e-9, 1e-12 * highest)  # differences of scores are no better
        self.possible = self.log_partition > -torch.inf  # [B], whether any structure is allowed

    def probabilities(self, b: int) -> Tensor:
        """p(z) of each structure of sentence b."""
        return (self.scores[b] - self.log_partition[b]).exp().detach()

    def check(self) -> int:
        """Everything the base class gives, but samples; over how many structures."""
        self.check_totals()
        self.check_best()
        self.check_entropy()
        return sum(map(len, self.structures))

    def check_totals(self) -> None:
        torch.testing.assert_close(self.dist.log_partition, self.log_partition)
        plain = self.dist.inside(LOG)
        torch.testing.assert_close(plain, self.log_partition)
        possible = self.log_partition > -torch.inf
        total = self.log_partition[possible].sum() + sum(0 * p[p > -torch.inf].sum() for p in self.leaves)
        marginals = torch.autograd.grad(total, self.leaves, materialize_grads=True)
        for ours, listed in zip(self.dist.marginals, marginals, strict=True):
            torch.testing.assert_close(ours, listed.nan_to_num(), atol=1e-9, rtol=1e-7)
        for b, z in enumerate(self.structures):
            if possible[b]:
                each = self.dist.log_prob(spread(self.dist, z, b))[:, b]
                torch.testing.assert_close(each.exp(), self.probabilities(b))

    def check_best(self) -> None:
        z, best = self.dist.mode, self.dist.best
        leaves = [p.detach().clone().requires_grad_() for p in self.dist.potentials]
        marked = torch.autograd.grad(self.dist.replace(leaves).best.sum(), leaves, materialize_grads=True)
        used = sum(torch.where(m > 0, m * p, 0.0).sum() for m, p in zip(marked, self.dist.potentials, strict=True))
        # Its gradient marks the parts of a best structure; of none where all are impossible.
        torch.testing.assert_close(used, best[self.possible].sum())
        k = 4
        several, values = self.dist.top_k(k)
        assert several.shape == (k, *self.dist.batch_shape, *self.dist.event_shape)
        torch.testing.assert_close(values[0], best)
        for b, scores in enumerate(self.scores):
            order = scores.detach().sort(descending=True, stable=True)
            torch.testing.assert_close(best[b], order.values[0])
            want = torch.cat([order.values, order.values.new_full((k,), -torch.inf)])[:k]
            torch.testing.assert_close(values[:, b], want)
            if want[0] == -torch.inf:
                continue
            torch.testing.assert_close(scored(self.dist, z[b : b + 1], b)[0], best[b])
            real = values[:, b] > -torch.inf
            torch.testing.assert_close(scored(self.dist, several[real, b], b), values[real, b])
            assert len(several[real, b].unique(dim=0)) == int(real.sum()), "the k best are k different structures"

    def check_entropy(self) -> None:
        entropy = self.dist.entropy()
        for b, scores in enumerate(self.scores):
            p = self.probabilities(b)
            want = -(p * (scores.detach() - self.log_partition[b].detach()))[p > 0].sum()
            torch.testing.assert_close(entropy[b], want, atol=self.atol, rtol=1e-7)

    def check_kl(self, other: "Enumerated") -> int:
        """KL(self || other), where the other has the same structures; of how many sentences that have any in both."""
        ours, compared = kl_divergence(self.dist, other.dist), 0
        for b, (q, p) in enumerate(zip(self.scores, other.scores, strict=True)):
            if self.log_partition[b] == -torch.inf or other.log_partition[b] == -torch.inf:
                continue
            compared += 1
            if ((q > -torch.inf) & (p == -torch.inf)).any():  # however improbable
                assert ours[b] == torch.inf
                continue
            share = self.probabilities(b)
            gap = (q - self.log_partition[b] - (p - other.log_partition[b])).detach()
            torch.testing.assert_close(ours[b], (share * gap)[share > 0].sum(), atol=self.atol, rtol=1e-7)
        return compared

    def check_samples(self, n: int = 4000) -> int:
        """Of how many sentences there was more than one structure to sample."""
        return check_samples(self.dist, self.structures, [self.probabilities(b) for b in range(len(self.scores))], n)


def check_samples(dist: Distribution, structures: list[Tensor], probabilities: list[Tensor], n: int) -> int:
    """Chi-square over all structures of each sentence: p > 1e-4; of how many there was more than one to sample.

    Args:
        dist: batch shape [B].
        structures: of each sentence, all of them [M_b, *event].
        probabilities: of each sentence's structures [M_b], all NaN or 0 where none is possible.
        n: samples.
    """
    tested, z = 0, dist.sample(torch.Size((n,)))
    assert z.shape == (n, *dist.batch_shape, *dist.event_shape)
    for b, (listed, p) in enumerate(zip(structures, probabilities, strict=True)):
        if not p.sum() > 0:
            continue  # there is nothing to sample
        same = (z[:, b].reshape(n, 1, -1) == listed.reshape(1, len(listed), -1)).all(-1)  # [n, M]
        assert same.any(1).all(), "every sample is a structure"
        seen, want = same.sum(0).double(), p * n
        assert (seen[want == 0] == 0).all(), "no sample is impossible"
        often = want >= 5
        seen, want = (torch.cat([t[often], t[~often].sum()[None]]) for t in (seen, want))
        keep = want > 0.5
        if int(keep.sum()) > 1:
            seen, want = seen[keep], want[keep]
            assert chisquare(seen.numpy(), (want * seen.sum() / want.sum()).numpy()).pvalue > 1e-4
            tested += 1
    return tested


def spread(dist: Distribution, z: Tensor, b: int) -> Tensor:
    """Structures [M, *event] of sentence b as structures [M, B, *event], of which the others' mean nothing."""
    return z[:, None].expand(len(z), *dist.batch_shape, *z.shape[1:])


def scored(dist: Structured, z: Tensor, b: int) -> Tensor:
    """Scores [M] of structures of sentence b."""
    return dist.score(spread(dist, z, b))[:, b]


def safe_log_sum_exp(scores: Tensor) -> Tensor:
    """-inf, without gradient, where all are."""
    return scores[scores > -torch.inf].logsumexp(0) if (scores > -torch.inf).any() else scores.new_tensor(-torch.inf)
