"""The claims of Mansbridge et al. 2019 (AutoGen), each with the parts that decide it.

Human judgements have automatic stand-ins, named as such. Figure 2 is about training, so its claims look at held-out
sentences at the end of training (``valid_...``); all others look at the test split and the weights that were best on
held-out sentences. Knows nothing of how figures come about.
"""

from undersong.reproduce.claims import Claim
from undersong.reproduce.parts import alike, below, falls_again, less, more, ordered, rises, shown, within

SURVEY = "a survey; its table has no legible number in our source, all with over 99% confidence"
SWEEP = ("m-minus-0.5", "vae", "m-0.5", "autogen-1", "autogen-2", "m-4", "m-8")
NOVELS = ("novels-autogen-1", "novels-vae")

CLAIMS = (
    Claim(
        "share of the KL",
        "section 3.1, Figure 2 left",
        "The KL term's share of the objective grows larger in AutoGen (m = 1, and more so m = 2) than in the VAE.",
        "a figure without printed numbers",
        (more("autogen-1", "vae", "valid_kl_percent"), more("autogen-2", "autogen-1", "valid_kl_percent")),
    ),
    Claim(
        "the VAE ignores z",
        "sections 1 and 3.2",
        "Without annealing, the VAE's KL converges to zero: it regularly ignores the latent.",
        "none; the 0.5 nats are ours",
        (within("vae", "kl", 0.0, 0.5), within("novels-vae", "kl", 0.0, 0.5)),
    ),
    Claim(
        "AutoGen needs no annealing",
        "sections 3 and 4",
        "Without annealing, AutoGen (m = 1) puts more into z than the VAE does with annealing.",
        "none",
        (more("autogen-1", "annealed", "kl"), more("autogen-1", "annealed", "mutual_information")),
    ),
    Claim(
        "the ELBO of m = 1",
        "section 3.1, Figure 2 right",
        "AutoGen's (m = 1) ELBO is below that of the VAE, but tracks it and does not fall while training.",
        "a figure without printed numbers",
        (more("vae", "autogen-1", "valid_elbo"), rises("autogen-1", "elbo", 0.2)),
    ),
    Claim(
        "the ELBO of m = 2",
        "section 3.1, Figure 2 right",
        "AutoGen's (m = 2) ELBO starts to fall early in training, and goes on falling.",
        "a figure without printed numbers",
        (falls_again("autogen-2", "elbo", 0.2), more("autogen-1", "autogen-2", "valid_elbo")),
    ),
    Claim(
        "reconstruction: annealing helps",
        "section 3.2, Table 2",
        "The annealed VAE reconstructs better than the VAE (stand-in for the survey: BLEU-2 and token accuracy).",
        SURVEY,
        (more("annealed", "vae", "bleu_2"), more("annealed", "vae", "token_accuracy", 3)),
    ),
    Claim(
        "reconstruction: m = 1",
        "section 3.2, Table 2",
        "AutoGen (m = 1) reconstructs better than the annealed VAE (stand-in for the survey).",
        SURVEY,
        (more("autogen-1", "annealed", "bleu_2"), more("autogen-1", "annealed", "token_accuracy", 3)),
    ),
    Claim(
        "reconstruction: m = 2",
        "section 3.2, Table 2",
        "AutoGen with m = 2 reconstructs better than with m = 1 (stand-in for the survey).",
        SURVEY,
        (more("autogen-2", "autogen-1", "bleu_2"), more("autogen-2", "autogen-1", "token_accuracy", 3)),
    ),
    Claim(
        "reconstruction: better than the VAE",
        "sections 3.2 and 5",
        "AutoGen (m = 1) reconstructs better than the VAE, on other text too (here: novels).",
        "none",
        (more("autogen-1", "vae", "bleu_2"), more(*NOVELS, "bleu_2"), more(*NOVELS, "kl")),
    ),
    Claim(
        "VAEs write short",
        "section 3.3",
        "The VAE's sentences from the prior are systematically shorter than the training data, and than AutoGen's.",
        "none; 'N/A' for the VAE's sentences of more than 10 words in Table 4",
        (
            less("vae", "autogen-1", "length_mean"),
            below("vae", "length_mean", "length_mean_data"),
        ),
    ),
    Claim(
        "short sentences from the prior",
        "section 3.3, Table 4",
        "The VAEs' short sentences (at most 10 words) make more sense than AutoGen's (stand-in for the survey: forward "
        "perplexity under a language model of real text, lower is better).",
        "75% (VAE), 76% (annealed), 50% (m = 1), 29% (m = 2) judged meaningful",
        (
            less("vae", "autogen-1", "ppl_forward_short"),
            less("annealed", "autogen-1", "ppl_forward_short"),
            less("autogen-1", "autogen-2", "ppl_forward_short"),
        ),
    ),
    Claim(
        "long sentences from the prior: alike",
        "section 3.3, Table 4",
        "On sentences of more than 10 words, the annealed VAE and AutoGen (m = 1) do equally well (stand-in: forward "
        "perplexity; alike here means within 10%, a bound of ours).",
        "32% (annealed) and 32% (m = 1) judged meaningful",
        (alike("autogen-1", "annealed", "ppl_forward_long", 0.1),),
    ),
    Claim(
        "long sentences from the prior: m = 2",
        "section 3.3, Table 4",
        "On sentences of more than 10 words, m = 2 does worse than m = 1 (stand-in: forward perplexity).",
        "m = 2 is not legible in our source",
        (less("autogen-1", "autogen-2", "ppl_forward_long"),),
    ),
    Claim(
        "smoothness",
        "section 3.4, Table 5",
        "AutoGen's (m = 1) interpolations are smoother than the annealed VAE's: neighbours are more similar, and fewer "
        "are the same sentence again.",
        "one interpolation, which the authors do not call evidence",
        (
            less("autogen-1", "annealed", "repeated_neighbours", 3),
            more("autogen-1", "annealed", "moving_similarity", 3),
        ),
    ),
    Claim(
        "smoothness: the VAE and m = 2",
        "section 3.4",
        "The VAE and AutoGen with m = 2 interpolate non-smoothly, with little similarity between neighbours (measured "
        "against m = 1: similarity of neighbours that differ, and the largest jump of a walk).",
        "none; 'omitted'",
        tuple(
            part
            for row in ("vae", "autogen-2")
            for part in (
                less(row, "autogen-1", "moving_similarity", 3),
                more(row, "autogen-1", "largest_jump", 3),
            )
        ),
    ),
    Claim(
        "more m, better reconstruction, poorer generation",
        "sections 2.1 and 4",
        "Larger m gives better reconstructions at the cost of generation (here: of the ELBO).",
        "none",
        (
            ordered(SWEEP, "rate"),
            ordered(SWEEP, "distortion", falling=True),
            ordered(SWEEP, "bleu_2"),
            ordered(SWEEP, "elbo", falling=True),
        ),
    ),
    Claim(
        "m is beta",
        "section 4",
        "AutoGen is (1 + m) times the beta-VAE's objective with beta = 1 / (1 + m); beta above 1 is m below 0.",
        "an identity",
        (shown("`test_autogen_is_beta_vae_up_to_its_factor` in tests/objectives/test_objectives.py"),),
    ),
)
