"""Matrix products by the fastest kernel that the machine has for them: left @ matrix.T, and sums of left.T @ right.

oneDNN beats BLAS in fp32 on AMD's processors, by a tenth (measured: Zen 4) or twofold (Zen 5), more so for the thin
matrices of a recurrent step and where the matrix is laid out once for many products; for few, laying it out costs more
than it saves, in memory touched for the first time above all. On Intel's, torch's BLAS is the faster one in fp32
(measured: Emerald Rapids). oneDNN's products are reached through torch's own operators, which other processors and
builds may lack: then it is ``torch.nn.functional.linear``.

Without arithmetic for bf16 (processors with AVX2 alone) a bf16 product would take two hundred times as long as one in
fp32 (measured: Zen 3). There the rounded numbers are multiplied in fp32, and the results rounded: the same numbers, as
products and sums are fp32 either way.

Knows nothing of what is multiplied, nor of gradients.
"""

from collections.abc import Mapping
from functools import cache

import torch
from torch import Tensor

# From where on laying the matrix out costs less than it saves: rows multiplied in all, in fp32 (measured: Zen 4);
# products made, in bf16, as the matrix lies and transposed (Zen 5; Zen 4 gained from 2 and 5 on).
_ROWS_IN_FP32 = 2500
_PRODUCTS_IN_BF16 = (6, 16)
_ADDED = 2000  # rows of a sum that stay in cache while a product is added to them
_TURNED = 512  # rows and columns that are turned at a time, as a cache holds them


class Matrix:
    """A [M, K] matrix, rounded to ``dtype`` and made ready for products with [N, K] matrices.

    Args:
        matrix: [M, K], contiguous or the transpose of a contiguous matrix.
        dtype: what products read; sums are fp32 inside a product, its result is rounded to ``dtype`` again.
        rows: about how many rows N each left side will have.
        uses: about how many products will be made.

    >>> Matrix(torch.eye(2, 3), torch.float32, rows=1, uses=1)(torch.ones(1, 3))
    tensor([[1., 1.]])
    """

    def __init__(self, matrix: Tensor, dtype: torch.dtype, rows: int, uses: int) -> None:
        self._dtype, self._inside = dtype, multiplied_in(dtype, matrix.device.type)
        self._matrix = matrix.detach().to(dtype).to(self._inside)
        straight = matrix.is_contiguous()
        laid_out = self._inside == torch.float32 and rows * uses >= _ROWS_IN_FP32
        laid_out |= self._inside == torch.bfloat16 and uses >= _PRODUCTS_IN_BF16[0 if straight else 1]
        near = laid_out or straight or self._inside == torch.float32
        self._fast = near and _onednn(matrix.device.type, self._inside)
        if self._fast and laid_out:
            self._matrix = torch.ops.mkldnn._reorder_linear_weight(self._matrix, rows)

    def __call__(self, left: Tensor, bias: Tensor | None = None) -> Tensor:
        """left [N, K] @ matrix.T (+ bias [M]): [N, M], all of the matrix's dtype."""
        left, bias = left.to(self._inside), None if bias is None else bias.to(self._inside)
        if self._fast:
            return torch.ops.mkldnn._linear_pointwise(left, self._matrix, bias, "none", [], "").to(self._dtype)
        return torch.nn.functional.linear(left, self._matrix, bias).to(self._dtype)


