"""A decoder laid out for search gives the numbers of its own ``step``."""

from functools import partial

import pytest
import torch

from undersong.nets import GRU, RecurrentDecoder
from undersong.nets.allowed import Allowed, best_words
from undersong.nets.precision import BF16, using

DECODERS = {
    "lstm": RecurrentDecoder,
    "gru": partial(RecurrentDecoder, layer=GRU),
    "state": partial(RecurrentDecoder, z_to_inputs=False, z_to_state=True),
    "tied": partial(RecurrentDecoder, tied=True, z_to_state=True),
}


def everything(rows: int) -> Allowed:
    return Allowed(torch.zeros(rows, 4, dtype=torch.bool))


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
@pytest.mark.parametrize(("precision", "tolerance"), [(None, 1e-5), (BF16, 0.05)])
@torch.no_grad()
def test_every_step_is_the_decoders_own(make, precision, tolerance: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undersong.nets.quick._CHUNK", 700)  # several chunks
    torch.manual_seed(0)
    decoder, z = make(60, 3, embedding=8, hidden=16).eval(), torch.randn(9, 3)
    token, own = torch.full((9,), 2), decoder.start(z)
    with using(decoder, precision or decoder.vocabulary.precision):
        quick = decoder.quick()
        state = quick.start(z)
        for _ in range(4):
            log_p, own = decoder.step(token, own)
            whole, _ = quick.step(token, state)
            values, words, state = quick.best(token, state, 5, everything(9))
            torch.testing.assert_close(whole, log_p, atol=tolerance, rtol=0)
            torch.testing.assert_close(values, best_words(log_p, 5, everything(9))[0], atol=tolerance, rtol=0)
            torch.testing.assert_close(values, log_p.gather(1, words), atol=tolerance, rtol=0)
            token = words[:, 1]


@torch.no_grad()
def test_forced_and_banned_words_in_bf16() -> None:
    torch.manual_seed(0)
    decoder, z = RecurrentDecoder(60, 3, embedding=8, hidden=16).eval(), torch.randn(3, 3)
    banned = torch.zeros(3, 4, dtype=torch.bool)
    banned[1] = True
    allowed = Allowed(banned, torch.tensor([40, -1, -1]))
    token = torch.full((3,), 2)
    with using(decoder, BF16):
        quick = decoder.quick()
        values, words, _ = quick.best(token, quick.start(z), 60, allowed)
        log_p, _ = quick.step(token, quick.start(z))
    assert words[0, 0] == 40
    assert abs(float(values[0, 0] - log_p[0, 40])) < 0.05
    assert bool((values[0, 1:] == -torch.inf).all())
    assert bool((words[1][values[1] > -torch.inf] > 3).all())
    assert set(words[2].tolist()) == set(range(60))


@pytest.mark.parametrize("precision", [None, BF16])
@torch.no_grad()
def test_only_some_words_may_come(precision) -> None:
    """Their log-probabilities stay those among all words, whatever the most probable word is."""
    torch.manual_seed(0)
    decoder, z = RecurrentDecoder(60, 3, embedding=8, hidden=16).eval(), torch.randn(3, 3)
    decoder.vocabulary.bias[7] = 5.0  # far more probable than all the rest, and never allowed
    some = torch.rand(3, 60) < 0.3
    some[:, 7], some[:, 2], some[2] = False, True, True
    allowed = Allowed(torch.tensor([[True] * 4] * 3), None, some)
    token = torch.full((3,), 2)
    with using(decoder, precision or decoder.vocabulary.precision):
        quick = decoder.quick()
        values, words, _ = quick.best(token, quick.start(z), 60, allowed)
        log_p, _ = quick.step(token, quick.start(z))
    for row in range(3):
        found = values[row] > -torch.inf
        assert set(words[row][found].tolist()) == {w for w in range(4, 60) if some[row, w]}
        torch.testing.assert_close(values[row][found], log_p[row][words[row][found]], atol=0.05, rtol=0)


@pytest.mark.parametrize("k", [1, 2, 11])
@torch.no_grad()
def test_rounding_lets_no_near_words_swap(k: int) -> None:
    """Of 2,000 states among 5,000 words the first is nearly never another, and few of the first k are."""
    torch.manual_seed(0)
    decoder = RecurrentDecoder(5000, 3, embedding=8, hidden=64).eval()
    decoder.vocabulary.weight.mul_(40)
    z = 3 * torch.randn(2000, 3)
    token = torch.randint(4, 5000, (2000,))
    exact, words, _ = decoder.quick().best(token, decoder.start(z), k, everything(2000))
    with using(decoder, BF16):
        state = decoder.start(z)
        found, chosen, _ = decoder.quick().best(token, state, k, everything(2000))
        rough = decoder.quick().step(token, state)[0].argmax(1)
    same = (chosen[:, 0] == words[:, 0]).float().mean()
    assert float((rough == words[:, 0]).float().mean()) < float(same)  # which rounded logits alone would not give
    assert float(same) > 0.995
    assert float((chosen.sort(1).values == words.sort(1).values).all(1).float().mean()) > 0.93  # 0.86 if cut first
    torch.testing.assert_close(found[:, 0], exact[:, 0], atol=0.05, rtol=0)
