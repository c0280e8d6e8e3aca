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


def arranged(points: Tensor, wanted: Tensor, owner: Tensor) -> Tensor:
    """The points [K, D] in another order: those near ``wanted`` [L, D] at the places of their owners.

    Args:
        points: in the order they have; whoever loses one to an owner has what that owner had.
        wanted: as near to one point each as may be, over all of them.
        owner: whose each is, all different: int64 [L].

    >>> arranged(torch.tensor([[0.0], [5.0], [9.0]]), torch.tensor([[8.0]]), torch.tensor([0])).tolist()
    [[9.0], [5.0], [0.0]]
    """
    from scipy.optimize import linear_sum_assignment  # slow to import too

    _, chosen = linear_sum_assignment(torch.cdist(wanted, points.to(wanted.dtype)).cpu().numpy())
    near = torch.from_numpy(chosen).to(points.device)
    order = torch.arange(len(points), device=points.device)
    order[near[~torch.isin(near, owner)]] = owner[~torch.isin(owner, near)]
    order[owner] = near
    return points[order]
