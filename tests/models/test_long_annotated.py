"""An annotated sentence too long for memory is refused as any other is, before its annotation is made a table."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from undersong.data.batch import Batch
from undersong.distributions import memory
from undersong.errors import UserError
from undersong.models import DMV, PCFG, CompoundPCFG, brackets, dependencies

WORDS = 300
SENTENCE = Batch(torch.full((1, WORDS), 5), torch.tensor([WORDS]), torch.tensor([0]))
HEADS = torch.arange(WORDS)[None]  # each word hangs on the one before
SPANS = torch.tensor([[[0, WORDS, 0], [2, 5, 0]]])


def compound(x: Batch, *, given: bool) -> Any:
    model = CompoundPCFG(9, latent=2, nonterminals=2, preterminals=2, size=4)
    return model.structure(x, torch.zeros(1, 2), given=given)


CASES: dict[str, Callable[..., Any]] = {
    "pcfg": PCFG(9, 2, 2).posterior,
    "compound pcfg": compound,
    "dmv": DMV(9).posterior,
}


@pytest.mark.parametrize("name", list(CASES))
def test_it_is_refused_before_its_annotation_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = Batch(SENTENCE.tokens, SENTENCE.lengths, SENTENCE.index, heads=HEADS, spans=SPANS)
    monkeypatch.setattr(memory, "SMALL", 0)
    monkeypatch.setattr(memory, "available", lambda device: 200_000)
    with pytest.raises(UserError, match="leave out") as plain:
        _ = CASES[name](SENTENCE, given=False).log_partition

    def read(*annotation: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(brackets, "crossing", read)
    monkeypatch.setattr(dependencies, "contradicted", read)
    with pytest.raises(UserError) as annotated:
        CASES[name](x, given=True)
    assert str(annotated.value) == str(plain.value)
