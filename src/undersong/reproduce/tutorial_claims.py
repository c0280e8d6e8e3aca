"""What is said of the tutorial's exact and structured models, each with the parts that decide it.

The tutorial itself prints no results; the claims are those of the papers that it presents, and of
later ones. Knows nothing of how figures
come about.
"""

from undersong.reproduce.claims import Claim
from undersong.reproduce.parts import below, less, more

TREES = ("dmv-ewt-10", "dmv-ewt-40", "dmv-gum-10", "dmv-gum-40")
GRAMMARS = ("neural-pcfg", "compound-pcfg")

CLAIMS = (
    Claim(
        "word vectors help tagging",
        "section 4.3 (He et al. 2018)",
        "An HMM that writes word vectors finds tags better than one that writes words.",
        "76.5 many-to-one on 3,914 WSJ sentences (Gaussian HMM)",
        (
            more("gaussian-hmm", "hmm", "tag_many_to_one", 3),
            more("gaussian-hmm", "hmm", "tag_v_measure", 3),
        ),
    ),
    Claim(
        "the projection helps",
        "section 7.2 (He et al. 2018)",
        "An invertible projection of the vectors makes the Gaussian HMM better.",
        "79.2 against 76.5 many-to-one",
        (
            more("projected-hmm", "gaussian-hmm", "tag_many_to_one", 3),
            more("projected-hmm", "gaussian-hmm", "tag_v_measure", 3),
        ),
    ),
    Claim(
        "a neural HMM is the better HMM",
        "section 3.3 (Tran et al. 2016)",
        "Networks in the place of tables raise the likelihood of held-out text, and find better tags.",
        "none in our sources",
        (less("neural-hmm", "hmm", "nll_exact"), more("neural-hmm", "hmm", "tag_v_measure", 3)),
    ),
    Claim(
        "the DMV beats attachment to the next word",
        "section 4.3 (Klein and Manning 2004)",
        "The dependency model with valence is better than hanging every word from its neighbour.",
        "none in our sources",
        tuple(below(row, "attachment_directed_next", "attachment_directed", 3) for row in TREES),
    ),
    Claim(
        "a neural DMV is the better DMV",
        "section 4.3 (Jiang et al. 2016)",
        "Rule probabilities from a network give better trees than tables.",
        "none in our sources",
        tuple(
            more(f"neural-dmv-{corpus}-10", f"dmv-{corpus}-10", "attachment_directed", 3) for corpus in ("ewt", "gum")
        ),
    ),
    Claim(
        "induced tags cost accuracy",
        "none (a question of struct-learning-with-flow's users)",
        "Without gold tags, over tags that an HMM found, the DMV's trees are worse.",
        "none in our sources",
        (more("dmv-ewt-10", "dmv-induced-10", "attachment_directed", 3),),
    ),
    Claim(
        "tables alone fail",
        "none (Kim, Dyer and Rush 2019, after the tutorial)",
        "A PCFG of tables trained by EM finds worse trees than a neural PCFG.",
        "none in our sources; 52.6 sentence F1 (neural, best run, Penn Treebank)",
        (more("neural-pcfg", "pcfg", "bracket_sentence_f1", 3),),
    ),
    Claim(
        "a grammar for each sentence",
        "none (Kim, Dyer and Rush 2019, after the tutorial)",
        "The compound PCFG finds better trees than the neural PCFG.",
        "60.1 against 52.6 sentence F1, best runs (Penn Treebank)",
        (more("compound-pcfg", "neural-pcfg", "bracket_sentence_f1", 3),),
    ),
    Claim(
        "grammars beat right branching",
        "none (Kim, Dyer and Rush 2019, after the tutorial)",
        "Neural grammars find better trees than branching always to the right.",
        "none in our sources",
        tuple(below(row, "bracket_sentence_f1_right", "bracket_sentence_f1", 3) for row in GRAMMARS),
    ),
    Claim(
        "clusters without a vector",
        "none (beyond the tutorial)",
        "Of short texts, a mixture finds the classes better than K-means on a VAE's codes.",
        "none",
        tuple(
            more(f"unigrams-{corpus}", f"vae-{corpus}", "cluster_v_measure", 3) for corpus in ("definitions", "dbpedia")
        ),
    ),
)
