"""A decoder that scores no ends of sentences writes as many words as it may, and no end is in their score."""

from functools import partial

import pytest
import torch
from tests.decoding.decoders import WORDS, TableDecoder, log_probs
from tests.decoding.trained import vae

from undersong.data.batch import EOS, Batch
from undersong.data.tokens import Tokenizer
from undersong.decoding import Beam, Greedy, Sample, impute, reconstruct, sample
from undersong.decoding.constraint import BLANK
from undersong.decoding.given import read
from undersong.decoding.search import Search
from undersong.decoding.spelling import Spelling
from undersong.nets import BagOfWords


class Endless(TableDecoder):
    """Words by what stands before them, of which the end is none."""

    event = "words"

    def log_prob(self, x: Batch, z: torch.Tensor) -> torch.Tensor:
        """log p(x|z) without the end: [S, B]."""
        rows = []
        for each in z:
            state, total = self.start(each), torch.zeros(len(x), dtype=torch.float64)
            for t in range(x.tokens.shape[1]):
                log_p, state = self.step(x.inputs[:, t], state)
                total += log_p.gather(1, x.tokens[:, t : t + 1]).squeeze(1) * (t < x.lengths)
            rows.append(total)
        return torch.stack(rows)


@pytest.mark.parametrize("search", [Greedy(), Beam(3), Beam(64, 1.0), Sample(), Sample(0.7, 3, 0.9)])
@pytest.mark.parametrize("ending", [5.0, -5.0])
def test_as_many_words_as_may_be_and_their_score_alone(search: Search, ending: float) -> None:
    decoder, z = Endless(7, 2, ending=ending), torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    limits = torch.tensor([1, 2, 3, 1, 2, 3])
    given = torch.tensor([[BLANK, 5, EOS]]).expand(6, -1)
    for fixed, lengths in ((None, limits.tolist()), (given, [2] * 6)):
        found = search(decoder, z, limits, fixed)
        assert [len(h.words) for h in found] == lengths
        assert not any(EOS in h.words for h in found)
        own = [float(log_probs(decoder, one, [h.words])[0]) for h, one in zip(found, z, strict=True)]
        assert [h.log_prob for h in found] == pytest.approx(own, abs=1e-6)


def test_a_wide_beam_finds_the_best_of_all_sentences_of_that_length() -> None:
    decoder, z = Endless(7, 2, sharpness=1.0), torch.zeros(1, 2)
    sentences = [[a, b, c] for a in WORDS for b in WORDS for c in WORDS]
    (found,) = Beam(64)(decoder, z, max_words=3)
    assert found.words == sentences[int(log_probs(decoder, z[0], sentences).argmax())]


@pytest.mark.parametrize("search", [Greedy(), Beam(3), Sample()])
def test_a_word_of_pieces_in_the_last_blank_may_end(search: Search) -> None:
    torch.manual_seed(0)
    tokenizer = Tokenizer.train_bpe(["a dog barks"], 270)
    decoder, (source,) = BagOfWords(len(tokenizer), 2), read(tokenizer, ["a _"], blanks=True)
    z, given = torch.randn(20, 2), torch.tensor([source.fixed]).expand(20, -1)
    found = search(decoder, z, 9, given, spelling=Spelling.of(tokenizer))
    assert all(len(tokenizer.decode(h.words).split()) == 2 for h in found)
    assert min(len(h.words) for h in found) < 9
    own = decoder.log_prob(Batch.of([h.words for h in found]), z[None])[0].tolist()
    assert [h.log_prob for h in found] == pytest.approx(own, abs=1e-5)


def test_the_score_of_a_bag_is_that_of_the_model() -> None:
    run = vae(decoder=partial(BagOfWords))
    texts = ["a _ barks", "the old dog"]
    written = [*reconstruct(run, texts, max_words=4), *impute(run, texts, max_words=4)]
    assert [len(r.text.split()) for r in written] == [4, 4, 3, 4]
    z = torch.cat([run.system.posterior(Batch.of([run.tokenizer.encode(t)]), 0).mean for t in ["a _ barks", texts[1]]])
    x = Batch.of([run.tokenizer.encode(r.text) for r in written])
    own = run.system.model.log_likelihood(x, torch.cat([z, z])[None])[0]
    assert [r.log_prob for r in written] == pytest.approx(own.tolist(), abs=1e-5)
    assert [len(s.text.split()) for s in sample(run, 3, Sample(), max_words=5)] == [5, 5, 5]
