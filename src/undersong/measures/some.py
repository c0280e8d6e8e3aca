"""A measure of nothing is refused in one sentence, by all measures that have no answer to give.

Knows nothing of what is measured.
"""


def need_some(**counts: int) -> None:
    """Every count is 1 or more.

    Raises:
        ValueError: one is not.

    >>> need_some(sentences=0)
    Traceback (most recent call last):
    ValueError: There are no sentences to measure: give at least one.
    """
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"There are no {name} to measure: give at least one.")
