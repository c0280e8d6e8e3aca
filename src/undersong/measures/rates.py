"""Where a model stands on the rate-distortion plane: H - D <= I(x, z) <= R (Alemi et al. 2018; IGP, section 5.1).

    R = E KL(q(z|x) || p(z)),   D = -E log p(x|z),   H = the entropy of the split's own sentences, ln N if all differ

With x uniform over the split's N sentences, all four are of one distribution, and both inequalities are theorems; a
breach shows that an estimate is wrong. Of a model that is given the length T of x, as one of bags of words, D leaves T
out, and H must too: it is then H(x|T) = H(x) - H(T). Knows nothing of how R, D and I were estimated.
"""

from collections.abc import Hashable, Iterable

import numpy as np


def empirical_entropy(sentences: Iterable[Hashable]) -> float:
    """Entropy, in nats, of drawing one of these sentences: ln N when all differ.

    >>> round(empirical_entropy(["a", "b", "a", "b"]), 4)
    0.6931
    """
    counts: dict[Hashable, int] = {}
    for sentence in sentences:
        counts[sentence] = counts.get(sentence, 0) + 1
    share = np.array(list(counts.values())) / max(sum(counts.values()), 1)
    return float(-(share * np.log(share)).sum())


def kl_percent(rate: float, factor: float, objective: float) -> float | None:
    """The KL's share of an objective in percent, 100 factor R / -objective (AutoGen, Figure 2 left).

    Args:
        rate: R, nats a sentence.
        factor: the objective's own, before R.
        objective: what is maximised, nats a sentence.

    Returns:
        None where the objective is not negative: it then has no shares.

    >>> kl_percent(5.0, 1.0, -50.0), kl_percent(5.0, 0.5, -50.0), kl_percent(5.0, 1.0, 0.0)
    (10.0, 5.0, None)
    """
    return 100 * factor * rate / -objective if objective < 0 else None


def at_cap(mutual_information: float, cap: float) -> bool:
    """Whether an estimate is within 2% of the most its estimator can say: the truth may then be anything up to R.

    >>> at_cap(6.8, 6.9), at_cap(6.7, 6.9)
    (True, False)
    """
    return mutual_information >= 0.98 * cap


def rate_distortion(
    rate: float, distortion: float, mutual_information: float, cap: float, entropy: float
) -> dict[str, float | None]:
    """A model's point on the plane, and whether its mutual information is a finding or its estimator's ceiling.

    Args:
        rate: R, nats a sentence.
        distortion: D, nats a sentence.
        mutual_information: I(x, z) as estimated.
        cap: the most the estimator can say, ln of the number of sentences it saw.
        entropy: H of the same sentences, less that of their lengths where the model is given these.

    Returns:
        ``rate``, ``distortion``, ``information``, ``information_lower`` (H - D), ``information_cap`` and
        ``information_at_cap`` (1 or 0: at the cap, the true value may be anything between it and R).
    """
    return {
        "rate": rate,
        "distortion": distortion,
        "information": mutual_information,
        "information_lower": entropy - distortion,
        "information_cap": cap,
        "information_at_cap": float(at_cap(mutual_information, cap)),
    }