class OuterSum:
    """sum_n left_n right_n^T over rows that come a chunk at a time, as the gradient of a weight does: [A, B].

    In bf16 each chunk's product is rounded once and the sum of chunks is fp32. Columns of right beyond B are summed
    beside the weight's, which costs one product instead of two.

    Args:
        weight: [A, B], whose shape, dtype and device the sum has.

    >>> outer = OuterSum(torch.empty(2, 3))
    >>> outer.add(torch.ones(2, 2), torch.eye(2, 3))
    >>> outer.add(torch.ones(1, 2), torch.ones(1, 3))
    >>> outer.total()
    tensor([[2., 2., 1.],
            [2., 2., 1.]])
    """

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight
        self._sum: Tensor | None = None
        self._extra: Tensor | None = None  # beside it, where the sum itself is no wider than the weight
        self._part: Tensor | None = None  # memory of a rounded product, used again by the next chunk
        self._turned = False  # whether the sum lies as [B, A]: oneDNN is faster so

    def add(self, left: Tensor, right: Tensor) -> None:
        """Add the outer products of the rows of left [n, A] and right [n, B or more], of one dtype."""
        if left.dtype != self._weight.dtype:
            self._part = product(left.t(), right, out=self._part)
            within, beside = self._part.tensor_split([self._weight.shape[1]], 1)
            if self._sum is None or self._extra is None:
                self._sum, self._extra = within.to(self._weight.dtype), beside.to(self._weight.dtype)
                return
            for rows, part in zip(self._sum.split(_ADDED), within.split(_ADDED), strict=True):
                rows += part  # in blocks, as torch makes a copy of the part in the sum's dtype
            self._extra += beside
        elif _onednn(left.device.type, left.dtype):
            self._turned = True
            part = torch.ops.mkldnn._linear_pointwise(right.t(), left.t(), None, "none", [], "")
            self._sum = part if self._sum is None else self._sum.add_(part)
        elif self._sum is None:
            self._sum = torch.mm(left.t(), right)
        else:
            self._sum.addmm_(left.t(), right)

    def total(self) -> Tensor:
        """The sum, [A, B]: zeros where nothing was added."""
        if self._sum is None:
            return torch.zeros_like(self._weight)
        width = self._weight.shape[1]
        return turned(self._sum[:width]) if self._turned else self._sum[:, :width].contiguous()

    def beside(self, column: int) -> Tensor:
        """The sum in a column [A] beyond those of the weight: zeros where nothing was added."""
        if self._sum is None:
            return torch.zeros_like(self._weight[:, 0])
        if self._extra is not None:
            return self._extra[:, column].contiguous()
        return (self._sum.t() if self._turned else self._sum)[:, self._weight.shape[1] + column].contiguous()


def turned(matrix: Tensor) -> Tensor:
    """The transpose of a matrix [N, M], laid out anew: [M, N].

    >>> turned(torch.tensor([[1, 2], [3, 4]])).tolist()
    [[1, 3], [2, 4]]
    """
    made = matrix.new_empty(matrix.shape[1], matrix.shape[0])
    for columns, rows in zip(made.split(_TURNED, 1), matrix.split(_TURNED), strict=True):
        for block, part in zip(columns.split(_TURNED), rows.split(_TURNED, 1), strict=True):
            block.copy_(part.t())
    return made


def product(left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
    """left [N, K] @ right [K, M]: [N, M], all of one dtype."""
    inside = multiplied_in(left.dtype, left.device.type)
    if inside == left.dtype:
        return torch.mm(left, right, out=out)
    made = torch.mm(left.to(inside), right.to(inside))
    return made.to(left.dtype) if out is None else out.copy_(made)


def rounded_linear(left: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor:
    """left [..., K] @ weight.T, [M, K], by a product that reads and gives ``dtype``: [..., M], of left's own dtype.

    Of plain operations, differentiable any number of times.
    """
    inside = multiplied_in(dtype, left.device.type)
    read, matrix = left.to(dtype).to(inside), weight.to(dtype).to(inside)
    return torch.nn.functional.linear(read, matrix).to(dtype).to(left.dtype)


@cache
def multiplied_in(dtype: torch.dtype, device: str) -> torch.dtype:
    """What numbers of ``dtype`` are multiplied in: fp32 where the processor lacks arithmetic for bf16."""
    if dtype != torch.bfloat16 or device != "cpu":
        return dtype
    try:
        return dtype if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
    except (AttributeError, RuntimeError):  # a build without oneDNN
        return torch.float32


@cache
def on_intel(device: str) -> bool:
    """Whether torch's own products are those of a BLAS on the processors it was made for: MKL, on Intel's."""
    return device == "cpu" and torch.backends.mkl.is_available() and "Intel" in str(_processor().get("cpu_name", ""))


@cache
def has_amx() -> bool:
    """Whether the processor has tiles for bf16 products, and torch oneDNN, which uses them."""
    return bool(_processor().get("amx_bf16")) and torch.backends.mkldnn.is_available()


def _processor() -> Mapping[str, object]:
    """What torch knows of the processor."""
    return torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}


@cache
def _onednn(device: str, dtype: torch.dtype) -> bool:
    """Whether oneDNN's linear operators are the faster ones here, for this dtype; never for tests' double precision."""
    if device != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if dtype == torch.float32 and on_intel(device):
        return False
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return False
    try:
        operators = torch.ops.mkldnn
        sample = torch.eye(16, dtype=dtype)
        packed = operators._reorder_linear_weight(sample, 16)
        whole = operators._linear_pointwise(sample, packed, sample[0], "none", [], "")
        other = torch.arange(256).view(16, 16).to(dtype)
        turned = operators._linear_pointwise(sample, other.t(), None, "none", [], "")
        return torch.equal(whole, sample + sample[0]) and torch.equal(turned, other)
    except (AttributeError, RuntimeError):
        return False
