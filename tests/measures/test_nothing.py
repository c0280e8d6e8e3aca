"""Of nothing there is nothing to measure: one clear sentence, and no error of a library's."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from undersong.measures.generation import length_comparison, smoothness
from undersong.measures.information import cap, mutual_information
from undersong.measures.overlap import bleu, rouge
from undersong.measures.shape import aggregate_shape
from undersong.measures.significance import proportions, spread

ASKED: dict[str, Callable[[], object]] = {
    "bleu": lambda: bleu([], []),
    "rouge": lambda: rouge([], []),
    "lengths of no samples": lambda: length_comparison([], [1]),
    "lengths of no sentences": lambda: length_comparison([1], []),
    "no walks": lambda: smoothness([]),
    "walks of no steps": lambda: smoothness([[["a"]]]),
    "shape": lambda: aggregate_shape(np.zeros((0, 3))),
    "spread": lambda: spread([]),
    "proportions": lambda: proportions(0.5, 0.5, 0),
    "information": lambda: mutual_information([], torch.zeros(1, 0, 3)),
    "information of no samples": lambda: mutual_information([], torch.zeros(0, 2, 3)),
    "cap": lambda: cap(0),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_measure_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"There are no .* to measure: give at least one"):
        ASKED[name]()
