"""Two small grammars of a made-up English, and learning from the sentences they write."""

from collections.abc import Iterator

import torch

from undersong.data.batch import Batch
from undersong.models import DMV, PCFG

NEVER = -1e4
S, NP, VP, AN, DET, NOUN, ADJ, VERB = range(8)
WORDS = {DET: [4, 5], NOUN: [6, 7, 8, 9], ADJ: [10, 11], VERB: [12, 13, 14]}
SENTENCE_VOCAB = 15


def english() -> PCFG:
    """S -> NP VP, NP -> det noun | det AN, AN -> adj noun | adj AN, VP -> verb NP | verb adj: four nonterminals."""
    model = PCFG(SENTENCE_VOCAB, nonterminals=4, preterminals=4)
    rules = {
        S: {(NP, VP): 1.0},
        NP: {(DET, NOUN): 0.6, (DET, AN): 0.4},
        AN: {(ADJ, NOUN): 0.8, (ADJ, AN): 0.2},
        VP: {(VERB, NP): 0.7, (VERB, ADJ): 0.3},
    }
    with torch.no_grad():
        for table in (model.root, model.binary, model.emission):
            table.logits.fill_(NEVER)
        model.root.logits[S] = 0.0
        for a, ways in rules.items():
            for (b, c), p in ways.items():
                model.binary.logits[a, b * 8 + c] = torch.tensor(p).log()
        for symbol, words in WORDS.items():
            for rank, word in enumerate(words):
                model.emission.logits[symbol - 4, word] = -0.5 * rank
    return model


TAG_VOCAB = 8
D, N, A, V = range(4, 8)


def tags() -> DMV:
    """Verbs take a noun on either side, nouns a determiner and adjectives on the left: a grammar over four tags."""
    model = DMV(TAG_VOCAB)
    with torch.no_grad():
        for table in (model.root, model.attach, model.decide):
            table.logits.fill_(NEVER)
        model.root.logits[[V, N]] = torch.tensor([0.9, 0.1]).log()
        model.attach.logits[V, 0, 0, [N, A]] = torch.tensor([0.9, 0.1]).log()
        model.attach.logits[V, 1, 0, [N, A]] = torch.tensor([0.7, 0.3]).log()
        model.attach.logits[N, 0, 0, [D, A]] = torch.tensor([0.7, 0.3]).log()
        model.attach.logits[N, 1, 0, [N, A]] = torch.tensor([0.2, 0.8]).log()
        go_on = torch.zeros(TAG_VOCAB, 2, 2)
        go_on[V] = torch.tensor([[0.9, 0.1], [0.8, 0.2]])
        go_on[N] = torch.tensor([[0.8, 0.3], [0.1, 0.05]])
        go_on[A, 0, 0] = 0.05
        model.attach.logits[A, 0, 0, A] = 0.0
        model.decide.logits[:] = torch.stack([1 - go_on, go_on], -1).log().clamp(min=NEVER)
    return model


def drawn(model: PCFG | DMV, n: int, seed: int) -> tuple[torch.Tensor, Batch]:
    """``n`` trees and sentences of at least two words; so few are longer than 20 words that none is missed."""
    z, x = model.sample(n, max_words=20, generator=torch.Generator().manual_seed(seed))
    longer = x.lengths >= 2
    return z[longer], Batch(x.tokens[longer], x.lengths[longer], x.index[longer])


def chunks(x: Batch, size: int = 250) -> Iterator[Batch]:
    """Sentences of like length together, as the library's own batches have them."""
    for rows in x.lengths.argsort(stable=True).split(size):
        width = int(x.lengths[rows].max())
        cut = {
            "heads": None if x.heads is None else x.heads[rows, :width],
            "spans": None if x.spans is None else x.spans[rows],
        }
        yield Batch(x.tokens[rows][:, :width], x.lengths[rows], x.index[rows], **cut)


def likelihood(model: PCFG | DMV, x: Batch) -> float:
    """Mean log p(x), nats a sentence."""
    return sum(float(model.log_marginal(b).detach().sum()) for b in chunks(x)) / len(x)
