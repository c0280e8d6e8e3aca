"""Expectation maximisation: a fall is found out, and it agrees with closed forms and other libraries."""

import itertools
from collections.abc import Callable

import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score
from sklearn.naive_bayes import MultinomialNB
from tests.learning.counting import VOCAB, random_batches
from tests.models.learning import climb, never_fell, system
from torch import Tensor

from undersong.data.batch import BOS, EOS, PAD, Batch
from undersong.distributions import Assignment
from undersong.errors import UserError
from undersong.inference import Exact, Observed
from undersong.learning import EM, ViterbiEM
from undersong.models import DMV, HMM, PCFG, VAE, FactorialHMM, MixtureOfUnigrams
from undersong.models.base import Counts
from undersong.models.tabular import Tabular
from undersong.nets import Table


@pytest.mark.parametrize("learner", [EM, ViterbiEM])
def test_in_double_precision_it_does_not_fall_at_all(learner: Callable[..., EM]) -> None:
    torch.manual_seed(3)
    em = learner(system(MixtureOfUnigrams(VOCAB, 4).double()), tolerance=0.0)
    found = climb(em, random_batches(), epochs=80)
    assert all(b >= a - 1e-12 for a, b in itertools.pairwise(found))


class Wrong(MixtureOfUnigrams):
    """Loses half of its counts, another half each time: a planted bug."""

    def expect(self, x: Batch, q: torch.distributions.Distribution, hard: bool = False) -> tuple[Tensor, Counts]:
        bound, counts = super().expect(x, q, hard)
        return bound, {**counts, "words": counts["words"] * (torch.rand(VOCAB, 1) < 0.5)}


def test_counts_that_do_not_fit_are_found_out_undone_and_said() -> None:
    torch.manual_seed(3)
    em = EM(system(Wrong(VOCAB, 3)), tolerance=0.0)
    found = climb(em, random_batches())
    said = em.finished()
    assert said is not None
    assert "lowered the objective" in said
    model, x = em.system.model, random_batches()
    with torch.no_grad():
        total = sum(float(model.log_marginal(each).double().sum()) for each in x) + float(model.log_prior())
    assert found[-1] < found[-2] - 1e-3
    assert total / 36 == pytest.approx(found[-2], abs=1e-4)  # the parameters are those before the fall
    assert never_fell(EM(em.system), found[:-1])
    assert not never_fell(em, found[:-1])


def test_counts_of_no_table_and_tables_without_counts_are_refused() -> None:
    model = MixtureOfUnigrams(VOCAB, 3)
    with model.counting():
        _, counts = model.expect(x := random_batches()[0], model.posterior(x))
    model.maximise(counts)
    before = model.words().detach()
    for wrong in ({**counts, "wrods": counts["words"]}, {"words": counts["words"]}):
        with pytest.raises(ValueError, match="tables weights, words"):
            model.maximise(wrong)
    assert torch.equal(model.words(), before)


def test_it_says_why_it_stopped() -> None:
    em = EM(system(MixtureOfUnigrams(VOCAB, 2)), tolerance=1e-3)
    found = climb(em, random_batches())
    said = em.finished()
    assert said is not None
    assert "converged after" in said
    assert f"{len(found)} M-steps" in said
    assert found[-1] - found[-2] <= 1e-3 * abs(found[-2])
    assert found[-2] - found[-3] > 1e-3 * abs(found[-3])


def test_the_closed_form_pools_counts() -> None:
    """One M-step from pi_zv = (sum_n q_nz c_nv + a) / (sum_n q_nz T_n + V a), term by term."""
    model = MixtureOfUnigrams(VOCAB, 3, smoothing=0.7).double()
    x = random_batches(count=1)[0]
    q = model.posterior(x).marginals[0].detach()  # [B, K]
    words = torch.zeros(len(x), VOCAB, dtype=torch.float64)  # c_nv
    for row in range(len(x)):
        for word in x.tokens[row, : x.lengths[row]].tolist():
            words[row, word] += 1
    climb(EM(system(model)), [x], epochs=1)
    expected = (q.T @ words + 0.7) / ((q.T @ x.lengths.double()) + VOCAB * 0.7)[:, None]
    torch.testing.assert_close(model.words().T.exp(), expected)
    torch.testing.assert_close(model.weights().exp(), (q.sum(0) + 0.7) / (len(x) + 3 * 0.7))


@pytest.mark.parametrize("smoothing", [0.5, 1.0])
def test_with_every_label_given_it_is_naive_bayes(smoothing: float) -> None:
    x = random_batches(count=1, size=40)[0]
    labels = torch.arange(40) % 3
    model = MixtureOfUnigrams(VOCAB, 3, smoothing=smoothing).double()
    model.weights.smoothing = 0.0  # scikit-learn smooths the words alone
    climb(EM(system(model, Observed)), [Batch(x.tokens, x.lengths, x.index, labels=labels)], epochs=1)
    bags = torch.zeros(40, VOCAB).index_put_(
        (torch.arange(40).repeat_interleave(x.lengths), x.tokens[x.mask[:, 1:]]), torch.ones(()), accumulate=True
    )
    bayes = MultinomialNB(alpha=smoothing).fit(bags.numpy(), labels.numpy())
    torch.testing.assert_close(model.words().T, torch.tensor(bayes.feature_log_prob_), atol=1e-6, rtol=0)
    torch.testing.assert_close(model.weights(), torch.tensor(bayes.class_log_prior_), atol=1e-6, rtol=0)
    posterior = torch.tensor(bayes.predict_proba(bags.numpy()))
    torch.testing.assert_close(model.posterior(x).marginals[0], posterior, atol=1e-6, rtol=0)


