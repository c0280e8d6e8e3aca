"""All figures of one model on one split, by the names that ``evaluation.json`` has.

Signs: what is maximised is a log-probability (``elbo``, ``objective``, ``autogen_*``: usually negative), what is
minimised is its opposite (``reconstruction``, ``kl``, ``nll_*``: usually positive), so elbo = -reconstruction - kl. All
are nats a sentence; a perplexity is exp of nats per token, ends of sentence counted. What a model does not define is
None. Knows nothing of runs or files.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from undersong.data.store import Split
from undersong.decoding.progress import shown
from undersong.draw import FINAL, Draw
from undersong.errors import UserError
from undersong.evaluation.likelihood import TRUSTED, Likelihood, Refinement, likelihood
from undersong.evaluation.scoring import Scores, score
from undersong.evaluation.subset import fixed_subset
from undersong.inference.refined import proposes
from undersong.learning.system import System
from undersong.measures.information import cap, mutual_information
from undersong.measures.latent import active_units
from undersong.models.base import is_density

Figures = dict[str, Any]
ESTIMATOR = "mean of log q(z|x) - log 1/N sum_j q(z|x_j) over the N sentences of the split"


@dataclass(frozen=True)
class Judgement:
    """What was found.

    Attributes:
        figures: by name, None where a figure is not defined.
        scores: what they came from, by sentence.
        sampled: the importance-sampled likelihoods, of some sentences; None where they are not defined or exact.
    """

    figures: Figures
    scores: Scores
    sampled: Likelihood | None


def judge(
    system: System,
    split: Split,
    samples: int = 500,
    subset: int | None = 500,
    seed: int = 0,
    refine: bool | None = None,
    refinement: Refinement = Refinement(),  # noqa: B008 (a frozen value)
) -> Judgement:
    """Judge any model.

    Args:
        system: the trained system; it is put into evaluation mode, and computes in whatever precision it is set to.
        split: the sentences; at least one.
        samples: for the importance-sampled likelihood of each sentence; at least 1.
        subset: how many sentences have their likelihood sampled, always the same ones; None for all.
        seed: of all noise.
        refine: whether each posterior is refined to the ELBO before it proposes importance samples; by default for
            models whose objective is neither the ELBO nor IWAE.
        refinement: how.

    Raises:
        UserError: there is no sentence, or no sample is asked for.
    """
    if samples < 1 or (subset is not None and subset < 1):
        raise UserError(f"Importance sampling takes at least one sample of one sentence, not {samples} of {subset}.")
    if not len(split):
        raise UserError("The split is empty: choose another one.")
    system.eval()
    scores = score(system, split, seed)
    sampled, refined = None, False
    if scores.exact is None and scores.z is not None and scores.draw is not None and scores.draw.log_qz is not None:
        wanted = not bounds_log_p(system, scores.draw) if refine is None else refine
        refined = wanted and proposes(system.inference)
        rows = fixed_subset(split, subset)
        sampled = likelihood(system, split, rows, samples, seed, refinement if refined else None)
    figures = {**_bounds(system, scores), **_latent(system, scores), **_exact(scores), **_sampled(sampled)}
    figures |= {"elbo_subset": _elbo_of(scores, sampled)}
    figures |= {"nll_is_refined": refined if sampled else None, "samples": samples, "seed": seed}
    figures |= {"sentences": len(scores.rows), "tokens": int(scores.tokens.sum())}
    if scores.exact is not None:  # every importance weight of an exact posterior is p(x)
        same = {"nll_is": "nll_exact", "ppl_is": "ppl_exact", "autogen_generation": "elbo"}
        figures |= {name: figures[other] for name, other in same.items()}
        figures |= {"nll_is_sentences": len(scores.rows), "nll_is_se": 0.0}
    if is_density(system.model):
        figures |= {name: None for name in figures if name.startswith("ppl")}
    return Judgement({name: _finite(value) for name, value in figures.items()}, scores, sampled)


def bounds_log_p(system: System, d: Draw) -> bool:
    """Whether the objective, at its final coefficients and on these very sentences, is the ELBO or IWAE."""
    value = system.objective(d)
    return any(torch.allclose(value, other, rtol=1e-5, atol=1e-3) for other in (d.mean(d.log_px) - d.kl, _iwae(d)))


def objective(system: System, d: Draw) -> torch.Tensor | None:
    """The run's own objective at its final coefficients: [N] (or one number where sentences share a term), nats; None
    where it needs a density that q does not have."""
    return None if d.parts is None and system.objective.needs_density else system.objective(d)


def _iwae(d: Draw) -> torch.Tensor:
    return d.log_mean_exp(d.log_w)


def _bounds(system: System, scores: Scores) -> Figures:
    """The ELBO, its two terms, the run's own objective and the share of the KL in it."""
    names = ("elbo", "reconstruction", "kl", "ppl_elbo", "objective", "kl_percent")
    found: Figures = dict.fromkeys(names)
    d = scores.draw
    if scores.exact is not None:
        found["elbo"] = float(scores.exact.cpu().double().mean())
    if d is not None:
        value = objective(system, d)
        found["objective"] = None if value is None else float(value.cpu().double().mean())
        if d.parts is None or d.parts.shape[1]:
            found["reconstruction"] = -float(d.mean(d.log_px).cpu().double().mean())
        if d.parts is not None and d.parts.shape[1]:
            found["kl"] = float(d.kl.cpu().double().mean())
            if found["objective"] is not None and found["objective"] < 0:
                found["kl_percent"] = 100 * system.objective.kl_factor(FINAL) * found["kl"] / -found["objective"]
        if scores.exact is None and d.parts is not None:
            found["elbo"] = float((d.mean(d.log_px) - d.kl).cpu().double().mean())
    if found["elbo"] is not None:
        found["ppl_elbo"] = perplexity(-found["elbo"] * len(scores.rows), scores.tokens)
    return found


