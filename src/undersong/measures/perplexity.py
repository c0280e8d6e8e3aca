"""Perplexity, from nats. Knows nothing of what gave the nats, nor whether they are exact or a bound."""

import math


def perplexity(nats: float, tokens: int) -> float | None:
    """exp(nats / tokens): the words a model is as unsure of as if it chose among so many, each as likely.

    Args:
        nats: -log p, or a bound on it, summed over sentences.
        tokens: all their tokens, ends of sentence counted where the model scores them.

    Returns:
        None where there is no token, or no float is large enough.

    >>> round(perplexity(2 * math.log(8), 2), 6)
    8.0
    >>> perplexity(0.0, 0), perplexity(1e6, 2)
    (None, None)
    """
    try:
        return math.exp(nats / tokens)
    except (OverflowError, ZeroDivisionError):
        return None
