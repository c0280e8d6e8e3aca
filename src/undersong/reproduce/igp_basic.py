"""The basic findings of the isotropic-posterior paper: rates, losses, active units, BLEU (section 4.1, and Figure 1).

Knows nothing of how figures come about.
"""

from itertools import pairwise

from undersong.reproduce.claims import Claim
from undersong.reproduce.igp_rows import BY_BETA, BY_CORPUS, BY_RATE, PAIRS, PLAIN, RATES, aim, flat
from undersong.reproduce.parts import all_or_none, carries, less, more, ordered, some_idle, within
from undersong.reproduce.pooled import each

FIGURE = "a figure without printed numbers"

BASIC = (
    Claim(
        "KL meets its target",
        "section 4.1",
        "With |KL - C|, the KL matches the target C in all cases.",
        "none; within 10% is ours",
        tuple(within(row, "rate", 0.9 * aim(row), 1.1 * aim(row)) for row in flat(RATES)),
    ),
    Claim(
        "the rate carries information",
        "section 2.1 and 5.1",
        "The target C is the amount of information sent from encoder to decoder.",
        "none; that at least half of C must be information is ours",
        tuple(carries(row, 0.5 * aim(row)) for row in flat(PLAIN + BY_RATE)),
    ),
    Claim(
        "reconstruction improves with C",
        "section 4.1, Figure 2",
        "The reconstruction loss drops as C grows.",
        FIGURE,
        tuple(
            ordered(tuple(pair[side] for pair in chain), "distortion", falling=True)
            for chain in BY_CORPUS
            if len(chain) > 1
            for side in (0, 1)
        ),
    ),
    Claim(
        "IGP loses less",
        "section 4.1, Figure 2",
        "At the same C, the isotropic posterior has the lower reconstruction loss.",
        FIGURE,
        each(BY_RATE, "distortion", lower=True),
    ),
    Claim(
        "IGP activates more units",
        "section 4.1, Figure 2",
        "The isotropic posterior activates significantly more dimensions at the same C.",
        FIGURE,
        each(BY_RATE, "active_units"),
    ),
    Claim(
        "all dimensions or none",
        "sections 1 and 3, Figure 1 right",
        "An isotropic posterior uses all of its dimensions or none.",
        FIGURE,
        (all_or_none([igp for _, igp in PAIRS]),),
    ),
    Claim(
        "some dimensions idle",
        "section 1, Figure 1 left",
        "A diagonal posterior that has not collapsed leaves some of its dimensions at the prior.",
        FIGURE,
        (some_idle([dgp for dgp, _ in PAIRS]),),
    ),
    Claim(
        "IGP writes better",
        "section 4.1, Figure 2",
        "The isotropic posterior has the higher BLEU-2 at the same C.",
        "SNLI, C = 5 (Table 7): BLEU-2/4 26.89/12.04 for IGP, 19.97/7.49 for DGP",
        each(BY_RATE, "bleu_2"),
    ),
    Claim(
        "IGP at a lower C writes as well",
        "section 4.1",
        "At a lower C, the isotropic posterior's BLEU-2 is that of the diagonal one at the next higher C, or better.",
        "CBT: 15.45 for IGP at the lower C, 14.76 for DGP at the higher",
        tuple(more(low[1], high[0], "bleu_2") for chain in BY_CORPUS for low, high in pairwise(chain)),
    ),
    Claim(
        "beta: more units",
        "section 4.1, the beta table",
        "With beta-VAE too, the isotropic posterior activates more dimensions.",
        "DGP 2.0, 5.7, 7.7 of 8; IGP 7.3, 8.0, 8.0",
        each(BY_BETA, "active_units"),
    ),
    Claim(
        "beta: the higher KL",
        "section 4.1, the beta table",
        "At one beta, the isotropic posterior has the higher KL (but where all but nothing is encoded).",
        "0.75, 7.66, 14.71 (DGP), 0.27, 10.28, 19.04 (IGP)",
        each(BY_BETA, "rate"),
    ),
    Claim(
        "beta: better reconstruction",
        "section 4.1, the beta table",
        "With beta-VAE, the isotropic posterior reconstructs better (but where all but nothing is encoded).",
        "loss 28.14, 22.72, 18.93 (DGP), 28.52, 20.84, 16.38 (IGP); BLEU-2/4 12.74/3.33, 22.43/9.90, 30.53/18.24 and "
        "11.18/2.92, 31.48/17.61, 36.72/24.87",
        (*each(BY_BETA, "distortion", lower=True), *each(BY_BETA, "bleu_2")),
    ),
    Claim(
        "beta: better at a smaller KL",
        "section 4.1, the beta table",
        "IGP at one beta reconstructs better than DGP at a smaller beta, with the smaller KL.",
        "BLEU-2 31.48 at KL 10.28 (IGP), 30.53 at KL 14.71 (DGP); the loss is 20.84 and 18.93",
        (
            less("beta-0.4-igp", "beta-0.2-dgp", "rate"),
            more("beta-0.4-igp", "beta-0.2-dgp", "bleu_2"),
            less("beta-0.4-igp", "beta-0.2-dgp", "distortion"),
        ),
    ),
)
