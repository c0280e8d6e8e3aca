"""However slowly a query is followed, only so much of its source is read ahead: memory does not grow with a corpus."""

import time
from collections.abc import Iterator

import pyarrow as pa
from tests.data.conftest import sentences

from undersong.data.corpora.source import BLOCK, Part, Source, of_rows
from undersong.data.query import STEP, Rules, lines, own_gate, run

BLOCKS = 40
RULES = Rules(5, 30, True, (0.9, 0.05, 0.05), frozenset(), False)


def test_a_source_is_never_more_than_twelve_steps_and_a_block_ahead() -> None:
    gate = own_gate()
    assert gate is not None
    (block,) = of_rows((number, line, None) for number, line in enumerate(sentences(BLOCK), 1))
    ahead: list[int] = []

    def read() -> Iterator[pa.RecordBatch]:
        for number in range(BLOCKS):
            ahead.append(number * BLOCK - gate.done)
            yield block

    for _ in run(lines(Source([Part("lines", read)]), RULES, gate), gate):
        time.sleep(0.01)
    assert gate.done == BLOCKS * BLOCK
    assert 0 < max(ahead) <= 12 * STEP + BLOCK
