"""What posteriors look like: figures for a page, with captions that say what is seen (IGP, Figures 1 and 4).

Knows nothing of how they are drawn (``shapes``) or computed (``evaluation.shape``).
"""

from collections.abc import Mapping, Sequence
from functools import partial

from undersong.evaluation.shape import pictured
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.measures.shape import FEWEST, neighbours
from undersong.report.drawn import Drawn
from undersong.report.evidence import Evidence, names
from undersong.report.html import Block, Paragraph, Section
from undersong.report.shapes import Arrays, histograms, scatter, scatter_said

MOST = 6  # models in a row of panels


def pictures(models: Mapping[str, Arrays], where: str, suffix: str = "") -> list[Drawn | Paragraph]:
    """Both figures of some models on one corpus; a sentence in the place of one that cannot be drawn.

    Args:
        models: by name, what ``evaluation.shape.pictured`` found.
        where: whose sentences they are of: "the test split of wordnet".
        suffix: of the figures' names.
    """
    count = max(len(found["mean"]) for found in models.values())
    first = (
        f"Means (above) and variances (below) of q(z|x) over {count:,} sentences of {where}, a histogram for each "
        "dimension, all drawn to the same height; the models share the axes (IGP, Figure 1). A dimension is active "
        "where the variance of its mean is over 0.01."
    )
    found: list[Drawn | Paragraph] = [Drawn(f"posterior-histograms{suffix}", first, partial(histograms, dict(models)))]
    placed = {name: arrays for name, arrays in models.items() if "xy" in arrays}
    without = [name for name in models if name not in placed]
    if placed:
        points = max(len(arrays["xy"]) for arrays in placed.values())
        second = (
            f"t-SNE of the posterior means of {points:,} sentences of {where}, perplexity {neighbours(points):.3g}; "
            f"{scatter_said(placed)} (IGP, Figure 4)."
        )
        found.append(Drawn(f"posterior-tsne{suffix}", second, partial(scatter, placed)))
    if without:
        text = f"No t-SNE of {', '.join(without)} on {where}: it needs at least {FEWEST} sentences."
        found.append(Paragraph(text))
    return found


def posteriors(runs: Sequence[Evidence], split: str, sentences: int) -> Section:
    """Both figures of all judged runs with a vector z, those of one corpus side by side; of six runs at most.

    Args:
        runs: what is compared.
        split: whose sentences.
        sentences: at most so many of them; 0 for no figures.
    """
    title = "What the posteriors look like"
    chosen = [run for run in runs if run.latent and run.figures and run.corpus is not None]
    if not sentences or not chosen:
        return Section(title, ())
    if len(chosen) > MOST:
        return Section(title, (Paragraph(f"Drawn of at most {MOST} runs, and there are {len(chosen)}."),))
    blocks: list[Block] = []
    corpora: dict[str, list[Evidence]] = {}
    for run in chosen:
        corpora.setdefault(str(run.run.info.get("corpus")), []).append(run)
    folders = names([alike[0].corpus.folder for alike in corpora.values() if alike[0].corpus is not None])
    for folder, alike in zip(folders, corpora.values(), strict=True):
        models = {run.name: arrays for run in alike if (arrays := _arrays(run, split, sentences)) is not None}
        if models:
            found = pictures(models, f"the {split} split of {folder}")
            blocks += [one.picture() if isinstance(one, Drawn) else one for one in found]
    return Section(title, tuple(blocks))


def _arrays(run: Evidence, split: str, sentences: int) -> Arrays | None:
    assert run.corpus is not None
    try:
        return pictured(Subject(run.run.system, run.corpus, split=split, sentences=sentences))
    except NotApplicable:  # a latent variable that is no vector
        return None
