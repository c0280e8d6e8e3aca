"""The dependency model with valence against its generative story, told tree by tree."""

from functools import partial

import numpy as np
import pytest
import torch
from tests.models.learning import directional_derivative
from tests.models.stories import log_sum, projective_trees, told

from undersong.data.batch import Batch
from undersong.draw import draw
from undersong.errors import UserError
from undersong.models import DMV, NeuralDMV
from undersong.models.harmonic import harmonic

X = Batch.of([[5, 6, 4, 6], [4], [7, 5, 4], [6, 5]])
MAKERS = {
    "tables": DMV,
    "child valence": partial(DMV, child_valence=True),
    "network": partial(NeuralDMV, size=3, hidden=4),
}


def make(name: str = "tables", seed: int = 0) -> DMV | NeuralDMV:
    torch.manual_seed(seed)
    return MAKERS[name](8).double()


def sentences(x):
    return [row[:length].tolist() for row, length in zip(x.tokens, x.lengths, strict=True)]


def trees_of(model, words):
    tables = model.attachments()
    lists = tables.root.tolist(), tables.attach.tolist(), tables.decide.tolist()
    return [(heads, told(*lists, words, heads)) for heads in projective_trees(len(words))]


def test_a_sentence_too_long_is_refused_before_anything_is_allocated():
    for model in (DMV(20), NeuralDMV(20)):
        for use in (model.log_marginal, model.prior, lambda x, model=model: model.posterior(x, given=True)):
            with pytest.raises(UserError, match=r"1 sentences of up to 400000 words needs .* more than \d+ words"):
                use(Batch.of([[5] * 400_000]))


def test_the_oracle_knows_how_many_trees_there_are():
    """1, 2, 7, 30: binomial(3n - 2, n - 1) / n ... of n words, counted by hand for the first three."""
    assert [len(projective_trees(n)) for n in (1, 2, 3, 4)] == [1, 2, 7, 30]


@pytest.mark.parametrize("name", MAKERS)
def test_the_likelihood_is_the_sum_over_all_trees(name):
    model = make(name)
    expected = [log_sum([p for _, p in trees_of(model, words)]) for words in sentences(X)]
    torch.testing.assert_close(model.log_marginal(X), torch.tensor(expected).double())


@pytest.mark.parametrize("name", MAKERS)
def test_prior_and_likelihood_make_the_joint_of_every_tree(name):
    model = make(name)
    p = model.prior(X)
    for row, words in enumerate(sentences(X)):
        for heads, expected in trees_of(model, words):
            z = torch.zeros(1, *X.tokens.shape, dtype=torch.int64)
            for other, known in enumerate(sentences(X)):
                z[0, other, : len(known)] = torch.tensor(heads if other == row else projective_trees(len(known))[0])
            joint = (model.log_likelihood(X, z) + p.log_prob(z))[0, row]
            assert joint.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", MAKERS)
def test_with_trees_from_the_posterior_every_weight_is_the_likelihood(name):
    model = make(name)
    q = model.posterior(X)
    torch.manual_seed(3)
    d = draw(model, X, q, q.sample((6,)))
    torch.testing.assert_close(d.log_w, model.log_marginal(X).expand(6, -1))


def test_the_mode_is_the_best_tree_of_all():
    model = make(seed=4)
    mode = model.posterior(X).mode
    for row, words in enumerate(sentences(X)):
        best, _ = max(trees_of(model, words), key=lambda found: found[1])
        assert tuple(mode[row, : len(words)].tolist()) == best


@pytest.mark.parametrize("name", ["tables", "child valence"])
def test_expected_counts_are_those_of_enumeration(name):
    model = make(name)
    with model.counting():
        _, counts = model.expect(X, model.posterior(X))
    expected = {table: torch.zeros_like(part.logits) for table, part in model.tables.items()}
    for words in sentences(X):
        found = trees_of(model, words)
        total = log_sum([p for _, p in found])
        for heads, p in found:
            count(expected, words, heads, float(np.exp(p - total)))
    for table in counts:
        torch.testing.assert_close(counts[table].double(), expected[table])


