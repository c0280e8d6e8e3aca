"""Context-free grammars against their generative story, told tree by tree, and against NLTK's parser."""

import warnings
from functools import partial

import nltk
import numpy as np
import pytest
import torch
from tests.models.learning import directional_derivative
from tests.models.stories import chart, derivations, log_sum

from undersong.data.batch import Batch
from undersong.draw import draw
from undersong.errors import UserError
from undersong.models import PCFG, NeuralPCFG
from undersong.models.brackets import crossing

X = Batch.of([[5, 6, 4, 6], [4, 4], [7, 5, 4]])
MAKERS = {
    "tables": partial(PCFG, nonterminals=2, preterminals=2),
    "one of each": partial(PCFG, nonterminals=1, preterminals=1),
    "network": partial(NeuralPCFG, nonterminals=2, preterminals=2, size=6),
}


def make(name: str = "tables", seed: int = 0) -> PCFG | NeuralPCFG:
    torch.manual_seed(seed)
    return MAKERS[name](8).double()


def trees_of(model, words):
    rules = model.rules()
    return derivations(rules.root.tolist(), rules.binary.tolist(), rules.emission.tolist(), words)


def sentences(x):
    return [row[:length].tolist() for row, length in zip(x.tokens, x.lengths, strict=True)]


@pytest.mark.parametrize("name", MAKERS)
def test_the_likelihood_is_the_sum_over_all_trees(name):
    model = make(name)
    expected = [log_sum([p for _, p in trees_of(model, words)]) for words in sentences(X)]
    torch.testing.assert_close(model.log_marginal(X), torch.tensor(expected).double())


@pytest.mark.parametrize("name", MAKERS)
def test_prior_and_likelihood_make_the_joint_of_every_tree(name):
    model = make(name)
    p, q = model.prior(X), model.posterior(X)
    for row, words in enumerate(sentences(X)):
        for tree, expected in trees_of(model, words):
            z = torch.full((1, *X.tokens.shape, X.tokens.shape[1]), -1)
            for other, known in enumerate(sentences(X)):
                any_tree = trees_of(model, known)[0][0] if other != row else tree
                z[0, other] = torch.from_numpy(chart(any_tree, X.tokens.shape[1]))
            joint = (model.log_likelihood(X, z) + p.log_prob(z))[0, row]
            assert joint.item() == pytest.approx(expected, rel=1e-9)
            assert q.log_prob(z)[0, row].item() == pytest.approx(expected - model.log_marginal(X)[row].item(), abs=1e-9)


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
        assert np.array_equal(mode[row].numpy(), chart(best, X.tokens.shape[1]))


def test_expected_counts_are_those_of_enumeration():
    model = make()
    with model.counting():
        bound, counts = model.expect(X, model.posterior(X))
    torch.testing.assert_close(bound, model.log_marginal(X))
    expected = {name: torch.zeros_like(table.logits) for name, table in model.tables.items()}
    for words in sentences(X):
        found = trees_of(model, words)
        total = log_sum([p for _, p in found])
        for tree, p in found:
            count(expected, tree, words, float(np.exp(p - total)), model)
    for name in counts:
        torch.testing.assert_close(counts[name].double(), expected[name])


def count(tables, tree, words, share, model):
    tables["root"][tree[0, len(words) - 1]] += share
    for (first, last), symbol in tree.items():
        if first == last:
            tables["emission"][symbol - model.nonterminals, words[first]] += share
            continue
        middle = next(m for m in range(first, last) if (first, m) in tree and (m + 1, last) in tree)
        pair = tree[first, middle] * model.latent + tree[middle + 1, last]
        tables["binary"][symbol, pair] += share


def test_nltk_finds_the_same_likelihood():
    model = make(seed=1)
    rules = model.rules()
    lines = [f"S -> Z{a} [{p.exp():.17f}]" for a, p in enumerate(rules.root)]
    for a, rows in enumerate(rules.binary):
        lines += [f"Z{a} -> Z{b} Z{c} [{p.exp():.17f}]" for b, row in enumerate(rows) for c, p in enumerate(row)]
    for t, row in enumerate(rules.emission, model.nonterminals):
        lines += [f"Z{t} -> 'w{w}' [{p.exp():.17f}]" for w, p in enumerate(row)]
    parser = nltk.InsideChartParser(nltk.PCFG.fromstring(lines))
    for words, log_p in zip(sentences(X), model.log_marginal(X).tolist(), strict=True):
        found = sum(tree.prob() for tree in parser.parse([f"w{w}" for w in words]))
        assert np.log(found) == pytest.approx(log_p, rel=1e-9)


def test_sentences_of_all_lengths_together_have_probability_one():
    """A grammar of few long sentences: p(T) for T up to 12 sums to nearly one, and words change nothing."""
    model = make()
    with torch.no_grad():
        model.binary.logits.view(2, 4, 4)[:, 2:, 2:] += 3  # two words and stop, mostly
    lengths = torch.arange(2, 13)
    x = Batch(torch.zeros(len(lengths), 12, dtype=torch.int64), lengths, torch.arange(len(lengths)))
    total = model.prior(x).log_partition.exp().sum().item()
    assert 0.99 < total <= 1 + 1e-9


