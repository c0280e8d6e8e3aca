"""On CUDA the same numbers as on a CPU, through cuDNN's layers and our kernel. Skipped where there is no CUDA."""

from functools import partial

import pytest
import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.inference import Amortized
from undersong.models import VAE
from undersong.nets import GRU, LSTM, RecurrentDecoder, RecurrentEncoder
from undersong.nets.precision import BF16, FP32, PLAIN, Precision, using
from undersong.nets.recurrent import Recurrent
from undersong.nets.vocabulary import Vocabulary

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")


def both(precision: Precision, layer: torch.nn.Module, *given: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Value and gradients of what a layer gives: plain on the CPU, and at ``precision`` on CUDA."""

    def run(device: str, how: Precision) -> list[Tensor]:
        there = layer.to(device)
        roots = [t.detach().to(device).requires_grad_() if t.is_floating_point() else t.to(device) for t in given]
        with using(there, how):
            found = there.log_prob(*roots) if isinstance(there, Vocabulary) else there(*roots)[0]
            wanted = [*(t for t in roots if t.requires_grad), *there.parameters()]
            gradients = torch.autograd.grad(found.square().mean(), wanted)
        return [t.detach().cpu() for t in (found, *gradients)]

    return run("cpu", PLAIN), run("cuda", precision)


@pytest.mark.parametrize(("precision", "near"), [(FP32, 1e-4), (BF16, 0.02)])
def test_the_vocabulary(precision: Precision, near: float) -> None:
    torch.manual_seed(0)
    layer, hidden, targets = Vocabulary(9001, 64), torch.randn(300, 64), torch.randint(9001, (300,))
    for a, b in zip(*both(precision, layer, hidden, targets), strict=True):
        assert float((a - b).norm() / a.norm()) < near


@pytest.mark.parametrize(("precision", "near"), [(FP32, 1e-4), (BF16, 0.02)])
@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_recurrent_layers(kind: type[Recurrent], precision: Precision, near: float) -> None:
    torch.manual_seed(0)
    for a, b in zip(*both(precision, kind(20, 32), torch.randn(6, 9, 20)), strict=True):
        assert float((a - b).norm() / a.norm()) < near


def test_a_sentences_figures() -> None:
    torch.manual_seed(0)
    encoder, decoder = partial(RecurrentEncoder, hidden=32), partial(RecurrentDecoder, hidden=32)
    model, inference = VAE(500, 4, decoder), Amortized(500, 4, encoder)
    x, z = Batch.of([[5, 6, 7], [8], [400, 2]]), torch.randn(3, 3, 4)
    with torch.no_grad():
        here = model.log_likelihood(x, z), inference(model, x, 0).mean
        there = model.cuda().log_likelihood(x.to("cuda"), z.cuda()), inference.cuda()(model, x.to("cuda"), 0).mean
    for a, b in zip(here, there, strict=True):
        torch.testing.assert_close(a, b.cpu(), rtol=1e-4, atol=1e-3)
