"""How much of a sentence comes back: BLEU, ROUGE, exact matches, token accuracy, edit distance.

Knows nothing of encoders or decoders: it compares the subject's originals with their reconstructions.
"""

from undersong.evaluation.measure import Figures, Measure
from undersong.evaluation.subject import Subject
from undersong.measures import edit, overlap


class Reconstruction(Measure):
    """Written sentences against the originals; BLEU and ROUGE from 0 to 100, shares from 0 to 1."""

    name = "reconstruction"

    def __call__(self, subject: Subject) -> Figures:
        """``bleu_2 bleu_4 rouge_2 rouge_4 exact_match token_accuracy edit_distance edit_distance_normalised``."""
        originals, written = subject.originals, subject.reconstructions
        return {
            "bleu_2": overlap.bleu(written, originals, 2),
            "bleu_4": overlap.bleu(written, originals, 4),
            "rouge_2": overlap.rouge(written, originals, 2),
            "rouge_4": overlap.rouge(written, originals, 4),
            "exact_match": float(edit.exact_matches(written, originals).mean()),
            "token_accuracy": edit.token_accuracy(written, originals),
            "edit_distance": float(edit.edit_distances(written, originals).mean()),
            "edit_distance_normalised": float(edit.normalised_edit_distances(written, originals).mean()),
        }
