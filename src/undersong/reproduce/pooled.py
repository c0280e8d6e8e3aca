"""Parts of claims that speak of every pair of rows at once: each pair by its own test, and all of them by one.

With three seeds a side a test of one pair sees only what is very wide; what all pairs show together may be real all the
same. Knows nothing of any one paper.
"""

from collections.abc import Sequence

from undersong.measures.significance import stratified
from undersong.reproduce.claims import Finding, Part
from undersong.reproduce.measured import Measured
from undersong.reproduce.parts import less, missing, more, refusing, tested


def each(pairs: Sequence[tuple[str, str]], key: str, digits: int = 2, lower: bool = False) -> tuple[Part, ...]:
    """The second row of every pair has the greater figure, or the lower one; then the same of all pairs together."""
    way = less if lower else more
    return (*(way(second, first, key, digits) for first, second in pairs), overall(pairs, key, lower))


def overall(pairs: Sequence[tuple[str, str]], key: str, lower: bool = False) -> Part:
    """Over all pairs together, the second rows have the greater figures, or the lower ones.

    Raises:
        ValueError: a row stands in two pairs: its runs would be dealt out twice, as if they were others.
    """
    rows = [row for pair in pairs for row in pair]
    if len(set(rows)) < len(rows):
        raise ValueError("Pairs are tested together only where no row stands in two of them.")

    @refusing
    def part(measured: Measured) -> Finding:
        found = [tuple(measured.values(row, key) for row in pair) for pair in pairs]
        known = [(pair, values) for pair, values in zip(pairs, found, strict=True) if all(values)]
        if len(known) < 2:
            return missing(measured, f"{key} of {', '.join(rows)}", *rows)
        for pair, _ in known:
            measured.need_one_corpus(*pair)
        comparison = stratified([(a, b) if lower else (b, a) for _, (a, b) in known])
        if comparison is None:
            return Finding(f"{key}, all pairs together: all alike", "open")
        way = "as claimed" if comparison.difference > 0 else "the other way round"
        apart = f"{abs(comparison.difference):.2f} standard deviations apart, {way}"
        return tested(f"{key}, all pairs together: {apart}", comparison)

    return part
