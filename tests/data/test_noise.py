"""Noise by key has the same bits in every version, so that a run goes on as it began."""

import numpy as np

from undersong.data.noise import keyed_uniform, splitmix64


def test_splitmix64_gives_the_numbers_of_the_generator_of_that_name() -> None:
    """From state 1234567 on, those that others publish for it; a state is the one before it and the golden ratio."""
    states = 1234567 + np.arange(5, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert splitmix64(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert splitmix64(np.array([[0, 1], [2**64 - 1, 0]], np.uint64)).tolist() == [
        [16294208416658607535, 10451216379200822465],
        [16490336266968443936, 16294208416658607535],
    ]


def test_keyed_uniform_never_changes() -> None:
    assert keyed_uniform(7, np.array([0, 5]), 3).tolist() == [
        [0.40917949860472513, 0.9967371806238688, 0.10139297579134521],
        [0.6799228302431154, 0.4955184591644982, 0.038280125444962954],
    ]
    assert keyed_uniform(-1, np.array([2**40]), 2).tolist() == [[0.9091966824682064, 0.5310438612566385]]
