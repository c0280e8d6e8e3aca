"""How well found groups agree with known ones: clusters with classes, states with tags.

    many-to-one = 1/N sum_k max_c n_kc,    one-to-one = 1/N max over matchings of sum_k n_{k, c(k)}
    V-measure = 2 h c / (h + c),  h = 1 - H(class|group)/H(class),  c = 1 - H(group|class)/H(group)

(Johnson 2007 and Christodoulopoulos et al. 2010 for tags; Rosenberg and Hirschberg 2007 for V.) Many-to-one grows with
the number of groups and reaches 1 with a group for each item: compare it at equal numbers only. V-measure is the same
number as mutual information over the mean of the two entropies; ``nmi`` here is over their geometric mean. Knows
nothing of models.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import normalized_mutual_info_score, v_measure_score
from sklearn.metrics.cluster import contingency_matrix

Labels = NDArray[np.integer]


def agreement(known: Labels, found: Labels) -> dict[str, float | None]:
    """``many_to_one``, ``one_to_one``, ``v_measure`` and ``nmi``, from 0 to 1; None where there are no items.

    Args:
        known: class of each item, int [N].
        found: group of each item, int [N].

    >>> agreement(np.array([0, 0, 1, 1]), np.array([5, 5, 7, 9]))["many_to_one"]
    1.0
    >>> agreement(np.array([0, 0, 1, 1]), np.array([5, 5, 7, 9]))["one_to_one"]
    0.75
    """
    if known.shape != found.shape:
        raise ValueError(f"{known.shape} classes do not match {found.shape} groups.")
    if not len(known):
        return dict.fromkeys(("many_to_one", "one_to_one", "v_measure", "nmi"))
    table = contingency_matrix(known, found)  # [classes, groups]
    matched = linear_sum_assignment(table, maximize=True)
    return {
        "many_to_one": float(table.max(0).sum() / len(known)),
        "one_to_one": float(table[matched].sum() / len(known)),
        "v_measure": float(v_measure_score(known, found)),
        "nmi": float(normalized_mutual_info_score(known, found, average_method="geometric")),
    }
