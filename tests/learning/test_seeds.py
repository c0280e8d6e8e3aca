"""Randomness is a function of seed and step, the same in every version."""

import pytest

from undersong.learning.seeds import mix

KNOWN = {
    (0, 0): 12035550249420947055,
    (0, 1): 3069472533636442495,
    (1, 0): 6791897765849424158,
    (0, -1): 627405149472732430,
    (-1, 3): 209967342931450243,
    (2**63 - 1, 10**6): 5830477481590414095,
    (12345, 678): 7655433675965778312,
}


@pytest.mark.parametrize(("seed", "step"), list(KNOWN))
def test_seed_and_step_are_mixed_to_the_same_bits_for_ever(seed: int, step: int) -> None:
    assert mix(seed, step) == KNOWN[seed, step]
