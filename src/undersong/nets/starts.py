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


def left_over(points: Tensor, taken: Tensor) -> Tensor:
    """The points [K, D] that are left when each of ``taken`` [L, D] has had one, as near to it as may be: [K - L, D].

    >>> left_over(torch.tensor([[0.0], [5.0], [9.0]]), torch.tensor([[8.0]])).tolist()
    [[0.0], [5.0]]
    """
    from scipy.optimize import linear_sum_assignment  # slow to import too

    _, gone = linear_sum_assignment(torch.cdist(taken, points).cpu().numpy())
    left = torch.ones(len(points), dtype=torch.bool)
    left[torch.from_numpy(gone)] = False
    return points[left.to(points.device)]
