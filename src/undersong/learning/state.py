"""A system's tensors by name, each once however often it is shared.

Knows nothing of files.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from undersong.errors import UserError
from undersong.learning.system import System


def weights(system: System) -> dict[str, Tensor]:
    """Parameters and stored buffers; a shared one (tied embeddings) under its first name."""
    seen: set[int] = set()
    found = {}
    for name, tensor in system.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            found[name] = tensor.detach()
    return found


@torch.no_grad()
def load_weights(system: System, stored: Mapping[str, Tensor]) -> None:
    """Copy stored tensors into a system.

    Raises:
        UserError: the system has other tensors or other sizes than the one stored.
    """
    own = weights(system)
    if own.keys() != stored.keys() or any(own[name].shape != stored[name].shape for name in own):
        wrong = sorted(own.keys() ^ stored.keys()) or [n for n in own if own[n].shape != stored[n].shape]
        raise UserError(
            f"The checkpoint does not fit the run's configuration ({', '.join(wrong[:3])} differ): was config.yaml "
            "changed after the run began?"
        )
    for name, tensor in own.items():
        tensor.copy_(stored[name])
