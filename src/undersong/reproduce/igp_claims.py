"""The claims of the isotropic-posterior paper (IGP), each with the parts that decide it.

Theorem 1 is a test (``tests/reproduce/test_theorem.py``), not a measurement. Knows nothing of how figures come about.
"""

from undersong.reproduce.claims import Claim, below, carries, larger_gap, less, more, ordered, within

BY_RATE = (("dgp-5", "igp-5"), ("dgp-10", "igp-10"), ("dgp-15", "igp-15"), ("dbpedia-dgp", "dbpedia-igp"))
SAME_RATE = (*BY_RATE, ("snli-dgp", "snli-igp"))
BY_BETA = (("beta-1-dgp", "beta-1-igp"), ("beta-0.4-dgp", "beta-0.4-igp"), ("beta-0.2-dgp", "beta-0.2-igp"))
PAIRS = (*BY_RATE, ("dbpedia-beta-dgp", "dbpedia-beta-igp"), *BY_BETA[1:])
FIGURE = "a figure without printed numbers"
NO_NUMBER = "a table whose numbers are not legible in our source"

CLAIMS = (
    Claim(
        "KL meets its target",
        "section 4.1",
        "With |KL - C|, the KL matches the target C in all cases.",
        "none",
        tuple(
            within(f"{kind}-{rate}", "rate", 0.9 * rate, 1.1 * rate) for rate in (5, 10, 15) for kind in ("dgp", "igp")
        ),
    ),
    Claim(
        "the rate carries information",
        "section 2.1 and 5.1",
        "The target C is the amount of information sent from encoder to decoder.",
        "none",
        tuple(carries(f"{kind}-{rate}", 0.5 * rate) for rate in (5, 10, 15) for kind in ("dgp", "igp")),
    ),
    Claim(
        "reconstruction improves with C",
        "section 4.1, Figure 2",
        "The reconstruction loss drops as C grows.",
        FIGURE,
        (
            ordered(("dgp-5", "dgp-10", "dgp-15"), "distortion", falling=True),
            ordered(("igp-5", "igp-10", "igp-15"), "distortion", falling=True),
        ),
    ),
    Claim(
        "IGP loses less",
        "section 4.1, Figure 2",
        "At the same C, the isotropic posterior has the lower reconstruction loss.",
        FIGURE,
        tuple(less(igp, dgp, "distortion") for dgp, igp in SAME_RATE),
    ),
    Claim(
        "IGP activates more units",
        "section 4.1, Figure 2",
        "The isotropic posterior activates significantly more dimensions, in many cases all of them.",
        FIGURE,
        tuple(more(igp, dgp, "valid_active_units") for dgp, igp in SAME_RATE),
    ),
    Claim(
        "IGP writes better",
        "section 4.1, Figure 2",
        "The isotropic posterior has the higher BLEU-2 at the same C.",
        "CBT: 15.45 for IGP at a lower C against 14.76 for DGP at a higher one; SNLI, C = 5: 26.89 and 19.97",
        tuple(more(igp, dgp, "bleu_2") for dgp, igp in SAME_RATE),
    ),
    Claim(
        "beta: more units",
        "section 4.1, the beta table",
        "With beta-VAE too, the isotropic posterior activates more dimensions.",
        "DGP 2.0, 5.7, 7.7 of 8; IGP 7.3, 8.0, 8.0",
        tuple(more(igp, dgp, "valid_active_units") for dgp, igp in BY_BETA),
    ),
    Claim(
        "beta: better reconstruction",
        "section 4.1, the beta table",
        "With beta-VAE, the isotropic posterior reconstructs better (but where all but nothing is encoded).",
        "loss 28.14, 22.72, 18.93 (DGP), 28.52, 20.84, 16.38 (IGP); BLEU-2 12.74, 22.43, 30.53 and 11.18, 31.48, 36.72",
        tuple(part for dgp, igp in BY_BETA for part in (less(igp, dgp, "distortion"), more(igp, dgp, "bleu_2"))),
    ),
    Claim(
        "classification",
        "section 4.2, Figure 3 top",
        "Posterior means of an isotropic posterior are the better features of a sentence's class.",
        FIGURE,
        tuple(more(igp, dgp, "accuracy", 3) for dgp, igp in PAIRS),
    ),
    Claim(
        "classification: the autoencoder",
        "section 4.2",
        "The diagonal posterior classifies worse than the autoencoder; the isotropic one, at the largest C, does not.",
        FIGURE,
        (
            more("autoencoder", "dgp-15", "accuracy", 3),
            more("igp-15", "autoencoder", "accuracy", 3),
            more("dbpedia-autoencoder", "dbpedia-dgp", "accuracy", 3),
            more("dbpedia-igp", "dbpedia-autoencoder", "accuracy", 3),
            more("dbpedia-autoencoder", "dbpedia-beta-dgp", "accuracy", 3),
            more("dbpedia-beta-igp", "dbpedia-autoencoder", "accuracy", 3),
        ),
    ),
    Claim(
        "few labels",
        "section 4.2, Figure 3 bottom",
        "The lead of the isotropic posterior is larger with few labels (DBpedia, 0.1%: over 7 points; 100%: 4 points).",
        "over 7 points with 0.1% of the labels, 4 with all",
        (
            more("dbpedia-igp", "dbpedia-dgp", "accuracy_6", 3),
            larger_gap("dbpedia-igp", "dbpedia-dgp", "accuracy_6", "accuracy"),
            more("dbpedia-beta-igp", "dbpedia-beta-dgp", "accuracy_6", 3),
            larger_gap("dbpedia-beta-igp", "dbpedia-beta-dgp", "accuracy_6", "accuracy"),
            larger_gap("igp-15", "dgp-15", "accuracy_6", "accuracy"),
        ),
    ),
    Claim(
        "agreement",
        "section 4.2",
        "Reconstructions by the isotropic posterior generally keep more of the label.",
        NO_NUMBER,
        tuple(more(igp, dgp, "agreement", 3) for dgp, igp in PAIRS),
    ),
    Claim(
        "robustness",
        "section 4.2",
        "With 30% of the words deleted, the isotropic posterior classifies better in all cases.",
        "up to 9 points",
        tuple(more(igp, dgp, "accuracy_damaged", 3) for dgp, igp in PAIRS),
    ),
    Claim(
        "perplexities",
        "section 4.3",
        "In most cases the isotropic posterior has both the lower forward and the lower reverse perplexity.",
        NO_NUMBER,
        tuple(less("igp-15", "dgp-15", key) for key in ("ppl_forward", "ppl_reverse")),
    ),
    Claim(
        "imputation",
        "section 4.3, Table 5",
        "Completing a sentence of which a quarter is given, the isotropic posterior recovers the class more often.",
        "two examples",
        tuple(more(igp, dgp, "imputation_class_kept", 3) for dgp, igp in PAIRS),
    ),
    Claim(
        "rates",
        "section 5.1",
        "H - D <= I(x, z) <= R: the mutual information lies between entropy less distortion and the rate.",
        "a theorem",
        tuple(
            below(row, low, high)
            for row in ("dgp-15", "igp-15", "beta-0.2-dgp", "beta-0.2-igp")
            for low, high in (("information_lower", "information"), ("information", "rate"))
        ),
    ),
    Claim(
        "posterior shape",
        "section 5.3, Table 8",
        "The log-determinant of the aggregated posterior's covariance is significantly lower for the isotropic one.",
        NO_NUMBER,
        tuple(less(igp, dgp, "log_det_covariance") for dgp, igp in PAIRS),
    ),
    Claim(
        "mixture priors",
        "appendix C",
        "Either mixture prior is worse than the plain one; with each, the isotropic posterior does better; it goes "
        "better with the mixture of isotropic Gaussians.",
        NO_NUMBER,
        (
            more("snli-igp", "mog-igp", "bleu_2"),
            more("snli-dgp", "mog-dgp", "bleu_2"),
            more("snli-igp", "moig-igp", "bleu_2"),
            more("mog-igp", "mog-dgp", "bleu_2"),
            more("moig-igp", "moig-dgp", "bleu_2"),
            more("moig-igp", "mog-igp", "bleu_2"),
        ),
    ),
    Claim(
        "warm start",
        "section 5.2, Table 7",
        "A diagonal model that starts from an isotropic one reconstructs better than one from scratch, with fewer "
        "active units than an isotropic model.",
        "loss 24.71 (DGP), 24.39 (IGP), 24.53 (warm start); BLEU-2 19.97, 26.89, 24.48; active units 4, 8, 6",
        (
            less("untied", "snli-dgp", "distortion"),
            more("untied", "snli-dgp", "bleu_2"),
            more("untied", "snli-dgp", "valid_active_units"),
            less("untied", "snli-igp", "valid_active_units"),
        ),
    ),
    Claim(
        "IWAE collapses",
        "section 4, footnote 3",
        "The importance weighted autoencoder still collapses.",
        "none",
        (within("iwae-dgp", "rate", 0.0, 0.5), within("iwae-igp", "rate", 0.0, 0.5)),
    ),
)
