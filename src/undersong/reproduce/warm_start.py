"""A learner that begins from another run's weights, an isotropic posterior's variances untied where need be.

    log sigma_d^2 = w.h + b for every d, the row of the isotropic head D times: the same q(z|x), now free

(IGP, section 5.2: an isotropic model as the warm start of a diagonal one.) Knows nothing of how the other run was
trained.
"""

from pathlib import Path

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.learning import Run
from undersong.learning.base import Metrics
from undersong.learning.gradient import Gradient
from undersong.learning.system import System
from undersong.objectives.schedule import Coefficient

HEAD = "inference.head."


class WarmStart(Gradient):
    """``Gradient`` from the best weights of a finished run.

    Args:
        system: what learns.
        run: folder of the run to start from.
        lr: learning rate, a number or a schedule.
        clip: largest norm of the whole gradient; 0 for no limit.
    """

    def __init__(self, system: System, run: Path, lr: Coefficient = 1e-3, clip: float = 5.0):
        super().__init__(system, lr=lr, clip=clip)
        self.run = run

    def step(self, x: Batch, step: int) -> Metrics:
        """One gradient step; the first one starts from the other run's weights (a resumed run has its own)."""
        if step == 0:
            start_from(self.system, Run.load(self.run, "cpu").system)
        return super().step(x, step)


@torch.no_grad()
def start_from(system: System, other: System) -> None:
    """Copy all of another system's parameters.

    Raises:
        UserError: the two differ in more than in the tying of the posterior's variances.
    """
    given = dict(other.named_parameters())
    for name, parameter in system.named_parameters():
        value: Tensor | None = given.get(name)
        if value is not None and value.shape != parameter.shape and name.startswith(HEAD):
            value = untied(value, len(parameter) // 2)
        if value is None or value.shape != parameter.shape:
            raise UserError(
                f"The run to start from has no {name} of the size {tuple(parameter.shape)}: give both the same sizes."
            )
        parameter.copy_(value.to(parameter.device))


def untied(head: Tensor, latent: int) -> Tensor:
    """The rows [D + 1, ...] of an isotropic head (mu, log sigma^2) as those [2 D, ...] of a diagonal one.

    >>> untied(torch.tensor([1.0, 2.0, 9.0]), 2).tolist()
    [1.0, 2.0, 9.0, 9.0]
    """
    if len(head) != latent + 1:
        raise UserError(f"A head of {len(head)} rows is not that of an isotropic posterior over {latent} dimensions.")
    return torch.cat([head[:latent], head[latent:].expand(latent, *head.shape[1:])])
