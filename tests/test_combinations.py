"""Every combination takes a gradient step, and its gradients are those of a loss written again from the formulas.

The second loss shares no code with the first: it reads the parameters by name and computes sentence by sentence in
float64, without batches, padding or fused kernels; only the noise is the same.
"""

import itertools
import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.estimators import Pathwise
from undersong.families import DiagonalGaussian, IsotropicGaussian, LearnedPrior, Mixture, PointMass, StandardPrior
from undersong.inference import Amortized, Exact
from undersong.learning import Gradient, System
from undersong.models import VAE, LanguageModel
from undersong.nets import GRU, LSTM, RecurrentDecoder, RecurrentEncoder
from undersong.objectives import (
    ELBO,
    IWAE,
    Autoencoder,
    AutoGen,
    Beta,
    Cyclical,
    FreeBitsDimension,
    FreeBitsMeanDimension,
    FreeBitsSentence,
    Linear,
    Logistic,
    Objective,
    TargetMeanRate,
    TargetRate,
)

V, D, E, H, K, STEP = 11, 3, 4, 5, 2, 6
SENTENCES = [[5, 9, 4, 10], [7, 4], [8], [6, 6, 5]]
Terms = tuple[Tensor, Tensor, Tensor, Tensor]  # log_px [S, B], KL by part [B, G], log_pz [S, B], log_qz [S, B]

FAMILIES = {"diagonal": DiagonalGaussian, "isotropic": IsotropicGaussian, "point": PointMass}
PRIORS: dict[str, Any] = {
    "standard": StandardPrior,
    "MoG": partial(LearnedPrior, family=partial(Mixture, components=K)),
    "MoIG": partial(LearnedPrior, family=partial(Mixture, components=K, component=IsotropicGaussian)),
}
CELLS = {"LSTM": LSTM, "GRU": GRU}
NETS = {  # the encoder's cell, the decoder's, and whether its word vectors are tied
    "LSTM": ("LSTM", "LSTM", False),
    "GRU, tied": ("GRU", "GRU", True),
    "GRU to LSTM, tied": ("GRU", "LSTM", True),
    "LSTM to GRU": ("LSTM", "GRU", False),
}
ENTERING = {"inputs": (True, False), "state": (False, True), "both": (True, True)}

# Each objective beside its formula over the terms, coefficients worked out by hand for STEP.
OBJECTIVES: dict[str, tuple[Objective, Any]] = {
    "ELBO": (ELBO(2), lambda x, k, p, q: x.mean(0) - k.sum(1)),
    "AutoGen(-0.5)": (AutoGen(-0.5, 2), lambda x, k, p, q: 0.5 * x.mean(0) - k.sum(1)),
    "AutoGen(2.5)": (AutoGen(2.5, 2), lambda x, k, p, q: 3.5 * x.mean(0) - k.sum(1)),
    "AutoGen(linear)": (AutoGen(Linear(9.0, 1.0, steps=8)), lambda x, k, p, q: 4.0 * x.mean(0) - k.sum(1)),
    "Beta(0.3)": (Beta(0.3, 2), lambda x, k, p, q: x.mean(0) - 0.3 * k.sum(1)),
    "Beta(linear)": (Beta(Linear(0.0, 1.0, steps=10, wait=2)), lambda x, k, p, q: x.mean(0) - 0.4 * k.sum(1)),
    "Beta(logistic)": (
        Beta(Logistic(0.0, 1.0, middle=4, sharpness=0.5)),
        lambda x, k, p, q: x.mean(0) - k.sum(1) / (1 + math.exp(-1.0)),
    ),
    "Beta(cyclical)": (Beta(Cyclical(0.0, 1.0, steps=20, cycles=2)), lambda x, k, p, q: x.mean(0) - k.sum(1)),
    "TargetRate": (TargetRate(0.4, 1.5, 2), lambda x, k, p, q: x.mean(0) - 1.5 * (k.sum(1) - 0.4).abs()),
    "TargetRate(linear)": (
        TargetRate(Linear(0.0, 1.0, steps=12), Linear(1.0, 3.0, steps=12)),
        lambda x, k, p, q: x.mean(0) - 2.0 * (k.sum(1) - 0.5).abs(),
    ),
    "TargetMeanRate": (TargetMeanRate(3.0, 2.0, 2), lambda x, k, p, q: x.mean(0) - 2.0 * (k.sum(1).mean() - 3.0).abs()),
    "TargetMeanRate(linear)": (
        TargetMeanRate(Linear(0.0, 0.2, steps=12)),
        lambda x, k, p, q: x.mean(0) - (k.sum(1).mean() - 0.1).abs(),
    ),
    "FreeBitsSentence": (FreeBitsSentence(0.6, 2), lambda x, k, p, q: x.mean(0) - torch.relu(k.sum(1) - 0.6) - 0.6),
    "FreeBitsSentence(linear)": (
        FreeBitsSentence(Linear(0.0, 1.0, steps=12)),
        lambda x, k, p, q: x.mean(0) - torch.relu(k.sum(1) - 0.5) - 0.5,
    ),
    "FreeBitsDimension": (
        FreeBitsDimension(0.2, 2),
        lambda x, k, p, q: x.mean(0) - (torch.relu(k - 0.2) + 0.2).sum(1),
    ),
    "FreeBitsDimension(linear)": (
        FreeBitsDimension(Linear(0.0, 0.2, steps=12)),
        lambda x, k, p, q: x.mean(0) - (torch.relu(k - 0.1) + 0.1).sum(1),
    ),
    "FreeBitsMeanDimension": (
        FreeBitsMeanDimension(0.2, 2),
        lambda x, k, p, q: x.mean(0) - (torch.relu(k.mean(0) - 0.2) + 0.2).sum(),
    ),
    "FreeBitsMeanDimension(linear)": (
        FreeBitsMeanDimension(Linear(0.0, 0.2, steps=12)),
        lambda x, k, p, q: x.mean(0) - (torch.relu(k.mean(0) - 0.1) + 0.1).sum(),
    ),
    "IWAE": (IWAE(3), lambda x, k, p, q: ((x + p - q).exp().sum(0) / 3).log()),
    "Autoencoder": (Autoencoder(2), lambda x, k, p, q: x.mean(0)),
}


