"""Structured mean-field inference for factorial models: the chains kept apart, each exact in itself.

    q(z) = prod_m q_m(z_m),   q_m(z_m) ~ p(z_m) prod_t exp h_mt[z_mt]
    h_mt[k] = E_{q of the other chains} log p(x_t | z_mt = k, the others)
    log p(x) >= sum_m log Z_m - sum_mt E_q h_mt[z_mt] + sum_t E_q log p(x_t | z_t) + log p(T)

(Ghahramani and Jordan 1997, structured variational inference.) Each chain in turn is set to its best given the others,
by one forward-backward pass, so the bound never falls from sweep to sweep. From one M-step to the next it begins anew,
and may end in another optimum: EM on this bound nearly always rises, and where it does not the learner undoes the step
and stops. Knows nothing of emissions but their expectation.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.distributions.factorial_chain import FactoredChains
from undersong.errors import UserError
from undersong.inference.base import Inference
from undersong.models.annotation import never_empty
from undersong.models.base import Model
from undersong.models.factorial_hmm import FactorialHMM
from undersong.settings import need


class StructuredMeanField(Inference):
    """Independent chains that stand for the posterior of a ``FactorialHMM``; their ``bound`` stands for log p(x).

    Args:
        vocab: V; taken for the seam's sake.
        latent: joint states; the same.
        sweeps: times that each chain is set anew.
    """

    def __init__(self, vocab: int, latent: int, sweeps: int = 10):
        super().__init__()
        need(1, sweeps=sweeps)
        self.sweeps = sweeps

    def forward(self, model: Model, x: Batch, step: int) -> FactoredChains:
        """q(z|x): batch shape [B]. Gradients of its bound reach the model with q held fixed, as they should."""
        if not isinstance(model, FactorialHMM):
            raise UserError(
                f"StructuredMeanField keeps the chains of a FactorialHMM apart, and {type(model).__name__} has none: "
                "use another --inference."
            )
        evidence = self._settled(model, x)
        never = (x.mask[:, 1:] & ~model.emission.possible(x)).any(1)  # a word that no state says: log p(x) is -inf
        seen = [h.masked_fill(never[:, None, None], -torch.inf) for h in evidence]
        chains = model.apart(x, [never_empty(h, x) for h in seen])
        unary = torch.stack([chain.marginals[2] for chain in chains], 2).detach()  # [B, T, M, K]
        spent = torch.stack([(unary[:, :, m] * h).sum((1, 2)) for m, h in enumerate(evidence)]).sum(0)
        totals = torch.stack([chain.log_partition for chain in chains]).sum(0)
        words = torch.where(x.mask[:, 1:], model.emission.expectation(x)(unary), 0.0).sum(1)
        return FactoredChains(chains, totals - spent + words + model.log_length(x))

    @torch.no_grad()
    def _settled(self, model: FactorialHMM, x: Batch) -> list[Tensor]:
        """The scores h of every chain [B, T, K] after all sweeps, from chains that have seen nothing."""
        nothing = model.initial().new_zeros(*x.tokens.shape, model.states)
        evidence = [nothing] * model.chains
        unary = torch.stack([chain.marginals[2] for chain in model.apart(x, evidence)], 2)
        expected = model.emission.expectation(x)
        for _ in range(self.sweeps):
            for m in range(model.chains):
                evidence[m] = evidence_for(expected, unary, m)
                unary[:, :, m] = model.apart(x, evidence)[m].marginals[2]
        return evidence


def evidence_for(expected: Callable[[Tensor], Tensor], unary: Tensor, chain: int) -> Tensor:
    """What the words say of one chain's states given the others' probabilities: h [B, T, K], nats.

    E log p(x_t | z_t) is linear in each chain's probabilities, so that its gradient is the expectation given z_mt = k,
    up to a constant. In the padding it is whatever it is: no chain reads it.

    Args:
        expected: from q_m(z_mt = k) [B, T, M, K] to E log p(x_t | z_t) [B, T].
        unary: all chains' probabilities [B, T, M, K].
        chain: m.
    """
    with torch.enable_grad():
        own = unary[:, :, chain].detach().requires_grad_()
        all_of_them = torch.cat([unary[:, :, :chain], own[:, :, None], unary[:, :, chain + 1 :]], 2)
        (found,) = torch.autograd.grad(expected(all_of_them).sum(), own)
    return found
