"""Segments of a semi-Markov chain as words' tags, and as how many words start one."""

import torch

from undersong.decoding.structures import segments, tags
from undersong.distributions import Chain, SemiMarkov


def test_each_word_has_its_segments_state_and_each_start_its_length() -> None:
    """The first sentence is cut 2 + 1 + 3 into states 1, 0, 1, the second is one segment of 3 in state 0."""
    segment = torch.zeros(2, 6, 3, 2) - 9
    for row, start, size, state in ((0, 0, 2, 1), (0, 2, 1, 0), (0, 3, 3, 1), (1, 0, 3, 0)):
        segment[row, start, size - 1, state] = 9
    q = SemiMarkov(torch.zeros(2), torch.zeros(2, 2), segment, torch.tensor([6, 3]))
    states, sizes = tags(q), segments(q)
    assert states is not None
    assert sizes is not None
    assert states[0].tolist() == [1, 1, 0, 1, 1, 1]
    assert states[1, :3].tolist() == [0, 0, 0]
    assert sizes[0].tolist() == [2, 0, 1, 3, 0, 0]
    assert sizes[1, :3].tolist() == [3, 0, 0]


def test_words_of_a_chain_are_in_no_segments() -> None:
    assert segments(Chain(torch.zeros(2), torch.zeros(2, 2), torch.zeros(1, 3, 2), torch.tensor([3]))) is None
