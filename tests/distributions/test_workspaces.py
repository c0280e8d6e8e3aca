"""Memory that is used again: nothing of the last use is seen, two borrowers never share, and little is kept."""

import gc
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from tests.distributions.scores import Scores
from tests.distributions.trees import dependency, valence

from undersong.distributions import log_heads
from undersong.distributions.scaled_heads import ByArc, ByValence
from undersong.distributions.structured import Structured
from undersong.distributions.workspaces import Workspaces

CPU = torch.device("cpu")


class Room:
    def __init__(self, size: int, device: torch.device):
        self.tensor = torch.zeros(size, dtype=torch.uint8, device=device)
        self.nbytes = size


def test_a_workspace_is_lent_again_but_never_to_two_at_once():
    some = Workspaces()
    with some.lent(Room, 8, device=CPU) as first, some.lent(Room, 8, device=CPU) as second:
        assert first is not second
    with some.lent(Room, 9, device=CPU) as other:
        assert other is not first
        assert other is not second
    with some.lent(Room, 8, device=CPU) as again:
        assert again is first
        assert some.nbytes == 9
    assert some.nbytes == 17


def test_what_was_not_used_for_longest_is_not_kept():
    some = Workspaces(kept=100)
    rooms = {}
    for size in (40, 50, 40, 60):
        with some.lent(Room, size, device=CPU) as rooms[size]:
            pass
        assert some.nbytes <= 100
    assert some.nbytes == 100
    with some.lent(Room, 40, device=CPU) as again:
        assert again is rooms[40]
    with some.lent(Room, 50, device=CPU) as again:
        assert again is not rooms[50]
    with some.lent(Room, 101, device=CPU) as large:
        pass
    with some.lent(Room, 101, device=CPU) as again:
        assert again is not large


def test_what_an_error_interrupted_is_not_used_again():
    some = Workspaces()
    with pytest.raises(ZeroDivisionError), some.lent(Room, 8, device=CPU) as broken:
        1 / 0  # noqa: B018
    assert some.nbytes == 0
    with some.lent(Room, 8, device=CPU) as again:
        assert again is not broken


def test_where_work_may_still_wait_for_it_none_is_kept():
    some = Workspaces()
    with some.lent(Room, 8, device=torch.device("meta")) as first:
        pass
    assert some.nbytes == 0
    with some.lent(Room, 8, device=torch.device("meta")) as second:
        assert second is not first


def test_one_made_in_inference_mode_serves_everyone():
    some = Workspaces()
    with torch.inference_mode(), some.lent(Room, 8, device=CPU) as room:
        room.tensor += 1
    with some.lent(Room, 8, device=CPU) as room:
        room.tensor += 1
        assert room.tensor.tolist() == [2] * 8


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc what is used")
@pytest.mark.parametrize("kind", [ByArc, ByValence])
def test_what_is_counted_is_what_is_used(kind):
    def used() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = used()
    some = [kind(20, 1, CPU) for _ in range(200)]
    assert used() - before < 1.3 * sum(each.nbytes for each in some)  # less where memory was lying ready


def made(kind: str, seed: int, scale: float = 1.0, forbidden: float = 0.0) -> Structured:
    scores, lengths = Scores(seed, scale, forbidden), [9, 7, 4]
    return {"single": lambda: dependency(scores, lengths), "several": lambda: dependency(scores, lengths, True)}.get(
        kind, lambda: valence(scores, lengths)
    )()


def bits(kind: str, seed: int) -> list[torch.Tensor]:
    dist = made(kind, seed)
    return [dist.log_partition, *dist.marginals]


@pytest.mark.parametrize("kind", ["single", "several", "valence"])
def test_what_was_computed_before_is_not_seen(kind):
    before = bits(kind, 1)
    for scale, forbidden in ((1e4, 0.3), (300.0, 0.0), (1.0, 1.0)):
        other = made(kind, 2, scale, forbidden)
        assert other.marginals[0].isfinite().all()
        assert all(torch.equal(a, b) for a, b in zip(bits(kind, 1), before, strict=True))
    broken = made(kind, 3)
    broken.potentials[0].fill_(torch.nan)
    assert broken.log_partition.isnan().all()
    assert all(torch.equal(a, b) for a, b in zip(bits(kind, 1), before, strict=True))


@pytest.mark.parametrize("kind", ["single", "several", "valence"])
def test_results_do_not_change_when_another_is_computed(kind):
    dist = made(kind, 1)
    leaves = [p.clone().requires_grad_() for p in dist.potentials]
    value = dist.replace(leaves).log_partition
    kept = value.detach().clone()
    bits(kind, 2)
    first = torch.autograd.grad(value.sum(), leaves, retain_graph=True)
    copies = [g.clone() for g in first]
    bits(kind, 3)
    second = torch.autograd.grad(2 * value.sum(), leaves)
    assert torch.equal(value, kept)
    for a, copy, b in zip(first, copies, second, strict=True):
        assert torch.equal(a, copy)
        torch.testing.assert_close(b, 2 * a)


def test_threads_do_not_share():
    want = {seed: bits("single", seed) for seed in range(8)}
    with ThreadPoolExecutor(4) as pool:
        for seed, found in zip(list(range(8)) * 10, pool.map(lambda s: bits("single", s % 8), range(80)), strict=True):
            assert all(torch.equal(a, b) for a, b in zip(found, want[seed], strict=True))


def test_inference_mode_first_and_training_after(monkeypatch):
    monkeypatch.setattr(log_heads, "_WORKSPACES", Workspaces())
    with torch.inference_mode():
        made("valence", 5).log_partition.sum()
    dist = made("valence", 5)
    leaves = [p.clone().requires_grad_() for p in dist.potentials]
    dist.replace(leaves).log_partition.sum().backward()
    assert all(leaf.grad is not None for leaf in leaves)


@pytest.mark.parametrize("kind", ["single", "several", "valence"])
def test_gradients_are_not_looked_for_where_none_are_recorded(kind, monkeypatch):
    dist = made(kind, 1)
    learning = dist.replace([p.clone().requires_grad_() for p in dist.potentials])
    for heads in (ByArc, ByValence):
        monkeypatch.setattr(heads, "outside", lambda self: pytest.fail("an outside pass"))
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert torch.equal(learning.replace(learning.potentials).log_partition, dist.log_partition)


_FORKED = """
import os, sys
from tests.distributions.test_workspaces import bits
want = bits("single", 1)
child = os.fork()
if child == 0:
    os._exit(0 if all((a == b).all() for a, b in zip(bits("single", 1), want)) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_finds_the_same():
    """Where torch's threads have run, theirs are missing in the child, which would wait for them for ever."""
    env = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", _FORKED], env=env, timeout=60).returncode == 0
