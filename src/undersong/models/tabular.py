"""Models made of tables: what expectation maximisation asks of them comes free.

    d log p(x) / d log table = E_{p(z|x)}[number of uses of each entry]

One gradient of the posterior's ``log_partition`` is the E-step (Eisner 2016); with the gradient of ``best``, the score
of the best structure, it is that of Viterbi EM. Knows nothing of the structures that are summed over.
"""

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.models.base import Counts
from undersong.nets.table import Countable, counted


class Tabular(nn.Module):
    """Base of models whose only parameters are in ``Table``s, or other ``Countable`` parts: they become ``Counted``.

    A subclass makes its tables in ``__init__`` and reads them, by calling them, in ``posterior``.
    """

    @property
    def tables(self) -> dict[str, Countable]:
        """Every table by name, a shared one once."""
        return {name: part for name, part in self.named_modules() if isinstance(part, Countable)}

    def counting(self) -> AbstractContextManager[None]:
        """While it lasts, every table is a leaf whose gradient is its expected counts."""
        return counted(list(self.tables.values()))

    def expect(self, x: Batch, q: Distribution, hard: bool = False) -> tuple[Tensor, Counts]:
        """log p(x) (``hard``: the best joint) in nats [B], and the expected uses of each table's entries."""
        bound: Tensor = q.best if hard else q.log_partition  # type: ignore[attr-defined]
        leaves = {name: table.leaf for name, table in self.tables.items() if table.leaf is not None}
        found = torch.autograd.grad(bound.sum(), list(leaves.values()), allow_unused=True)
        counts = {
            name: torch.zeros_like(leaf) if count is None else count
            for (name, leaf), count in zip(leaves.items(), found, strict=True)
        }
        return bound.detach(), counts

    def maximise(self, counts: Counts) -> None:
        """Every row to its most probable value.

        Raises:
            ValueError: the counts are not those of these tables.
        """
        tables = self.tables
        if counts.keys() != tables.keys():
            raise ValueError(f"There are counts of {', '.join(counts)}, and tables {', '.join(tables)}.")
        for name, table in tables.items():
            table.maximise(counts[name])

    def log_prior(self) -> Tensor:
        """Log density of all rows under their Dirichlet priors, up to a constant: a scalar, nats."""
        return torch.stack([table.log_prior() for table in self.tables.values()]).sum()

    def begin(self, x: Batch) -> Counts | None:
        """Nothing: learning starts from the tables as they are."""
        return None