def planted(seed: int, clusters: int, clear: float) -> MixtureOfUnigrams:
    """A mixture whose clusters prefer different words, the more so the clearer."""
    torch.manual_seed(seed)
    model = MixtureOfUnigrams(34, clusters, smoothing=0.0)
    p = torch.distributions.Dirichlet(torch.full((34,), 1 / clear)).sample((clusters,)).T
    p[[PAD, BOS, EOS]] = 0.0  # which are never written
    model.words.maximise(p)
    model.weights.maximise(torch.ones(clusters) + torch.arange(clusters) / clusters)
    return model


def test_a_planted_mixture_is_found() -> None:
    truth = planted(0, clusters=3, clear=2.0)
    _, seen = truth.sample(1800, max_words=8)
    z, held = truth.sample(600, max_words=8)
    model = MixtureOfUnigrams(34, 3, smoothing=0.1)
    climb(EM(system(model), restarts=5), [seen])
    with torch.no_grad():
        ours, theirs = (float(m.log_marginal(held).mean()) for m in (model, truth))
    assert abs(ours - theirs) < 0.01 * abs(theirs)
    found = normalized_mutual_info_score(z.numpy(), model.posterior(held).mode.numpy())
    best = normalized_mutual_info_score(z.numpy(), truth.posterior(held).mode.numpy())
    assert found > 0.95 * best


def test_a_few_labels_help() -> None:
    gains = []
    for seed in range(4):
        z, x = planted(seed, clusters=4, clear=0.5).sample(400, max_words=6)
        some = torch.where(torch.arange(400) % 4 == 0, z, -1)
        partly = Batch(x.tokens, x.lengths, x.index, labels=some)
        rest = some < 0
        scores = []
        for inference in (Exact, Observed):
            torch.manual_seed(seed)
            model = MixtureOfUnigrams(34, 4, smoothing=0.1)
            climb(EM(system(model, inference)), [partly])
            scores.append(normalized_mutual_info_score(z[rest].numpy(), model.posterior(x).mode[rest].numpy()))
        gains.append(scores[1] - scores[0])
    assert sum(gains) / 4 > 0.05
    assert min(gains) > -0.02


def test_a_step_after_the_end_changes_nothing() -> None:
    batches = random_batches()
    em = EM(system(MixtureOfUnigrams(VOCAB, 2)), tolerance=1.0)
    climb(em, batches)
    before = em.system.model.words().detach()
    assert float(em.step(batches[0], 99)["loss"]) > 0
    em.end_epoch()
    assert torch.equal(em.system.model.words(), before)


class Impossible(MixtureOfUnigrams):
    """Says that sentences of one word cannot be."""

    def posterior(self, x: Batch, *, given: bool = False) -> Assignment:
        (scores,) = super().posterior(x).potentials
        return Assignment(scores.masked_fill(x.lengths[:, None] < 2, -torch.inf))


def test_impossible_sentences_are_left_out_and_reported() -> None:
    em = EM(system(Impossible(VOCAB)))
    em.step(Batch.of([[5, 6], [7], [8, 9, 4], [5]]), 0)
    assert float(em.end_epoch()["impossible"]) == 0.5
    em = EM(system(Impossible(VOCAB)))
    em.step(Batch.of([[7], [5]]), 0)
    with pytest.raises(UserError, match="No sentence is possible"):
        em.end_epoch()


NEVER = VOCAB - 1  # a word that no state, preterminal or cluster writes
WITHOUT: dict[str, Callable[[], Tabular | FactorialHMM]] = {
    "unigrams": lambda: MixtureOfUnigrams(VOCAB, 3),
    "hmm": lambda: HMM(VOCAB, 3),
    "factorial hmm": lambda: FactorialHMM(VOCAB, 2, 2),
    "pcfg": lambda: PCFG(VOCAB, 2, 3),
    "dmv": lambda: DMV(VOCAB, harmonic=None),
}


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("name", list(WITHOUT))
def test_impossible_sentences_are_counted_nowhere(name: str, hard: bool) -> None:
    torch.manual_seed(1)
    model = WITHOUT[name]()
    with torch.no_grad():
        for table in (part for part in model.modules() if isinstance(part, Table)):
            if table.logits.shape[table.over] == VOCAB:
                table.logits.movedim(table.over, 0)[NEVER] = -torch.inf
    found = []
    for x in (Batch.of([[5, 6, 7], [8, 8]]), Batch.of([[5, 6, 7], [NEVER, 5], [8, 8], [6, NEVER, NEVER]])):
        with model.counting(), torch.enable_grad():
            bound, counts = model.expect(x, model.posterior(x), hard)
        assert int(bound.isneginf().sum()) == len(x) - 2
        found.append(counts)
    assert found[0].keys() == found[1].keys()
    for key, count in found[0].items():
        assert float(count.sum()) > 0
        torch.testing.assert_close(found[1][key], count)


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(UserError, match="VAE cannot"):
        EM(system(VAE(VOCAB, 2)))
    with pytest.raises(UserError, match="restart"):
        EM(system(MixtureOfUnigrams(VOCAB)), restarts=0)
    assert isinstance(MixtureOfUnigrams(VOCAB).weights, Table)
