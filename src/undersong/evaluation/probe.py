"""Small classifiers of latent vectors, several trained at once: what does z say of the class?

    logits = W3 relu(W2 relu(W1 z + b1) + b2) + b3     (two hidden layers of 128; IGP, section 4.2)

The copies differ in their first weights alone and read the same batches, so that one batched product a layer trains
them all; since Adam works on each number by itself, each copy ends where it would have ended alone. Knows nothing of
sentences or of where the vectors came from.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from undersong.settings import lowest_bits, need

Track = Callable[[Sequence[int], str], Iterable[int]]


class Probes(nn.Module):
    """K classifiers in one.

    Args:
        features: D.
        classes: C.
        seeds: one for the first weights of each copy.
        hidden: width of the two hidden layers.

    >>> Probes(4, 3, seeds=[0, 1])(torch.zeros(5, 4)).shape
    torch.Size([2, 5, 3])
    """

    def __init__(self, features: int, classes: int, seeds: Sequence[int], hidden: int = 128):
        super().__init__()
        widths = [features, hidden, hidden, classes]
        generators = [torch.Generator().manual_seed(lowest_bits(seed)) for seed in seeds]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inside, outside in itertools.pairwise(widths):
            self.weights.append(nn.Parameter(_uniform((inside, outside), inside, generators)))
            self.biases.append(nn.Parameter(_uniform((1, outside), inside, generators)))

    def forward(self, z: Tensor) -> Tensor:
        """Unnormalised log-probabilities of the classes for z [N, D]: [K, N, C]."""
        h = z.expand(self.weights[0].shape[0], -1, -1)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, h.relu() if layer else h, weight)
        return h


@dataclass(frozen=True)
class ProbeTraining:
    """How the probes are trained; the defaults are the IGP paper's.

    Attributes:
        copies: first weights tried.
        epochs: passes over the training part.
        least_updates: more passes, where the training part is so small that ``epochs`` of them are fewer updates.
        rate: Adam's.
        batch: vectors in a batch.
    """

    copies: int = 10
    epochs: int = 20
    least_updates: int = 500
    rate: float = 1e-3
    batch: int = 128

    def __post_init__(self) -> None:
        need(1, copies=self.copies, epochs=self.epochs, batch=self.batch)
        need(0, least_updates=self.least_updates)

    def __call__(
        self,
        z: Tensor,
        labels: Tensor,
        classes: int,
        seed: int = 0,
        valid: tuple[Tensor, Tensor] | None = None,
        track: Track = lambda epochs, what: epochs,
    ) -> Probes:
        """Train on z [N, D] and labels [N]; of each copy, keep the epoch with the best accuracy on ``valid``.

        Without ``valid`` the last epoch is kept. ``track`` is given the epochs and may show them as they pass.
        """
        probes = Probes(z.shape[1], classes, [seed * 1000 + copy for copy in range(self.copies)])
        with _one_thread():
            return self.train(probes, z, labels, seed, valid, track)

    def train(
        self,
        probes: Probes,
        z: Tensor,
        labels: Tensor,
        seed: int,
        valid: tuple[Tensor, Tensor] | None = None,
        track: Track = lambda epochs, what: epochs,
    ) -> Probes:
        """The same from given first weights."""
        optimiser = torch.optim.Adam(probes.parameters(), lr=self.rate, fused=True)
        order = torch.Generator().manual_seed(lowest_bits(seed))
        updates = -(-len(z) // self.batch)
        best, kept = torch.full((probes.weights[0].shape[0],), -1.0), [p.detach().clone() for p in probes.parameters()]
        epochs = range(max(self.epochs, -(-self.least_updates // updates)))
        for _ in track(epochs, "probes"):
            for rows in torch.randperm(len(z), generator=order).split(self.batch):
                logits = probes(z[rows])
                truth = labels[rows].expand(logits.shape[0], -1)
                loss = nn.functional.cross_entropy(logits.transpose(1, 2), truth, reduction="sum") / len(rows)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            if valid is not None:
                accuracy = accuracies(probes, *valid)
                better = (accuracy > best)[:, None, None]
                best = torch.maximum(best, accuracy)
                kept = [torch.where(better, p.detach(), k) for p, k in zip(probes.parameters(), kept, strict=True)]
        if valid is not None:
            with torch.no_grad():
                for p, k in zip(probes.parameters(), kept, strict=True):
                    p.copy_(k)
        return probes


@contextmanager
def _one_thread() -> Iterator[None]:
    """Products this small gain little from a second thread, and lose minutes to it on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def predictions(probes: Probes, z: Tensor) -> Tensor:
    """The class each copy names for z [N, D]: [K, N]."""
    return torch.cat([probes(part).argmax(-1) for part in z.split(4096)], 1)


def accuracies(probes: Probes, z: Tensor, labels: Tensor) -> Tensor:
    """Share of right answers of each copy: [K]."""
    return (predictions(probes, z) == labels).float().mean(1)


def _uniform(shape: tuple[int, int], inside: int, generators: Sequence[torch.Generator]) -> Tensor:
    bound = inside**-0.5  # as torch.nn.Linear starts
    return torch.stack([(2 * torch.rand(shape, generator=g) - 1) * bound for g in generators])
