"""Greedy search: x_t = argmax log p(x_t | x_<t, z). Knows nothing of other hypotheses."""

from torch import Tensor

from undersong.decoding.constraint import Constraint
from undersong.decoding.search import Hypothesis, Search
from undersong.decoding.single import write
from undersong.nets import Reader, State
from undersong.nets.allowed import Allowed


class Greedy(Search):
    """The most probable word each time."""

    def run(self, decoder: Reader, z: Tensor, rule: Constraint, keys: Tensor, seed: int) -> list[Hypothesis]:
        """One sentence for each z [N, D]; there is no noise."""

        def choose(token: Tensor, state: State, allowed: Allowed, rows: Tensor, step: int):
            log_p, words, state = decoder.best(token, state, 1, allowed)
            return log_p[:, 0], words[:, 0], state

        return write(decoder, z, rule, choose)