def count(tables, words, heads, share):
    """Add which entries the story of one tree uses."""
    tables["root"][words[heads.index(0)]] += share
    for place, word in enumerate(words, 1):
        for side in (0, 1):
            children = [c for c, h in enumerate(heads, 1) if h == place and (c > place) == bool(side)]
            if side == 0:
                children.reverse()
            for number, child in enumerate(children):
                tables["decide"][word, side, min(number, 1), 1] += share
                tables["attach"][word, side, min(number, tables["attach"].shape[2] - 1), words[child - 1]] += share
            tables["decide"][word, side, min(len(children), 1), 0] += share


def test_known_heads_leave_the_trees_that_have_them():
    model = make()
    heads = torch.tensor([[2, -1, 4, -1], [0, -1, -1, -1], [-1, 0, -1, -1], [-1, -1, -1, -1]])
    x = Batch(X.tokens, X.lengths, X.index, heads=heads)
    expected = []
    for row, words in enumerate(sentences(X)):
        known = heads[row, : len(words)].tolist()
        agree = [p for tree, p in trees_of(model, words) if all(k in (-1, h) for k, h in zip(known, tree, strict=True))]
        expected.append(log_sum(agree))
    q = model.posterior(x, given=True)
    torch.testing.assert_close(q.log_partition, torch.tensor(expected).double())
    drawn = q.sample((10,))
    assert ((drawn == heads) | (heads < 0) | ~X.mask[:, 1:]).all()
    torch.testing.assert_close(model.posterior(x).log_partition, model.log_marginal(X))


@pytest.mark.parametrize("bad", [[3, 4, 0, 3], [2, 1, -1, -1], [0, 0, -1, -1]])
def test_heads_that_make_no_tree_are_set_aside_with_a_warning(bad):
    """Crossing arcs, a cycle, two roots."""
    model = make()
    x = Batch(X.tokens, X.lengths, X.index, heads=torch.tensor([bad, [-1] * 4, [2, 0, 2, -1], [-1] * 4]))
    with pytest.warns(UserWarning, match="1 of 4 sentences"):
        q = model.posterior(x, given=True)
    torch.testing.assert_close(q.log_partition[:2], model.log_marginal(X)[:2])
    assert q.log_partition[2] < model.log_marginal(X)[2]
    with torch.no_grad():
        model.root.logits[7] = -torch.inf
        model.root.logits[5] = -torch.inf
        model.root.logits[4] = -torch.inf
    good = Batch(X.tokens, X.lengths, X.index, heads=torch.tensor([[-1] * 4, [-1] * 4, [2, 0, 2, -1], [-1] * 4]))
    assert (
        model.posterior(good, given=True).log_partition[2] == -torch.inf
    )  # the model's own zero, not the annotation's


def test_in_the_harmonic_start_every_word_has_one_head():
    x = Batch.of([[5, 6, 4], [6]])
    found = harmonic(x, constant=2.0)
    each = found.attach.sum(-1)
    third, fourth = 1 / 3, 1 / 4  # 1 / (2 + distance)
    near, far = 2 / 3 * third / (third + fourth), 2 / 3 * fourth / (third + fourth)
    expected = [[[0, 1 / 3, far], [near, 0, near], [far, 1 / 3, 0]], [[0.0] * 3] * 3]
    torch.testing.assert_close(each, torch.tensor(expected).double())
    torch.testing.assert_close(each.sum(1) + found.root, x.mask[:, 1:].double())
    torch.testing.assert_close(found.attach[..., 0].sum(-1)[0, 0], found.decide[0, 0, 1, 0, 1])  # first children
    torch.testing.assert_close(found.attach[..., 1].sum(-1)[0, 0], found.decide[0, 0, 1, 1, 1])  # later ones


