"""Where the means of Gaussians start: points that lie far apart (k-means++, Arthur and Vassilvitskii 2007).

Knows nothing of what the points stand for.
"""

import torch
from torch import Tensor


def far_apart(points: Tensor, count: int, weight: Tensor | None = None) -> Tensor:
    """``count`` of the points [N, D]; where fewer of them differ, the rest lie near some of them: [count, D].

    Args:
        points: at least one.
        count: how many.
        weight: how much each point counts [N]; all alike if None.

    >>> far_apart(torch.tensor([[0.0], [9.0], [9.0]]), 2).sort(0).values.tolist()
    [[0.0], [9.0]]
    """
    from sklearn.cluster import kmeans_plusplus  # here, because it is slow to import

    seed = int(torch.randint(2**31, ()))
    differ = min(count, len(points.unique(dim=0)))
    weights = None if weight is None else weight.cpu().double().numpy()
    rows = kmeans_plusplus(points.cpu().numpy(), differ, sample_weight=weights, random_state=seed)[1]
    chosen = points[torch.from_numpy(rows).to(points.device)]
    if differ == count:
        return chosen
    spread = points.std(0, correction=0).clamp(min=1e-3)
    near = points[torch.randint(len(points), (count - differ,), device=points.device)]
    return torch.cat([chosen, near + spread * torch.randn_like(near)])
