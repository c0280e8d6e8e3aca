"""The noise by which words are sampled is not that by which the sentence's z was."""

from itertools import islice

import numpy as np
import torch

from undersong.decoding.sampling import uniforms


def test_no_number_of_a_sentences_z_is_used_again_for_its_words() -> None:
    seed, sentence = 3, 7
    of_z = np.random.Generator(np.random.Philox(key=[seed, sentence])).random(10_000)
    of_words = torch.cat(list(islice(uniforms(torch.tensor([sentence]), seed), 100))).numpy()
    assert not np.isin(of_words, of_z).any()
