"""Random scores for the tests: up to 1e4, some forbidden, and large ones that leave several structures alike."""

import torch
from torch import Tensor


class Scores:
    """Random scores in +-1e4, with a share of -inf.

    Args:
        seed: of all of them.
        scale: standard deviation.
        forbidden: share of -inf.
        dtype: of the scores.
        alike: -scale, 0 or scale, and a little more or less: several structures are about as good as the best.
    """

    def __init__(
        self,
        seed: int,
        scale: float = 1.0,
        forbidden: float = 0.0,
        dtype: torch.dtype = torch.float64,
        alike: bool = False,
    ):
        self.generator = torch.Generator().manual_seed(seed)
        self.scale, self.forbidden, self.dtype, self.alike = scale, forbidden, dtype, alike

    def __call__(self, *shape: int) -> Tensor:
        numbers = torch.randn(shape, generator=self.generator, dtype=torch.float64)
        large = self.scale * (numbers.round().clamp(-1, 1) if self.alike else numbers)
        out = torch.rand(shape, generator=self.generator) < self.forbidden
        chosen = large.clamp(-1e4, 1e4) + (numbers if self.alike else 0.0)
        return chosen.masked_fill(out, -torch.inf).to(self.dtype)