def test_brackets_leave_the_trees_that_hold_them():
    model = make()
    x = Batch(
        X.tokens,
        X.lengths,
        X.index,
        spans=torch.tensor([[[0, 4, 9], [1, 3, 2]], [[-1] * 3] * 2, [[1, 3, 0], [-1] * 3]]),
    )
    held = [[(0, 3), (1, 2)], [], [(1, 2)]]
    expected = [
        log_sum([p for tree, p in trees_of(model, words) if all(cell in tree for cell in cells)])
        for words, cells in zip(sentences(X), held, strict=True)
    ]
    q = model.posterior(x, given=True)
    torch.testing.assert_close(q.log_partition, torch.tensor(expected).double())
    assert (q.sample((20,))[:, 0, 1, 2] >= 0).all()
    torch.testing.assert_close(model.posterior(x).log_partition, model.log_marginal(X))


def test_brackets_that_cross_each_other_are_set_aside_with_a_warning():
    model = make()
    crossed = Batch(
        X.tokens,
        X.lengths,
        X.index,
        spans=torch.tensor([[[0, 2, 0], [1, 3, 0]], [[-1] * 3] * 2, [[1, 3, 0], [-1] * 3]]),
    )
    with pytest.warns(UserWarning, match="1 of 3 sentences cross"):
        q = model.posterior(crossed, given=True)
    torch.testing.assert_close(q.log_partition[:2], model.log_marginal(X)[:2])
    assert q.log_partition[2] < model.log_marginal(X)[2]
    unannotated = Batch(X.tokens, X.lengths, X.index, spans=torch.zeros(3, 0, 3, dtype=torch.int64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(model.posterior(unannotated, given=True).log_partition, model.log_marginal(X))


def test_crossing_is_what_the_word_says():
    random = np.random.default_rng(0)
    for _ in range(50):
        begin = int(random.integers(0, 5))
        end = int(random.integers(begin + 1, 7))
        found = crossing(torch.tensor([[[begin, end, 0], [-1, -1, -1]]]), 6)[0]
        for first in range(6):
            for last in range(6):
                inside, here = set(range(begin, end)), set(range(first, last + 1))
                assert bool(found[first, last]) == bool(inside & here and inside - here and here - inside)


def test_tags_tie_preterminals_where_asked_to():
    torch.manual_seed(0)
    model = PCFG(8, nonterminals=2, preterminals=2, tied=True).double()
    tags = torch.tensor([[0, 1, -1, 0], [1, 1, -1, -1], [-1, -1, -1, -1]])
    x = Batch(X.tokens, X.lengths, X.index, tags=tags)
    expected = []
    for row, words in enumerate(sentences(X)):
        agree = [
            p
            for tree, p in trees_of(model, words)
            if all(int(tag) in (-1, tree[t, t] - 2) for t, tag in enumerate(tags[row, : len(words)]))
        ]
        expected.append(log_sum(agree))
    torch.testing.assert_close(model.posterior(x, given=True).log_partition, torch.tensor(expected).double())


def test_a_sentence_of_one_word_is_refused_with_advice():
    with pytest.raises(UserError, match="min-words 2"):
        make().log_marginal(Batch.of([[5, 6], [7]]))


@pytest.mark.parametrize("name", MAKERS)
def test_gradients_agree_with_finite_differences(name):
    model = make(name, seed=2)
    for parameter in model.parameters():
        found, expected = directional_derivative(lambda: model.log_marginal(X).sum(), parameter)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_samples_use_rules_as_often_as_the_grammar_says():
    model = make()
    with torch.no_grad():
        model.binary.logits.view(2, 4, 4)[:, 2:, 2:] += 2
        model.emission.logits[:, :4] = -torch.inf  # only words that a sentence may hold
    z, x = model.sample(4000, max_words=200, generator=torch.Generator().manual_seed(0))
    assert int(x.lengths.max()) < 200  # nothing was thrown away
    seen = {name: torch.zeros_like(table.logits) for name, table in model.tables.items()}
    for tree, words in zip(z, sentences(x), strict=True):
        cells = {(int(i), int(j)): int(tree[i, j]) for i, j in (tree >= 0).nonzero()}
        assert len(cells) == 2 * len(words) - 1
        count(seen, cells, words, 1.0, model)
    for name, table in model.tables.items():
        total = seen[name].sum(-1, keepdim=True)
        p = table().exp()
        error = (seen[name] / total - p).abs() / (p * (1 - p) / total).sqrt().clamp(min=1e-12)
        assert error[p > 0].max() < 4.5, name
    torch.testing.assert_close(model.log_likelihood(x, z[None]).isfinite().all(), torch.tensor(True))


def test_long_sentences_are_drawn_again_and_a_hopeless_grammar_says_so():
    model = make()
    generator = torch.Generator().manual_seed(0)
    z, x = model.sample(300, max_words=3, generator=generator)
    assert x.lengths.unique().tolist() == [2, 3]
    assert z.shape == (300, 3, 3)
    with torch.no_grad():
        model.binary.logits.view(2, 4, 4)[:, :2, :2] += 40  # never ends
    with pytest.raises(UserError, match="hardly ever"):
        model.sample(2, max_words=5, generator=generator)
    first, second = (make().sample(5, generator=torch.Generator().manual_seed(7))[1] for _ in range(2))
    assert torch.equal(first.tokens, second.tokens)
