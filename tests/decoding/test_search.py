"""Search finds what it promises to find, in any batch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.decoding.decoders import WORDS, TableDecoder, every_sentence, log_probs

from undersong.data.batch import BOS, EOS, PAD, UNK, Batch
from undersong.decoding.beam import Beam
from undersong.decoding.constraint import BLANK, FREE
from undersong.decoding.greedy import Greedy
from undersong.decoding.sampling import Sample
from undersong.decoding.search import Search
from undersong.errors import UserError
from undersong.nets import GRU, RecurrentDecoder

SEARCHES = [Greedy(), Beam(3), Beam(4, 1.0), Sample(), Sample(0.7, 3, 0.9)]


def latents(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))


def penalised(log_p: torch.Tensor, sentences: list[list[int]], penalty: float) -> torch.Tensor:
    lengths = torch.tensor([len(s) + 1.0 for s in sentences], dtype=torch.float64)
    return log_p / ((5 + lengths) / 6) ** penalty


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), sharpness=st.floats(0.1, 4), penalty=st.sampled_from([0.0, 0.6, 2.0]))
def test_a_wide_beam_finds_the_best_of_all_sentences(seed: int, sharpness: float, penalty: float) -> None:
    decoder, z = TableDecoder(7, 2, seed, sharpness), latents(2, seed)
    sentences = every_sentence(WORDS, 3)
    for hypothesis, one in zip(Beam(64, penalty)(decoder, z, max_words=3), z, strict=True):
        scores = penalised(log_probs(decoder, one, sentences), sentences, penalty)
        assert hypothesis.words == sentences[int(scores.argmax())]
        assert hypothesis.score == pytest.approx(float(scores.max()), abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    sharpness=st.floats(0.1, 4),
    penalty=st.sampled_from([0.0, 0.6, 2.0]),
    width=st.integers(1, 5),
    limit=st.integers(0, 12),
    ending=st.sampled_from([0.0, -30.0]),
)
def test_beam_is_never_worse_than_greedy(
    seed: int, sharpness: float, penalty: float, width: int, limit: int, ending: float
) -> None:
    decoder, z = TableDecoder(9, 2, seed, sharpness, ending), latents(5, seed)
    greedy = Greedy()(decoder, z, limit)
    scores = penalised(
        torch.tensor([h.log_prob for h in greedy], dtype=torch.float64), [h.words for h in greedy], penalty
    )
    for beam, least in zip(Beam(width, penalty)(decoder, z, limit), scores.tolist(), strict=True):
        assert beam.score >= least - 1e-6


def test_the_greedy_hypothesis_is_sometimes_what_saves_a_beam() -> None:
    """Else the test above could not fail: an ordinary beam of 2 does lose to greedy search now and then.

    As ours does, the ordinary one considers an end among the W + 1 most probable continuations of a hypothesis.
    """
    lost = 0
    for seed in range(100):
        decoder, z = TableDecoder(9, 2, seed, 1.0, ending=-30.0), latents(1, seed)
        greedy, beam = (search(decoder, z, 8, unknown=False)[0] for search in (Greedy(), Beam(2)))
        ordinary = _ordinary_beam(decoder, z, 2, 8)
        assert beam.log_prob == pytest.approx(max(ordinary, greedy.log_prob), abs=1e-6)
        lost += ordinary < greedy.log_prob - 1e-9
    assert lost > 2


def _ordinary_beam(decoder: TableDecoder, z: torch.Tensor, width: int, limit: int) -> float:
    beams, done = [([], 0.0)], [-float("inf")]
    for step in range(limit + 1):
        grown = []
        for words, total in beams:
            state = decoder.start(z)
            for token in [BOS, *words]:
                log_p, state = decoder.step(torch.tensor([token]), state)
            if step == limit or log_p[0, EOS] >= log_p[0, 4:].topk(width + 1).values[-1]:
                done.append(total + float(log_p[0, EOS]))
            grown += [([*words, w], total + float(log_p[0, w])) for w in range(4, 9) if step < limit]
        beams = sorted(grown, key=lambda hypothesis: -hypothesis[1])[:width]
    return max(done)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_dropping_hopeless_hypotheses_changes_nothing(penalty: float, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, z = TableDecoder(12, 2, sharpness=1.5), latents(60)
    quick = Beam(3, penalty)(decoder, z, 10)
    monkeypatch.setattr("undersong.decoding.beam._Beams.keep", lambda self, worthy: None)
    assert Beam(3, penalty)(decoder, z, 10) == quick


@pytest.mark.parametrize("search", SEARCHES, ids=lambda made: getattr(made, "__name__", type(made).__name__))
def test_log_prob_is_the_models_own(search: Search) -> None:
    torch.manual_seed(0)
    decoder, z = RecurrentDecoder(30, 2, embedding=8, hidden=16), latents(6)
    given_words = torch.full((6, 4), FREE)
    given_words[2, :3] = torch.tensor([7, BLANK, 9])
    found = search(decoder, z, 9, given_words)
    x = Batch.of([h.words for h in found])
    expected = decoder.log_prob(x, z[None])[0]
    assert torch.allclose(torch.tensor([h.log_prob for h in found]), expected.detach(), atol=1e-4)


@pytest.mark.parametrize("layer", [None, GRU])
@pytest.mark.parametrize("search", SEARCHES, ids=lambda made: getattr(made, "__name__", type(made).__name__))
def test_a_sentence_does_not_depend_on_its_batch(search: Search, layer: type | None) -> None:
    torch.manual_seed(1)
    decoder = RecurrentDecoder(40, 2, embedding=8, hidden=16, **({"layer": layer} if layer else {}))
    z, keys = latents(12), torch.arange(100, 112)
    together = search(decoder, z, 8, keys=keys, seed=5)
    alone = [search(decoder, z[i : i + 1], 8, keys=keys[i : i + 1], seed=5)[0] for i in range(12)]
    backwards = search(decoder, z.flip(0), 8, keys=keys.flip(0), seed=5)[::-1]
    assert [h.words for h in together] == [h.words for h in alone] == [h.words for h in backwards]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda made: getattr(made, "__name__", type(made).__name__))
def test_given_words_blanks_and_ends_are_kept(search: Search) -> None:
    decoder, z = TableDecoder(12, 2), latents(80)
    fixed = torch.tensor([[5, BLANK, 6, BLANK, EOS, FREE]]).expand(80, -1).clone()
    fixed[1::2] = torch.tensor([8, 9, FREE, FREE, FREE, FREE])
    found = search(decoder, z, 7, fixed)
    for closed in found[::2]:
        assert (closed.words[0], closed.words[2], len(closed.words)) == (5, 6, 4)
        assert {closed.words[1], closed.words[3]}.isdisjoint({PAD, UNK, BOS, EOS})
    for started in found[1::2]:
        assert started.words[:2] == [8, 9]
    assert len({tuple(h.words) for h in found[1::2]}) > 5


def test_blanks_are_filled_with_the_best_word() -> None:
    decoder, z = TableDecoder(9, 2), latents(20)
    fixed = torch.tensor([[5, BLANK, 6, EOS]]).expand(20, -1)
    for hypothesis, one in zip(Beam(6)(decoder, z, 9, fixed), z, strict=True):
        options = [[5, w, 6] for w in range(4, 9)]
        assert hypothesis.words == options[int(log_probs(decoder, one, options).argmax())]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda made: getattr(made, "__name__", type(made).__name__))
def test_special_words_and_the_longest_length(search: Search) -> None:
    decoder, z = TableDecoder(8, 2, sharpness=0.5, ending=-4.0), latents(200)
    found = search(decoder, z, 4)
    assert max(len(h.words) for h in found) == 4
    assert not {w for h in found for w in h.words} & {PAD, BOS, EOS}
    assert UNK in {w for h in found for w in h.words}
    assert not any(UNK in h.words for h in search(decoder, z, 4, unknown=False))
    assert search(decoder, z[:1], 0)[0].words == []
    long = search(decoder, z[:1], 2, torch.tensor([[4, 5, 6, 7, 4]]))[0]
    assert long.words == [4, 5, 6, 7, 4]
    assert search(decoder, z[:0]) == []


def test_samples_follow_the_model() -> None:
    """4 s.e. on every two-word sentence's frequency, in 20,000 samples."""
    decoder, n = TableDecoder(7, 2, sharpness=0.7), 20_000
    z = latents(1).expand(n, -1)
    sentences = every_sentence(WORDS, 2)
    found = [tuple(h.words) for h in Sample()(decoder, z, 2, unknown=True, seed=3)]
    table = decoder.table.clone()
    allowed = torch.ones(7, dtype=torch.bool)
    allowed[[PAD, BOS]] = False

    def probability(sentence: list[int]) -> float:
        state, total = decoder.start(z[:1]), 1.0
        for token, target in zip([BOS, *sentence], [*sentence, EOS], strict=True):
            log_p, state = decoder.step(torch.tensor([token]), state)
            p = log_p[0].exp() * allowed
            total *= float(p[target] / p.sum()) if len(sentence) < 2 or target != EOS else 1.0
        return total

    assert table is not decoder.table
    total = 0.0
    for sentence in sentences:
        p = probability(sentence)
        total += p
        frequency = found.count(tuple(sentence)) / n
        assert abs(frequency - p) < 4 * (p * (1 - p) / n) ** 0.5 + 1e-9
    assert total == pytest.approx(1.0)


def test_sampling_options_cut_what_they_say() -> None:
    decoder, z = TableDecoder(9, 2), latents(300)
    greedy = [h.words for h in Greedy()(decoder, z, 6)]
    assert [h.words for h in Sample(top_k=1)(decoder, z, 6)] == greedy
    assert [h.words for h in Sample(top_p=1e-6)(decoder, z, 6)] == greedy
    assert [h.words for h in Sample(temperature=1e-4)(decoder, z, 6)] == greedy
    same = z[:1].expand(500, -1)
    first = {h.words[0] if h.words else EOS for h in Sample(top_k=2)(decoder, same, 6)}
    assert len(first) == 2
    assert Sample()(decoder, z, 6, seed=1) != Sample()(decoder, z, 6, seed=2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Beam(0),
        lambda: Beam(3, -1.0),
        lambda: Sample(temperature=0.0),
        lambda: Sample(top_k=-1),
        lambda: Sample(top_p=0.0),
        lambda: Sample(temperature=float("nan")),
        lambda: Sample(temperature=float("inf")),
        lambda: Sample(temperature=1e-45),
    ],
)
def test_options_out_of_range_are_refused(make) -> None:
    with pytest.raises(UserError):
        make()