def make(family: str, prior: str, nets: str, entering: str, objective: Objective) -> System:
    """A small system with parameters far enough from zero that every term matters; without a family, the baseline."""
    torch.manual_seed(1)
    (reading, writing, tied), (to_inputs, to_state) = NETS[nets], ENTERING[entering]
    decoder = partial(RecurrentDecoder, embedding=E, hidden=H, tied=tied, layer=CELLS[writing])
    if family == "none":
        return stirred(System(LanguageModel(V, decoder), Exact(V, 0), Pathwise(), objective))
    decoder = partial(decoder, z_to_inputs=to_inputs, z_to_state=to_state)
    encoder = partial(RecurrentEncoder, embedding=E, hidden=H, layer=CELLS[reading])
    model = VAE(V, D, decoder, PRIORS[prior])
    return stirred(System(model, Amortized(V, D, encoder, FAMILIES[family]), Pathwise(), objective))


def stirred(system: System) -> System:
    """Its parameters, moved by the same random numbers each time."""
    with torch.no_grad():
        for parameter in system.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return system


def cell_step(
    kind: str, w: dict[str, Tensor], read: Tensor, state: list[Tensor], fixed: Tensor | float
) -> list[Tensor]:
    """One step of a cell for S samples, from what was read [E] and the state [S, H]."""
    gates = w["weight_input"] @ read + fixed + w["bias"]  # [S, G] or [G]
    h = state[0]
    fed = h @ w["weight_hidden"].T
    if kind == "LSTM":
        i, f, o, g = (gates + fed).expand(len(h), -1).split(H, 1)
        c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        return [torch.sigmoid(o) * torch.tanh(c), c]
    gates = gates.expand(len(h), -1)
    r = torch.sigmoid(gates[:, :H] + fed[:, :H])
    u = torch.sigmoid(gates[:, H : 2 * H] + fed[:, H : 2 * H])
    n = torch.tanh(gates[:, 2 * H :] + r * (fed[:, 2 * H :] + w["bias_hidden"]))
    return [(1 - u) * n + u * h]


def part(w: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): v for name, v in w.items() if name.startswith(prefix)}


def reconstruction(w: dict[str, Tensor], nets: str, entering: str, words: list[int], z: Tensor) -> Tensor:
    """log p(x|z) of one sentence for z [S, D]: [S]; without z, log p(x)."""
    _, cell, tied = NETS[nets]
    layer = part(w, "model.decoder.layer.")
    to_inputs, to_state = ENTERING[entering] if z.shape[1] else (False, False)
    embed = w["model.decoder.embed.weight"]
    output = embed if tied else w["model.decoder.vocabulary.weight"]
    states = 2 if cell == "LSTM" else 1
    state = [z.new_zeros(len(z), H) for _ in range(states)]
    if to_state:
        first = z @ w["model.decoder.first.weight"].T + w["model.decoder.first.bias"]
        state = [torch.tanh(first[:, :H]), *([first[:, H:]] if states == 2 else [])]
    fixed = z @ layer["weight_constant"].T if to_inputs else 0.0
    total = z.new_zeros(len(z))
    for word, target in zip([2, *words], [*words, 3], strict=True):
        state = cell_step(cell, layer, embed[word], state, fixed)
        hidden = state[0]
        if tied:
            hidden = hidden @ w["model.decoder.narrow.weight"].T + w["model.decoder.narrow.bias"]
        logits = hidden @ output.T + w["model.decoder.vocabulary.bias"]
        total = total - torch.nn.functional.cross_entropy(logits, torch.full((len(z),), target), reduction="none")
    return total