def _latent(system: System, scores: Scores) -> Figures:
    """How much of the code is used, and how much it says."""
    found: Figures = dict.fromkeys(
        ("active_units", "mutual_information", "mutual_information_cap", "mutual_information_estimator")
    )
    if scores.means is not None:
        found["active_units"] = active_units(scores.means)
    d, z = scores.draw, scores.z
    if system.model.latent and d is not None and d.log_qz is not None and z is not None:
        walk = shown(_Sized.all(scores.posteriors), len(scores.rows), "mutual information")
        each = mutual_information(scores.posteriors, z, (part.q for part in walk))
        found["mutual_information"] = float(each.mean())
        found["mutual_information_cap"] = cap(len(scores.rows))
        found["mutual_information_estimator"] = ESTIMATOR
    return found


def _exact(scores: Scores) -> Figures:
    if scores.exact is None:
        return {"nll_exact": None, "ppl_exact": None}
    nats = -scores.exact.cpu().double().numpy()
    return {"nll_exact": float(nats.mean()), "ppl_exact": perplexity(float(nats.sum()), scores.tokens)}


_SAMPLED = (
    *("nll_is", "nll_is_se", "nll_is_sentence_se", "nll_is_ess", "nll_is_ess_min", "nll_is_ess_under_50"),
    *("nll_is_marked", "nll_is_sentences", "nll_is_tokens", "ppl_is", "autogen_generation", "autogen_reconstruction"),
)


def _sampled(found: Likelihood | None) -> Figures:
    """The importance-sampled likelihood, its errors, and AutoGen's two terms."""
    if found is None:
        return dict.fromkeys(_SAMPLED)
    count = len(found.rows)
    return {
        "nll_is": -float(found.log_p.mean()),
        "nll_is_se": float(np.sqrt(np.square(found.error).sum()) / count),
        "nll_is_sentence_se": float(found.log_p.std(ddof=1) / math.sqrt(count)) if count > 1 else None,
        "nll_is_ess": float(found.effective.mean()),
        "nll_is_ess_min": float(found.effective.min()),
        "nll_is_ess_under_50": float(found.marked.mean()),
        "nll_is_marked": bool(found.effective.mean() < TRUSTED),
        "nll_is_sentences": count,
        "nll_is_tokens": int(found.tokens.sum()),
        "ppl_is": perplexity(-float(found.log_p.sum()), found.tokens),
        "autogen_generation": float(found.log_p.mean()),
        "autogen_reconstruction": float(found.reconstruction.mean()),
    }


def _elbo_of(scores: Scores, sampled: Likelihood | None) -> float | None:
    """The ELBO of the sentences whose likelihood was sampled: what that likelihood may be set against."""
    d = scores.draw
    if sampled is None or d is None:
        return None
    chosen = torch.from_numpy(np.isin(scores.rows, sampled.rows)).to(d.log_px.device)
    return float((d.mean(d.log_px) - d.kl)[chosen].cpu().double().mean())


def perplexity(nats: float, tokens: np.ndarray) -> float:
    """exp of nats per token: the sum over sentences of a bound on -log p(x), over all their tokens.

    >>> round(perplexity(2 * math.log(8), np.array([2])), 6)
    8.0
    """
    try:
        return math.exp(nats / int(tokens.sum()))
    except OverflowError:
        return math.inf


@dataclass(frozen=True)
class _Sized:
    """A batch of posteriors that knows how many it holds, for the bar."""

    q: torch.distributions.Distribution

    def __len__(self) -> int:
        return int(self.q.batch_shape[0])

    @staticmethod
    def all(posteriors: list[torch.distributions.Distribution]) -> "list[_Sized]":
        return [_Sized(q) for q in posteriors]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
