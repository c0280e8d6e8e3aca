"""How the suite's figures are shown to people: what each is called, its decimals, and what it is of.

Knows nothing of how a figure is computed. One that is not named here, of a measure of one's own, is shown under its own
name.
"""

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Label:
    """How a figure is shown.

    Attributes:
        text: what it is called.
        digits: decimals.
        note: its unit, and what it is of.
    """

    text: str
    digits: int = 2
    note: str = ""

    def value(self, number: float | None) -> str:
        """The figure as it is printed."""
        if number is None:
            return "not defined"
        return f"{number:,}" if isinstance(number, int) else f"{number:,.{self.digits}f}"


def label_of(figure: str) -> Label:
    """How a figure of that name is shown.

    >>> label_of("self_bleu_4").text, label_of("accuracy_64").text, label_of("my_share").text
    ('samples: self-BLEU-4', 'classes: accuracy, 64 labels each', 'my share')
    """
    stem = re.sub(r"(?<=_)\d+$", "N", figure)
    found = LABELS.get(stem, Label(figure.replace("_", " "), 3))
    number = figure.rpartition("_")[2]
    return replace(found, text=found.text.replace("{n}", number), note=found.note.replace("{n}", number))


_WRITTEN = "0 to 100; of reconstructions"
_STEP = "1 - edit distance over the longer length"
_NATS = "nats a sentence"
_PROBE = "share named rightly by a probe on posterior means"
_NAMED = "share of sentences, as the judge names them"

LABELS = {
    "bleu_N": Label("BLEU-{n}", 2, _WRITTEN),
    "rouge_N": Label("ROUGE-{n}", 2, _WRITTEN),
    "exact_match": Label("exact matches", 3, "share of sentences written again as they were"),
    "token_accuracy": Label("words in their place", 3, "share of words, ends of sentence among them"),
    "edit_distance": Label("edit distance", 2, "words to insert, delete or replace"),
    "edit_distance_normalised": Label("edit distance over the longer length", 3),
    "length_mean": Label("samples: length, mean", 2, "words"),
    "length_std": Label("samples: length, standard deviation", 2, "words"),
    "length_mean_data": Label("the split: length, mean", 2, "words"),
    "length_std_data": Label("the split: length, standard deviation", 2, "words"),
    "length_total_variation": Label("lengths of both: total variation", 3),
    "length_wasserstein": Label("lengths of both: Wasserstein distance", 2, "words"),
    "repeated_neighbours": Label("walks: repeated neighbours", 3, "share of steps that write the same sentence again"),
    "neighbour_similarity": Label("walks: similarity of neighbours", 3, _STEP),
    "moving_similarity": Label("walks: the same, where they differ", 3, _STEP),
    "largest_jump": Label("walks: the largest jump", 3, "edit distance over the longer length, mean over walks"),
    "distinct_N": Label("samples: different {n}-grams", 3, "share of all their {n}-grams"),
    "self_bleu_N": Label("samples: self-BLEU-{n}", 2, "0 to 100; each against all others"),
    "self_bleu_samples": Label("samples: how many for self-BLEU", 0, "models compare at one number only"),
    "copied": Label("samples: copied", 3, "share that stands word for word in the training split"),
    "rate": Label("KL (rate)", 2, _NATS),
    "distortion": Label("reconstruction (distortion), -E log p(x|z)", 2, _NATS),
    "information": Label("mutual information of x and z", 2, "nats"),
    "information_lower": Label("its lower bound", 2, "nats; the sentences' entropy - the distortion"),
    "information_cap": Label("its cap", 2, "nats; the most that the estimator can say"),
    "information_at_cap": Label("whether it is at its cap", 0, "1: yes, and the truth may be anything up to the rate"),
    "log_det_covariance": Label("posterior: log det of the covariance of z", 2, "over all sentences"),
    "mean_norm_squared": Label("posterior: squared norm of the mean of z", 3, "over all sentences"),
    "accuracy": Label("classes: accuracy", 3, _PROBE),
    "macro_f1": Label("classes: macro F1", 3, "mean over classes"),
    "accuracy_std": Label("classes: standard deviation of the accuracy", 3, "over the probes' first weights"),
    "accuracy_majority": Label("classes: accuracy of the commonest class", 3, "a baseline"),
    "examples": Label("classes: sentences the probe learned from", 0),
    "accuracy_N": Label("classes: accuracy, {n} labels each", 3, _PROBE),
    "examples_N": Label("classes: sentences, {n} labels each", 0, "that the probe learned from"),
    "accuracy_damaged": Label("classes, words deleted: accuracy", 3, _PROBE),
    "macro_f1_damaged": Label("classes, words deleted: macro F1", 3, "mean over classes"),
    "accuracy_std_damaged": Label("classes, words deleted: its deviation", 3, "over the probes' first weights"),
    "agreement": Label("classes kept: agreement", 3, "the judge's F1 on reconstructions over that on originals"),
    "judge_f1_original": Label("classes kept: the judge's F1, originals", 3, "mean over classes"),
    "judge_f1_reconstruction": Label("classes kept: the judge's F1, reconstructions", 3, "mean over classes"),
    "imputation_bleu_N": Label("completions: BLEU-{n}", 2, "0 to 100; of whole sentences, the words kept included"),
    "imputation_words_kept": Label("completions: words kept", 2, "of each sentence, mean"),
    "imputation_class_kept": Label("completions: class as the original's", 3, _NAMED),
    "imputation_class_right": Label("completions: class as it truly is", 3, _NAMED),
    "ppl_forward": Label("samples: forward perplexity", 2, "a token, under a language model of the training split"),
    "ppl_forward_short": Label("samples: the same, the short ones", 2, "of at most 10 words"),
    "ppl_forward_long": Label("samples: the same, the long ones", 2, "of more"),
    "share_short": Label("samples: share of short ones", 3),
    "ppl_real": Label("the split: perplexity", 2, "a token, under the same language model"),
    "ppl_reverse": Label("the split: reverse perplexity", 2, "a token, under a language model of the samples"),
}