def gaussian(z: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    return -0.5 * ((z - mean) ** 2 / variance + torch.log(2 * torch.pi * variance)).sum(-1)


def log_prior(w: dict[str, Tensor], prior: str, z: Tensor) -> Tensor:
    if prior == "standard":
        return gaussian(z, torch.zeros_like(z), torch.ones_like(z))
    params = w["model.p_z.params"]
    shares, members = params[:K].softmax(0), params[K:].view(K, -1)
    each = [gaussian(z, m[:D], m[D:].exp().expand(D)).exp() for m in members]
    return sum(s * d for s, d in zip(shares, each, strict=True)).log()  # type: ignore[union-attr]


def terms(w: dict[str, Tensor], family: str, prior: str, nets: str, entering: str, noise: Tensor) -> Terms:
    """The four terms, a sentence at a time."""
    columns: list[Terms] = []
    reading = NETS[nets][0]
    for b, words in enumerate(SENTENCES):
        if family == "none":
            nothing = noise.new_zeros(len(noise))
            columns.append(
                (reconstruction(w, nets, entering, words, nothing[:, None][:, :0]), nothing[:0], nothing, nothing)
            )
            continue
        state = [noise.new_zeros(1, H) for _ in range(2)]
        for word in words:
            state = cell_step(
                reading, part(w, "inference.encoder.layer."), w["inference.encoder.embed.weight"][word], state, 0.0
            )
        params = w["inference.head.weight"] @ state[0][0] + w["inference.head.bias"]
        mean = params[:D]
        if family == "point":
            z = mean.expand(len(noise), D)
            log_px = reconstruction(w, nets, entering, words, z)
            columns.append((log_px, mean, log_px, log_px))
            continue
        variance = params[D:].exp().expand(D)
        z = mean + variance.sqrt() * noise[:, b]
        log_pz, log_qz = log_prior(w, prior, z), gaussian(z, mean, variance)
        kl = 0.5 * (variance + mean**2 - 1 - variance.log()) if prior == "standard" else (log_qz - log_pz).mean()[None]
        columns.append((reconstruction(w, nets, entering, words, z), kl, log_pz, log_qz))
    px, kl, pz, qz = zip(*columns, strict=True)
    return torch.stack(px, 1), torch.stack(kl), torch.stack(pz, 1), torch.stack(qz, 1)


# Each family, prior and way in meets one loose and one tied decoder, and both pairs of nets in turn: all 4 would take
# twice the time and add no formula.
COMBINATIONS = [
    (*choice, nets)
    for at, choice in enumerate(itertools.product(FAMILIES, PRIORS, ENTERING))
    for nets in list(NETS)[at % 2 * 2 :][:2]
]
BASELINES = [("none", "standard", "both", nets) for nets in NETS]


@pytest.mark.parametrize(("family", "prior", "entering", "nets"), COMBINATIONS + BASELINES)
def test_gradients_are_those_of_the_dense_loss(family, prior, entering, nets):
    x = Batch.of(SENTENCES)
    for name, (objective, formula) in OBJECTIVES.items():
        system = make(family, prior, nets, entering, objective)
        if family == "point" and objective.needs_density:
            with pytest.raises(UserError, match="point mass"):
                system.loss(x, STEP)
            continue
        torch.manual_seed(2)
        _, loss = system.loss(x, STEP)
        loss.backward()
        torch.manual_seed(2)
        noise = torch.normal(torch.zeros(objective.samples, len(x), D), 1.0).double()
        w = {n: p.detach().double().requires_grad_() for n, p in system.named_parameters()}
        expected = -formula(*terms(w, family, prior, nets, entering, noise)).mean()
        expected.backward()
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5), name
        scale = max(v.grad.abs().max().item() for v in w.values() if v.grad is not None)
        for n, p in system.named_parameters():
            grad = torch.zeros_like(p) if p.grad is None else p.grad
            other = torch.zeros_like(grad).double() if w[n].grad is None else w[n].grad
            assert (grad.double() - other).abs().max().item() < 1e-5 * scale, (name, n)
        before = [p.detach().clone() for p in system.parameters()]
        found = Gradient(system).step(x, STEP)
        assert math.isfinite(found["loss"].item())
        assert any(not torch.equal(old, new) for old, new in zip(before, system.parameters(), strict=True)), name


@pytest.mark.parametrize("family", ["diagonal", "isotropic"])
@pytest.mark.parametrize("m", [-0.5, 1.0, 4.0])
def test_autogen_is_beta_up_to_a_factor(family, m):
    """Mansbridge et al. 2019, section 4: beta = 1 / (1 + m), before clipping and weight decay."""
    gradients = []
    for objective in (AutoGen(m), Beta(1 / (1 + m))):
        system = make(family, "standard", "LSTM", "both", objective)
        torch.manual_seed(3)
        system.loss(Batch.of(SENTENCES), 0)[1].backward()
        gradients.append([p.grad for p in system.parameters()])
    for autogen, beta in zip(*gradients, strict=True):
        torch.testing.assert_close(autogen, (1 + m) * beta, rtol=1e-4, atol=1e-6)
