"""The probabilities of a dependency grammar by a network over tags, sides and valences (Jiang, Han and Tu 2016).

    h = relu(W_side [tag; valence] + b_side),   p(child | tag, side, valence) ~ exp(U_child h),
                                                p(stop or go on | tag, side, valence) ~ exp(U_decide h)

Tags that are alike share what is learned of them. Knows nothing of trees.
"""

import torch
from torch import Tensor, nn


class DependencyNet(nn.Module):
    """Log-probabilities of a DMV over V tags.

    Args:
        vocab: V.
        size: of the tags' vectors.
        hidden: width of the hidden layer.

    >>> root, attach, decide = DependencyNet(7)()
    >>> root.shape, attach.shape, decide.shape
    (torch.Size([7]), torch.Size([7, 2, 2, 7]), torch.Size([7, 2, 2, 2]))
    """

    def __init__(self, vocab: int, size: int = 32, hidden: int = 64):
        super().__init__()
        self.tag = nn.Parameter(torch.randn(vocab, size))
        self.valence = nn.Parameter(torch.randn(2, size))
        self.wall = nn.Parameter(torch.randn(hidden))  # the hidden layer of the sentence's own root
        self.sides = nn.ModuleList([nn.Linear(2 * size, hidden) for _ in range(2)])
        self.to_child = nn.Linear(hidden, vocab)
        self.to_decision = nn.Linear(hidden, 2)

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        """log p(root) [V], log p(child | head, side, valence) [V, 2, 2, V], log p(stop or go on | ...) [V, 2, 2, 2]."""
        tags = self.tag[:, None].expand(-1, 2, -1)
        valences = self.valence.expand(len(self.tag), 2, -1)
        read = torch.cat([tags, valences], -1)  # [V, valence, 2 * size]
        h = torch.stack([side(read).relu() for side in self.sides], 1)  # [V, side, valence, hidden]
        root = self.to_child(self.wall.relu()).log_softmax(-1)
        return root, self.to_child(h).log_softmax(-1), self.to_decision(h).log_softmax(-1)
