"""What each figure of an evaluation means: its name, its unit, its digits, and whether more or less of it is better.

A rank is only given to figures that estimate or bound log p(x) of the scored event. How much of a sentence the latent
variable holds (rate, active units, mutual information) is traded against the likelihood, so more is not simply better.
Knows nothing of runs.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """How a figure is shown.

    Attributes:
        key: its name in ``evaluation.json``.
        label: for people.
        detail: unit and meaning, in a line.
        digits: decimals shown.
        better: 1 where more is better, -1 where less is, 0 where it is not a matter of better or worse.
        main: False for what tells how the main figures were measured and how sure they are.
    """

    key: str
    label: str
    detail: str = ""
    digits: int = 2
    better: int = 0
    main: bool = True


MEANINGS = (
    Meaning("elbo", "ELBO", "nats a sentence; lower bound on log p(x), = −reconstruction − KL", 2, 1),
    Meaning("reconstruction", "reconstruction", "nats a sentence; the distortion, −E log p(x|z)"),
    Meaning("kl", "KL", "nats a sentence; the rate, KL(q(z|x) ‖ p(z))"),
    Meaning("kl_percent", "KL share", "% of the run's own objective, with its factors; word dropout off", 1),
    Meaning("objective", "objective", "nats a sentence; each run's own, at its final coefficients: not comparable"),
    Meaning("ppl_elbo", "perplexity from the ELBO", "a token, ends counted if they are scored; an upper bound", 1, -1),
    Meaning("nll_exact", "negative log-likelihood, exact", "nats a sentence; −log p(x)", 2, -1),
    Meaning("ppl_exact", "perplexity, exact", "a token, ends counted if they are scored", 1, -1),
    Meaning("nll_is", "negative log-likelihood, sampled", "nats a sentence; −log p(x), importance sampled", 2, -1),
    Meaning("ppl_is", "perplexity, sampled", "a token; from the sampled negative log-likelihood", 1, -1),
    Meaning("autogen_generation", "log p(x)", "nats a sentence; first term of AutoGen's eq. 3, sampled", 2, 1),
    Meaning("autogen_reconstruction", "log p(x′ = x | x)", "nats a sentence; second term of AutoGen's eq. 3"),
    Meaning("active_units", "active units", "dimensions of z whose posterior mean varies by over 0.01", 0),
    Meaning("mutual_information", "mutual information", "nats; I(x, z) under q over the split"),
    Meaning("mutual_information_cap", "its cap", "nats; the most that its estimator can say", 2),
    Meaning("tag_many_to_one", "tags, many to one", "share of words whose state's commonest gold tag is theirs", 3),
    Meaning("tag_one_to_one", "tags, one to one", "the same, each state another tag", 3),
    Meaning("tag_v_measure", "tags, V-measure", "from 0 to 1; states against gold tags", 3),
    Meaning("cluster_many_to_one", "clusters, many to one", "share of sentences in their cluster's commonest class", 3),
    Meaning("cluster_one_to_one", "clusters, one to one", "the same, each cluster another class", 3),
    Meaning("cluster_v_measure", "clusters, V-measure", "from 0 to 1; clusters against classes", 3),
    Meaning("attachment_directed", "heads, directed", "share of words, without punctuation, whose head is right", 3),
    Meaning("attachment_undirected", "heads, undirected", "the same, arcs in either direction", 3),
    Meaning("attachment_directed_next", "heads, the next word's", "a baseline: each word hangs from the next", 3),
    Meaning("bracket_sentence_f1", "brackets, sentence F1", "from 0 to 1, labels aside; mean over sentences", 3),
    Meaning("bracket_corpus_f1", "brackets, corpus F1", "the same over all brackets", 3),
    Meaning("bracket_sentence_f1_right", "brackets, right branching", "a baseline's sentence F1", 3),
    Meaning("sentences", "sentences", "scored for all but the sampled figures", 0, main=False),
    Meaning("tokens", "tokens", "of them; ends of sentence counted if they are scored, starts not", 0, main=False),
    Meaning("nll_is_sentences", "sentences sampled", "always the same ones of a split", 0, main=False),
    Meaning("nll_is_tokens", "tokens sampled", "of them", 0, main=False),
    Meaning("samples", "samples a sentence", "of z, for the sampled figures", 0, main=False),
    Meaning("nll_is_ess", "effective sample size", "of these samples; mean over sentences", 0, main=False),
    Meaning("nll_is_ess_min", "the smallest of them", "of any sentence", 1, main=False),
    Meaning(
        "nll_is_ess_under_50", "too small", "share of sentences with an effective sample size under 50", main=False
    ),
    Meaning("elbo_subset", "their ELBO", "nats a sentence; of the sentences sampled, to set beside", main=False),
    Meaning("nll_is_sentence_se", "spread over sentences", "nats; standard error of the sampled mean", main=False),
)
BY_KEY = {meaning.key: meaning for meaning in MEANINGS}
SAMPLED = ("nll_is", "ppl_is", "autogen_generation", "autogen_reconstruction")