def test_the_harmonic_start_is_the_papers_formula_per_head():
    x = Batch.of([[5, 6, 4], [6]])
    found = harmonic(x, constant=2.0, per_head=True)
    torch.testing.assert_close(found.root, torch.tensor([[1 / 3, 1 / 3, 1 / 3], [1, 0, 0]]).double())
    each = found.attach.sum(-1)
    third, fourth = 1 / 3, 1 / 4  # 1 / (2 + distance)
    near, far = 2 / 3 * third / (third + fourth), 2 / 3 * fourth / (third + fourth)
    expected = [[[0, near, far], [1 / 3, 0, 1 / 3], [far, near, 0]], [[0.0] * 3] * 3]
    torch.testing.assert_close(each, torch.tensor(expected).double())
    # Of the first word's 2/3 expected children on the right, (2/3) / (1 + 2/3) are a first one.
    first = (2 / 3) / (1 + 2 / 3)
    torch.testing.assert_close(found.attach[0, 0, :, 0].sum().item(), first)
    torch.testing.assert_close(
        found.decide[0, 0, 1], torch.tensor([[1 - first, first], [first, 2 / 3 - first]]).double()
    )
    torch.testing.assert_close(found.decide[0, 0, 0], torch.tensor([[1.0, 0.0], [0.0, 0.0]]).double())
    torch.testing.assert_close(found.decide[1, 0], torch.tensor([[[1.0, 0.0], [0.0, 0.0]]] * 2).double())
    assert not found.decide[1, 1:].any()


@pytest.mark.parametrize("name", ["tables", "child valence"])
def test_the_harmonic_start_adds_up_by_tag(name):
    x = Batch.of([[5, 6, 5], [6]])
    model = MAKERS[name](8, harmonic=1.0)
    counts, found = model.begin(x), harmonic(x, 1.0)
    assert counts is not None
    assert counts["root"].sum().item() == pytest.approx(2.0)
    assert counts["root"][5].item() == pytest.approx(2 / 3)
    assert counts["attach"].sum().item() == pytest.approx(2.0)  # two arguments in the sentence of three words
    right = counts["attach"][5, 1].sum(0)
    assert right[6].item() == pytest.approx(found.attach[0, 0, 1].sum().item())
    assert right[5].item() == pytest.approx(found.attach[0, 0, 2].sum().item())
    assert counts["decide"].sum(-1)[5, 0, 0].item() == pytest.approx(2.0)  # first decisions: one a word and side
    model.maximise(counts)
    assert model.log_marginal(x).isfinite().all()
    assert MAKERS[name](8, harmonic=None).begin(x) is None


@pytest.mark.parametrize("name", MAKERS)
def test_gradients_agree_with_finite_differences(name):
    model = make(name, seed=2)
    for parameter in model.parameters():
        found, expected = directional_derivative(lambda: model.log_marginal(X).sum(), parameter)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", ["tables", "child valence"])
def test_samples_use_probabilities_as_often_as_the_model_says(name):
    model = make(name)
    with torch.no_grad():
        model.decide.logits[..., 0] += 1.5
        model.root.logits[:4] = model.attach.logits[..., :4] = -torch.inf  # only words that a sentence may hold
    z, x = model.sample(4000, max_words=200, generator=torch.Generator().manual_seed(0))
    assert int(x.lengths.max()) < 200  # nothing was thrown away
    seen = {table: torch.zeros_like(part.logits) for table, part in model.tables.items()}
    for heads, words in zip(z.tolist(), sentences(x), strict=True):
        count(seen, words, tuple(heads[: len(words)]), 1.0)
    for table, part in model.tables.items():
        total = seen[table].sum(-1, keepdim=True)
        p = part().exp()
        error = (seen[table] / total - p).abs() / (p * (1 - p) / total).sqrt().clamp(min=1e-12)
        assert error[(p > 0) & (total > 50)].max() < 4.5, table
    short = x.lengths <= 6
    few = Batch(x.tokens[short][:, :6], x.lengths[short], x.index[short])
    assert model.posterior(few).score(z[short][None, :, :6]).isfinite().all()  # all are trees of the model's own kind


def test_long_sentences_are_drawn_again_and_a_hopeless_model_says_so():
    model = make()
    generator = torch.Generator().manual_seed(0)
    z, x = model.sample(200, max_words=2, generator=generator)
    assert x.lengths.unique().tolist() == [1, 2]
    assert z.shape == (200, 2)
    with torch.no_grad():
        model.decide.logits[..., 1] += 40  # never ends
    with pytest.raises(UserError, match="hardly ever"):
        model.sample(2, max_words=5, generator=generator)


def test_too_many_words_for_a_table_of_pairs_are_refused():
    with pytest.raises(UserError, match="words are tags"):
        DMV(10_000)
