"""The probabilities of a dependency grammar by a network over tags, sides and valences (Jiang, Han and Tu 2016).

    h = relu(W_side [tag; valence] + b_side),   p(child | tag, side, valence) ~ exp(U_child h),
                                                p(stop or go on | tag, side, valence) ~ exp(U_decide h)

Tags that are alike share what is learned of them. The M-step maximises sum of count x log-probability by gradient steps
from where the net stands; the best point met is kept, so that it never falls (generalised EM). Knows nothing of trees.
"""

import torch
from torch import Tensor, nn

from undersong.nets.table import Countable
from undersong.settings import need, need_above


class DependencyNet(Countable):
    """Log-probabilities of a DMV over V tags, all in one row; ``parts`` tells them apart.

    Args:
        vocab: V.
        size: of the tags' vectors.
        hidden: width of the hidden layer.
        steps: gradient steps of each M-step.
        lr: their learning rate (Adam).

    >>> net = DependencyNet(7)
    >>> [tuple(part.shape) for part in net.parts(net())]
    [(7,), (7, 2, 2, 7), (7, 2, 2, 2)]
    """

    def __init__(self, vocab: int, size: int = 32, hidden: int = 64, steps: int = 50, lr: float = 0.01):
        super().__init__()
        need(1, size=size, hidden=hidden, steps=steps)
        need_above(0, lr=lr)
        self.steps, self.lr = steps, lr
        self.tag = nn.Parameter(torch.randn(vocab, size))
        self.valence = nn.Parameter(torch.randn(2, size))
        self.wall = nn.Parameter(torch.randn(hidden))  # the hidden layer of the sentence's own root
        self.sides = nn.ModuleList([nn.Linear(2 * size, hidden) for _ in range(2)])
        self.to_child = nn.Linear(hidden, vocab)
        self.to_decision = nn.Linear(hidden, 2)

    def scores(self) -> Tensor:
        """The log-probabilities of roots, children and decisions, end to end, nats."""
        tags = self.tag[:, None].expand(-1, 2, -1)
        valences = self.valence.expand(len(self.tag), 2, -1)
        read = torch.cat([tags, valences], -1)  # [V, valence, 2 * size]
        h = torch.stack([side(read).relu() for side in self.sides], 1)  # [V, side, valence, hidden]
        root = self.to_child(self.wall.relu()).log_softmax(-1)
        return torch.cat(
            [t.flatten() for t in (root, self.to_child(h).log_softmax(-1), self.to_decision(h).log_softmax(-1))]
        )

    def parts(self, row: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log p(root) [V], log p(child | head, side, valence) [V, 2, 2, V], log p(stop or go on | ...) [V, 2, 2, 2]."""
        vocab = len(self.tag)
        root, attach, decide = row.split([vocab, 4 * vocab**2, 8 * vocab])
        return root, attach.view(vocab, 2, 2, vocab), decide.view(vocab, 2, 2, 2)

    @torch.enable_grad()
    def maximise(self, counts: Tensor) -> None:
        """Gradient steps on the expected log joint; the best point met stays."""
        weight = counts.to(self.tag.dtype)
        adam = torch.optim.Adam(self.parameters(), lr=self.lr)
        best, kept = -torch.inf, dict[str, Tensor]()
        for step in range(self.steps + 1):
            value = (weight * self.scores()).sum() / weight.sum()
            if float(value.detach()) > best:
                best, kept = float(value.detach()), {name: t.detach().clone() for name, t in self.state_dict().items()}
            if step < self.steps:
                adam.zero_grad()
                (-value).backward()
                adam.step()
        self.load_state_dict(kept)
        adam.zero_grad()
