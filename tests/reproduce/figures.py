"""Rows as if they had been measured. Knows nothing of claims."""

from undersong.reproduce.measured import Measured


def measured(corpora: dict[str, str] | None = None, **rows: list[float]) -> Measured:
    """Rows whose runs, one a value, measured ``score``; all of one corpus unless told."""
    return Measured(
        {
            row: [
                {
                    "row": row,
                    "seed": i,
                    "corpus": {"hash": (corpora or {}).get(row, "same")},
                    "figures": {"score": v, "twice": 2 * v},
                }
                for i, v in enumerate(values)
            ]
            for row, values in rows.items()
        }
    )
