"""The rows of the isotropic-posterior recipe in the groups that its claims speak of, read from the recipe itself.

A diagonal row (``...dgp...``) has an isotropic sibling (``...igp...``) that differs in nothing else; a row added to the
recipe joins the claims on its like. Knows nothing of any claim.
"""

from collections.abc import Iterable

from undersong.reproduce.plan import Row, plan

SCALES = [{row.name: row for row in plan("igp", scale).rows} for scale in ("paper", "small")]
ROWS: dict[str, Row] = {name: row for scale in SCALES for name, row in scale.items()}
Pairs = tuple[tuple[str, str], ...]


def siblings(objective: str, prior: bool = False) -> Pairs:
    """Every diagonal row of an objective, with or without a prior of its own, and its isotropic sibling."""
    return tuple(
        (name, name.replace("dgp", "igp"))
        for name, row in ROWS.items()
        if "dgp" in name and row.flags["objective"] == objective and ("model.prior" in row.flags) == prior
    )


def aim(row: str) -> float:
    """C, nats a sentence."""
    return float(ROWS[row].flags["objective.rate.stop"])


def meet(first: str, second: str) -> bool:
    """Whether two rows are of one corpus at any scale."""
    return any(scale[first].corpus == scale[second].corpus for scale in SCALES if first in scale and second in scale)


def flat(pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """All rows of some pairs."""
    return tuple(row for pair in pairs for row in pair)


RATES = siblings("TargetRate")
PLAIN = tuple(pair for pair in RATES if pair[0].startswith("plain-"))  # as printed, and at the small scale empty
BY_RATE = tuple(pair for pair in RATES if pair not in PLAIN)
BY_BETA = siblings("Beta")
PAIRS = BY_RATE + BY_BETA
MIXED = siblings("TargetRate", prior=True)
MIXTURES = tuple((mog, tuple(row.replace("mog", "moig") for row in mog)) for mog in MIXED if "mog" in mog[0])
# Of each corpus the pairs by rising C, and its autoencoder.
BY_CORPUS = [
    tuple(sorted((pair for pair in BY_RATE if ROWS[pair[0]].corpus == corpus), key=lambda pair: aim(pair[0])))
    for corpus in dict.fromkeys(ROWS[pair[0]].corpus for pair in BY_RATE)
]
AUTOENCODERS = [
    (name, chain)
    for name, row in ROWS.items()
    for chain in BY_CORPUS
    if row.flags["objective"] == "Autoencoder" and row.corpus == ROWS[chain[0][0]].corpus
]
DBPEDIA = tuple(pair for pair in PAIRS if ROWS[pair[0]].corpus == "dbpedia")
