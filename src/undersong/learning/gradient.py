"""Stochastic gradient steps: Adam, with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019).

    g <- g min(1, clip / |g|),   theta <- theta - lr(step) (m^ / (sqrt(v^) + eps) + weight_decay theta)

Knows nothing of what the loss is made of.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.draw import Draw
from undersong.errors import UserError
from undersong.learning.base import Learner, Metrics
from undersong.learning.system import System
from undersong.objectives.schedule import Coefficient, at, extremes
from undersong.settings import need


class Gradient(Learner):
    """All parameters follow the gradient of one loss.

    The loss has no prior of the parameters: ``smoothing`` of a model made of tables is read by EM alone.

    Args:
        system: what learns.
        lr: learning rate, a number or a schedule.
        clip: largest norm of the whole gradient; 0 for no limit.
        weight_decay: share of each parameter (times lr) taken away at each step.
        betas: decay of Adam's running means of the gradient and of its square.
        eps: keeps Adam's quotient finite.

    Raises:
        UserError: one of these is below 0, or of ``betas`` not below 1.
    """

    def __init__(
        self,
        system: System,
        lr: Coefficient = 1e-3,
        clip: float = 5.0,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ):
        super().__init__(system)
        need(0, **extremes(lr=lr), clip=clip, weight_decay=weight_decay, eps=eps, betas=min(betas))
        if not max(betas) < 1:
            raise UserError(f"betas are {betas[0]} and {betas[1]}: both must be below 1.")
        self.lr, self.clip = lr, clip
        self.named = {name: p for name, p in system.named_parameters() if p.requires_grad}
        self.parameters = list(self.named.values())
        self.adam = torch.optim.AdamW(
            self.parameters, at(lr, 0), betas=(betas[0], betas[1]), eps=eps, weight_decay=weight_decay, fused=True
        )

    def check(self, x: Batch) -> None:
        """These sentences have a loss."""
        self.system.loss(x, 0)

    def step(self, x: Batch, step: int) -> Metrics:
        """One gradient step."""
        self.adam.zero_grad(set_to_none=True)  # first of all, so that this pass makes its gradients in their memory
        d, loss = self.system.loss(x, step)
        return {"loss": loss.detach(), "gradient_norm": self.descend(loss, step), **terms(d)}

    def descend(self, loss: Tensor, step: int) -> Tensor:
        """One step down any scalar's gradient, for learners that make a loss of their own: the gradient's norm."""
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        norm = total_norm([p.grad for p in self.parameters if p.grad is not None])
        if self.clip:  # fused Adam divides gradients by it as it reads them: g min(1, clip / |g|)
            self.adam.grad_scale = (norm / self.clip).clamp(min=1).float()  # type: ignore[attr-defined]
        for group in self.adam.param_groups:
            group["lr"] = at(self.lr, step)
        self.adam.step()
        return norm

    def state(self) -> dict[str, Tensor]:
        """Adam's running means, by parameter."""
        kept = {}
        for name, parameter in self.named.items():
            kept.update({f"{part}:{name}": v for part, v in self.adam.state.get(parameter, {}).items()})
        return kept

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up Adam's running means."""
        for key, value in state.items():
            part, _, name = key.partition(":")
            parameter = self.named[name]
            self.adam.state[parameter][part] = value.to(parameter.device, copy=True)


@torch.no_grad()
def total_norm(tensors: Sequence[Tensor]) -> Tensor:
    """Euclidean norm of all numbers together; by BLAS, which is faster than torch's own sum of squares, and nearer."""
    squares = [torch.dot(flat, flat) for flat in (t.flatten() for t in tensors)]
    return torch.stack(squares).sum().sqrt() if squares else torch.zeros(())


@torch.no_grad()
def terms(d: Draw) -> Metrics:
    """The distortion and, where q has a density, the rate of a draw: means over its sentences, nats."""
    if d.z is None:  # summed out, and no part of the loss
        return {}
    found = {"reconstruction": -d.mean(d.log_px).mean()}
    return found if d.parts is None or not d.parts.shape[1] else {**found, "kl": d.kl.mean()}
