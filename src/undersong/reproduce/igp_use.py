"""The isotropic-posterior paper's claims on what a code is good for: classes, samples, completion (sections 4.2, 4.3).

Knows nothing of how figures come about.
"""

from undersong.reproduce.claims import Claim
from undersong.reproduce.igp_basic import FIGURE
from undersong.reproduce.igp_rows import AUTOENCODERS, BY_CORPUS, BY_RATE, DBPEDIA, PAIRS, flat
from undersong.reproduce.parts import larger_gap, less, more, some
from undersong.reproduce.pooled import each

USE = (
    Claim(
        "classification",
        "section 4.2, Figure 3 top",
        "Posterior means of an isotropic posterior are the better features of a sentence's class.",
        FIGURE,
        each(PAIRS, "accuracy", 3),
    ),
    Claim(
        "classification: DGP and the autoencoder",
        "section 4.2",
        "The diagonal posterior classifies worse than the autoencoder, whatever C.",
        FIGURE,
        tuple(more(plain, dgp, "accuracy", 3) for plain, chain in AUTOENCODERS for dgp, _ in chain),
    ),
    Claim(
        "classification: IGP and the autoencoder",
        "section 4.2",
        "The isotropic posterior, at the largest C, classifies better than the autoencoder, or as well.",
        FIGURE,
        tuple(more(chain[-1][1], plain, "accuracy", 3) for plain, chain in AUTOENCODERS),
    ),
    Claim(
        "few labels",
        "section 4.2, Figure 3 bottom",
        "The lead of the isotropic posterior is larger with few labels (DBpedia, 0.1%: over 7 points; 100%: 4 points).",
        "over 7 points with 0.1% of the labels, 4 with all",
        tuple(
            part
            for dgp, igp in (*DBPEDIA, ("dgp-15", "igp-15"))
            for part in (more(igp, dgp, "accuracy_6", 3), larger_gap(igp, dgp, "accuracy_6", "accuracy"))
        ),
    ),
    Claim(
        "agreement",
        "section 4.2",
        "Reconstructions by the isotropic posterior generally keep more of the label.",
        "not legible, but for the classifier's macro-F1 on the original sentences: 98.08 (DBpedia), 57.55 (Yahoo)",
        each(PAIRS, "agreement", 3),
    ),
    Claim(
        "agreement: an exception",
        "section 4.2",
        "At one C, the diagonal posterior can keep more of the label.",
        "not legible",
        (some(*(more(dgp, igp, "agreement", 3) for dgp, igp in BY_RATE)),),
    ),
    Claim(
        "robustness",
        "section 4.2",
        "With 30% of the words deleted, the isotropic posterior classifies better in all cases.",
        "up to 9 points",
        each(PAIRS, "accuracy_damaged", 3),
    ),
    Claim(
        "robustness: IGP and the autoencoder",
        "section 4.2",
        "With 30% of the words deleted, the isotropic posterior at one C classifies better than the autoencoder.",
        "not legible",
        tuple(some(*(more(igp, plain, "accuracy_damaged", 3) for _, igp in chain)) for plain, chain in AUTOENCODERS),
    ),
    Claim(
        "perplexities",
        "section 4.3",
        "In most cases the isotropic posterior has both the lower forward and the lower reverse perplexity.",
        "not legible, but for that of real text: 71.88 (CBT), 35.22 (DBpedia), 113.08 (Yahoo)",
        tuple(less(igp, dgp, key) for dgp, igp in BY_RATE for key in ("ppl_forward", "ppl_reverse")),
    ),
    Claim(
        "perplexities: the autoencoder",
        "section 4.3",
        "Both posteriors have a lower forward perplexity than the autoencoder.",
        "not legible",
        tuple(less(row, plain, "ppl_forward") for plain, chain in AUTOENCODERS for row in flat(chain)),
    ),
    Claim(
        "perplexities: reverse",
        "section 4.3",
        "The autoencoder's reverse perplexity can be lower than a VAE's.",
        "not legible",
        (some(*(less(plain, row, "ppl_reverse") for plain, chain in AUTOENCODERS for row in flat(chain))),),
    ),
    Claim(
        "perplexities: low C",
        "section 4.3",
        "A low C usually has a significantly larger reverse perplexity.",
        "not legible",
        tuple(
            more(chain[0][side], chain[-1][side], "ppl_reverse")
            for chain in BY_CORPUS
            if len(chain) > 1
            for side in (0, 1)
        ),
    ),
    Claim(
        "imputation",
        "section 4.3, Table 5",
        "Completing a sentence of which a quarter is given, the isotropic posterior recovers the class more often.",
        "two examples",
        each(PAIRS, "imputation_class_kept", 3),
    ),
    Claim(
        "imputation: the words",
        "section 4.3, Table 5",
        "The isotropic posterior's completions are nearer to the original sentences (BLEU-2, words kept included).",
        "two examples",
        each(PAIRS, "imputation_bleu_2"),
    ),
    Claim(
        "classes seen",
        "section 4.2, Figure 4",
        "The isotropic posterior's classes overlap less (stand-in for the picture: V-measure of K-means on the means).",
        "a picture",
        each(DBPEDIA, "cluster_v_measure", 3),
    ),
)
