"""All figures of one model on one split, by the names that ``evaluation.json`` has.

Signs: what is maximised is a log-probability (``elbo``, ``objective``, ``autogen_*``: usually negative), what is
minimised is its opposite (``reconstruction``, ``kl``, ``nll_*``: usually positive), so elbo = -reconstruction - kl. All
are nats a sentence; a perplexity is exp of nats per token, ends of sentence counted. What a model does not define is
None, and so is what is infinite: ``impossible_sentences`` says how many have probability 0 under an exact model. Knows
nothing of runs or files.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from undersong.data.store import Split
from undersong.draw import FINAL, Draw
from undersong.errors import UserError
from undersong.evaluation.likelihood import TRUSTED, Likelihood, Refinement, likelihood
from undersong.evaluation.scoring import Scores, information, score
from undersong.evaluation.subset import fixed_subset
from undersong.inference.refined import proposes
from undersong.learning.system import System
from undersong.measures.information import cap
from undersong.measures.latent import active_units
from undersong.measures.perplexity import perplexity
from undersong.measures.rates import kl_percent
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
        same |= {"nll_is_sentences": "sentences", "nll_is_tokens": "tokens"}
        figures |= {name: figures[other] for name, other in same.items()} | {"nll_is_se": 0.0}
    if is_density(system.model):
        figures |= {name: None for name in figures if name.startswith("ppl")}
    return Judgement({name: finite(value) for name, value in figures.items()}, scores, sampled)


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
    value = None if scores.draw is None else objective(system, scores.draw)
    found |= {"elbo": _mean(scores.elbo), "reconstruction": _mean(scores.distortion), "kl": _mean(scores.rate)}
    found["objective"] = _mean(value)
    if found["kl"] is not None and found["objective"] is not None:
        found["kl_percent"] = kl_percent(found["kl"], system.objective.kl_factor(FINAL), found["objective"])
    if found["elbo"] is not None:
        found["ppl_elbo"] = perplexity(-found["elbo"] * len(scores.rows), int(scores.tokens.sum()))
    return found


def _mean(values: torch.Tensor | None) -> float | None:
    return None if values is None else float(values.cpu().double().mean())


def _latent(system: System, scores: Scores) -> Figures:
    """How much of the code is used, and how much it says."""
    found: Figures = dict.fromkeys(
        ("active_units", "mutual_information", "mutual_information_cap", "mutual_information_estimator")
    )
    if scores.means is not None:
        found["active_units"] = active_units(scores.means)
    told = information(system, scores)
    if told is not None:
        found["mutual_information"] = _mean(told)
        found["mutual_information_cap"] = cap(len(scores.rows))
        found["mutual_information_estimator"] = ESTIMATOR
    return found


def _exact(scores: Scores) -> Figures:
    if scores.exact is None:
        return dict.fromkeys(("nll_exact", "ppl_exact", "impossible_sentences"))
    nats = -scores.exact.cpu().double().numpy()
    found: Figures = {"nll_exact": float(nats.mean()), "impossible_sentences": int(np.isposinf(nats).sum())}
    return {**found, "ppl_exact": perplexity(float(nats.sum()), int(scores.tokens.sum()))}


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
        "ppl_is": perplexity(-float(found.log_p.sum()), int(found.tokens.sum())),
        "autogen_generation": float(found.log_p.mean()),
        "autogen_reconstruction": float(found.reconstruction.mean()),
    }


def _elbo_of(scores: Scores, sampled: Likelihood | None) -> float | None:
    """The ELBO of the sentences whose likelihood was sampled: what that likelihood may be set against."""
    each = scores.elbo
    if sampled is None or each is None:
        return None
    return _mean(each[torch.from_numpy(np.isin(scores.rows, sampled.rows)).to(each.device)])


def finite(value: Any) -> Any:
    """The value as a number of Python's; None for what is infinite or no number, which JSON cannot hold."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
