"""The claims of the isotropic-posterior paper (IGP), each with the parts that decide it.

Which rows a claim speaks of is read from the recipe (``igp_rows``); two rows of different corpora are never compared.
All figures are of the test split and of the weights that were best on held-out sentences. The basic findings of section
4.1 (``igp_basic``), and what a code is good for in sections 4.2 and 4.3 (``igp_use``), have modules of their own.
Knows nothing of how figures come about.
"""

from undersong.reproduce.claims import Claim
from undersong.reproduce.igp_basic import BASIC
from undersong.reproduce.igp_rows import BY_BETA, BY_RATE, MIXED, MIXTURES, PAIRS, aim, flat, meet, siblings
from undersong.reproduce.igp_use import USE
from undersong.reproduce.parts import alike, below, left_out, less, more, shown, within
from undersong.reproduce.pooled import each

NO_NUMBER = "a table whose numbers are not legible in our source"

CLAIMS = (
    *BASIC,
    *USE,
    Claim(
        "rates",
        "section 5.1",
        "H - D <= I(x, z) <= R: the mutual information lies between entropy less distortion and the rate.",
        "a theorem; below, H - D is so low here that it says all but nothing",
        tuple(
            below(row, low, high)
            for row in ("dgp-15", "igp-15", "beta-0.2-dgp", "beta-0.2-igp")
            for low, high in (("information_lower", "information"), ("information", "rate"))
        ),
    ),
    Claim(
        "Theorem 1",
        "section 5.1, appendix A",
        "Tying variances downwards raises the KL and gathers more mass around the mean.",
        "a theorem",
        (shown("tests/reproduce/test_theorem.py (for standard deviations of at most 1)"),),
    ),
    Claim(
        "the variance's estimate",
        "section 3",
        "Of N samples of K dimensions, one shared variance is estimated sqrt(K) times as precisely as each of K.",
        "not legible: its symbols are lost in our source",
        (shown("tests/reproduce/test_variance_estimate.py"),),
    ),
    Claim(
        "posterior shape",
        "section 5.3, Table 8",
        "The log-determinant of the aggregated posterior's covariance is significantly lower for the isotropic one.",
        NO_NUMBER,
        each(PAIRS, "log_det_covariance", lower=True),
    ),
    Claim(
        "posterior shape: the mean",
        "section 5.3, Table 8",
        "The squared norms of the aggregated posterior's mean roughly match (within a factor of 2, a bound of ours).",
        NO_NUMBER,
        tuple(alike(igp, dgp, "mean_norm_squared", 0.5, 3) for dgp, igp in BY_RATE),
    ),
    Claim(
        "mixture priors are worse",
        "appendix C",
        "Either mixture prior is worse than the plain one, for both posteriors.",
        NO_NUMBER,
        tuple(
            more(pair[side], mixed[side], "bleu_2")
            for mixed in MIXED
            for pair in BY_RATE
            for side in (0, 1)
            if aim(pair[0]) == aim(mixed[0]) and meet(pair[0], mixed[0])
        ),
    ),
    Claim(
        "mixture priors: IGP",
        "appendix C",
        "With each prior, the isotropic posterior does better; it goes better with the mixture of isotropic Gaussians.",
        NO_NUMBER,
        (
            *each(MIXED, "bleu_2"),
            *(more(moig[1], mog[1], "bleu_2") for mog, moig in MIXTURES),
        ),
    ),
    Claim(
        "a looser bound",
        "section 5.2",
        "Tying the variances loosens the bound (here: a lower ELBO at one beta; at one C it would be the loss again).",
        "none",
        each(BY_BETA, "elbo", lower=True),
    ),
    Claim(
        "warm start",
        "section 5.2, Table 7",
        "A diagonal model that starts from an isotropic one reconstructs better than one from scratch and than the "
        "model it started from, with more active units than the one from scratch and fewer than an isotropic model.",
        "loss 24.71 (DGP), 24.39 (IGP), 28.18 (the base), 24.53 (warm start); BLEU-2/4 19.97/7.49, 26.89/12.04, "
        "18.29/5.47, 24.48/10.60; KL 5.08, 5.12, 5.04, 5.11; active units 4, 8, 8, 6",
        (
            less("untied", "snli-dgp", "distortion"),
            more("untied", "snli-dgp", "bleu_2"),
            less("untied", "base", "distortion"),
            less("untied", "snli-igp", "distortion"),
            more("untied", "snli-dgp", "active_units"),
            less("untied", "snli-igp", "active_units"),
        ),
    ),
    Claim(
        "IWAE collapses",
        "section 4, footnote 3",
        "The importance weighted autoencoder still collapses.",
        "none; the 0.5 nats are ours",
        tuple(within(row, "rate", 0.0, 0.5) for row in flat(siblings("IWAE"))),
    ),
    Claim(
        "images",
        "section 4.4 and appendix E",
        "On Fashion-MNIST and MNIST, IGP activates all 32 dimensions, and on Fashion-MNIST classifies better.",
        "Fashion-MNIST: 77.83% (DGP), 82.39% (IGP), 81.89% (AE); MNIST: 91.52%, 88.82%, 90.82%; active units 8 and 32, "
        "15 and 32",
        (left_out("no row: undersong has no image networks yet"),),
    ),
)
