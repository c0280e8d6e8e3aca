"""``train``: a corpus and six choices to a run's folder.

Its signature is the configuration of a run: what the command line takes, what ``config.yaml`` holds, and what can be
trained from again. Knows nothing of how a step is made or what is shown.
"""

import os
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

from torch import nn

from undersong.errors import UserError
from undersong.estimators import Estimator, Pathwise
from undersong.flags import telling
from undersong.inference import Amortized, Inference
from undersong.learning.base import Learner
from undersong.learning.configuration import CONFIG, configuration
from undersong.learning.gradient import Gradient
from undersong.learning.run import Run
from undersong.learning.start import go_on, start
from undersong.learning.system import System
from undersong.models import VAE
from undersong.objectives import ELBO, Objective
from undersong.settings import need, need_text


@telling
def train(
    corpus: Path,
    *,
    out: Path,
    model: Callable[[int], nn.Module] = VAE,
    inference: Callable[[int, int], Inference] = Amortized,
    estimator: Estimator = Pathwise(),  # noqa: B008 (it keeps nothing)
    objective: Objective = ELBO(),  # noqa: B008 (the same)
    learner: Callable[[System], Learner] = Gradient,
    sentences: int = 128,
    tokens: int | None = None,
    epochs: int = 10,
    steps: int | None = None,
    patience: int | None = None,
    seeds: list[int] = [0],  # noqa: B006 (a list on the command line; never changed)
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    validation_sentences: int | None = 2000,
    validation_steps: int | None = None,
    checkpoint_seconds: float = 120.0,
    resume: bool = False,
    quiet: bool = False,
    told: Set[str] = frozenset(),
) -> list[Run]:
    """Train a model on a corpus, and write a run's folder.

    A run is a function of these arguments alone: stopped in any way and resumed, it ends (on a CPU) with the same
    weights, bit for bit. Device, precision and threads are resolved once and written into the run's ``config.yaml``
    with every other choice; training from that file again gives the same weights too.

    Args:
        corpus: a folder written by ``undersong prepare``.
        out: the run's folder, which must not exist yet; with several seeds, a folder of runs ``seed-N``.
        model: p(x, z), given the size of the vocabulary: VAE, LanguageModel, ContinuousNaiveBayes; MixtureOfUnigrams,
            MixtureOfRNNs, MixtureOfExperts, GaussianMixture; HMM, NeuralHMM, GaussianHMM, FactorialHMM, SemiMarkovHMM;
            PCFG, NeuralPCFG, CompoundPCFG; DMV, NeuralDMV; or one of your own. ``--model.help VAE`` tells its choices.
        inference: where q(z|x) comes from, given the sizes of the vocabulary and of z. A model that computes its own
            posterior, such as ``HMM``, is given ``Exact`` if this is left as it is; ``Observed`` believes annotation.
        estimator: how a gradient gets through a sample of z; a model that computes its own posterior over discrete z is
            given ``Marginal``, which sums z out, if this is left as it is.
        objective: what is maximised, in nats a sentence.
        learner: what one step is, given the system; it holds the learning rate.
        sentences: largest number of sentences in a batch.
        tokens: if given, batches are bounded by this number of words (padding and ends included) and not by sentences.
            A gradient step weighs every batch alike, so that long sentences, fewer in a batch, then weigh more.
        epochs: times that each sentence is seen.
        steps: if given, the last step, even inside an epoch; epochs then do not count.
        patience: stop after so many validations without a better held-out value of the run's own objective, counted
            only once the objective's schedules have ended, and only where the parameters have changed since the one
            before; by default all epochs are done. The best is kept either way.
        seeds: one run for each; whole numbers of 64 bits.
        device: auto, cpu, cuda or mps.
        precision: auto (whichever the machine is faster at), fp32, or bf16 (matrix products only).
        threads: CPU threads; by default what torch takes.
        validation_sentences: held-out sentences looked at, spread over the validation split; null for all.
        validation_steps: steps between two looks; by default one epoch.
        checkpoint_seconds: time between two checkpoints; one is also written whenever the held-out value is the best.
        resume: go on with the run in ``out`` (or begin it, if there is none). What is not given here, the corpus
            apart, is taken from the run; what is given must agree with it, but for epochs, steps, patience and
            checkpoint_seconds. ``--config RUN/config.yaml`` gives all of it.
        quiet: show nothing but errors.

    Returns:
        The runs, one for each seed, each with its best checkpoint's system.

    Raises:
        UserError: the corpus, the folder, a choice or a combination of choices cannot be used, or the loss is no
            longer a number.
    """
    given = configuration(train, {name: value for name, value in locals().items() if name != "told"})
    _check_counts(given)
    folders = {seed: Path(out) if len(seeds) == 1 else Path(out) / f"seed-{seed}" for seed in seeds}
    if not seeds or len(folders) < len(seeds):
        raise UserError(f"seeds {seeds}: give at least one, each once.")
    if any(not -(2**63) <= seed < 2**63 for seed in seeds):
        raise UserError(f"seeds {seeds}: each must be a whole number of 64 bits, from -2^63 to 2^63 - 1.")
    if len(seeds) > 1 and (Path(out) / CONFIG).exists():
        raise UserError(f"{out} is a run of one seed: of several, --out is the folder that holds their runs.")
    need_text(*map(os.path.abspath, (corpus, *folders.values())))
    for folder in folders.values():
        if not resume and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} exists already: choose another --out, or go on with that run by --resume true.")
    for seed, folder in folders.items():
        if resume:
            go_on(train, given, told, seed, folder)
        else:
            start(train, given, seed, folder)
    return [Run.load(folder) for folder in folders.values()]


def _check_counts(given: Mapping[str, Any]) -> None:
    counts = ("sentences", "tokens", "epochs", "steps", "patience", "threads", "validation_steps")
    need(1, **{name: given[name] for name in counts})
    need(0, **{name: given[name] for name in ("validation_sentences", "checkpoint_seconds")})
