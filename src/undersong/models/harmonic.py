"""The harmonic start of dependency models: expected counts under a guess, not random tables (Klein and Manning 2004).

In a sentence of T words the root takes each word with 1/T; otherwise a word's head is one of the others, in inverse
proportion to a constant plus their distance:

    c(h -> a) = (T - 1)/T . w(h, a) / sum_g w(g, a),    w(h, a) = 1 / (constant + |h - a|)

So every word has one head. The paper has each head take the same number of arguments instead, dividing by the sum over
b of w(h, b): that is ``per_head``. (On tags of GUM, in sentences of up to 10 words, EM came from it to a lower
likelihood and fewer right heads.)

The paper leaves the stops open. Here a word's arguments on a side, e of them expected, come from one coin for all
valences, so that their number is geometric: go on with e/(1 + e). The first decision then counts e/(1 + e) for going on
and 1/(1 + e) for stopping; the later ones, of which there are e, count e^2/(1 + e) and e/(1 + e).

Knows nothing of models.
"""

import torch

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.models.base import Counts
from undersong.models.heads import Attachments


def harmonic(x: Batch, constant: float, per_head: bool = False) -> Attachments:
    """Expected counts at each word: root [B, T], attach [B, T, T, 2], decide [B, T, 2, 2, 2].

    >>> harmonic(Batch.of([[5, 6]]), 1.0).attach.sum().item()  # two words, each with half a head beside the root
    1.0
    """
    place = torch.arange(x.tokens.shape[1], device=x.tokens.device)
    there = (place < x.lengths[:, None]).double()  # [B, T]
    total = x.lengths.clamp(min=1).double()[:, None]
    distance = (place - place[:, None]).abs().double()
    weight = torch.where(distance > 0, 1 / (constant + distance), 0.0) * there[:, :, None] * there[:, None]
    whole = weight.sum(2 if per_head else 1, keepdim=True)
    arguments = weight / whole.clamp(min=1e-300) * ((total - 1) / total)[..., None]  # [B, T, T] (head, child)
    before = (place < place[:, None]).double()  # (head, child)
    side = torch.stack([(arguments * before).sum(-1), (arguments * before.T).sum(-1)], -1)  # [B, T, 2]
    stop = 1 / (1 + side)
    first = torch.stack([stop, side * stop], -1)
    decide = (
        torch.stack([first, side[..., None] * first], -2) * there[..., None, None, None]
    )  # [B, T, side, valence, 2]
    share = torch.where(before.bool(), stop[..., :1], stop[..., 1:])  # of a child that is the first on its side
    attach = arguments[..., None] * torch.stack([share, 1 - share], -1)
    return Attachments(there / total, attach, decide)


def harmonic_counts(x: Batch, constant: float, per_head: bool, vocab: int, valences: int) -> Counts:
    """The same by tag: root [V], attach [V, 2, C, V], decide [V, 2, 2, 2], float64.

    Args:
        x: sentences of tags.
        constant: added to distances.
        per_head: whether each head takes the same number of arguments, and not each word one head.
        vocab: V.
        valences: C, 2 where the choice of a child depends on whether it is the first on its side, else 1.
    """
    found = harmonic(x, constant, per_head)
    tags = x.tokens.flatten()
    root = found.root.new_zeros(vocab).index_add_(0, tags, found.root.flatten())
    decide = found.root.new_zeros(vocab, 2, 2, 2).index_add_(0, tags, found.decide.flatten(0, 1))
    attach = found.root.new_zeros(vocab, 2, valences, vocab)
    place = torch.arange(x.tokens.shape[1], device=tags.device)
    pair = x.tokens[:, :, None] * 2 + (place > place[:, None]).long()  # [B, T, T] (head, child): head's tag and side
    for v in range(valences):
        share = found.attach[..., v] if valences == 2 else found.attach.sum(-1)
        entry = (pair * valences + v) * vocab + x.tokens[:, None]
        attach.view(-1).index_add_(0, entry.flatten(), share.flatten())
    return {"root": root, "attach": attach, "decide": decide}


def check_constant(constant: float | None) -> None:
    """Refuse a constant that would make a distance of one word nothing, or less.

    Raises:
        UserError: it is -1 or lower, or no number.
    """
    if constant is not None and not constant > -1:
        raise UserError(
            f"The harmonic start divides by the constant plus a distance of 1 or more: {constant:g} is too low."
        )
