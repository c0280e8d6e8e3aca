"""Sentences as bags of words: a decoder that draws every word alike, and an encoder that sees no order.

    log p(x|z) = sum_t log softmax(W f(z) + b)_{x_t},    f(z) = z, or tanh(A z + a)

The end of the sentence is not scored: a bag's size is given. Knows nothing of where z comes from.
"""

from warnings import catch_warnings, filterwarnings

import torch
from torch import Tensor, nn

from undersong.data.batch import PAD, Batch
from undersong.nets.base import BAG, Decoder, Encoder, State
from undersong.settings import need


class BagOfWords(Decoder):
    """Every word from one softmax over the vocabulary (tutorial, eq. 5).

    Args:
        vocab: V; follows from the corpus.
        latent: D, the size of z; follows from the model.
        hidden: width of a layer between z and the words, which makes them a nonlinear function of z; 0 for none.

    >>> decoder = BagOfWords(50, 4)
    >>> decoder.log_prob(Batch.of([[5, 6], [8]]), torch.zeros(3, 2, 4)).shape
    torch.Size([3, 2])
    """

    event = BAG

    def __init__(self, vocab: int, latent: int, hidden: int = 0):
        super().__init__()
        need(0, hidden=hidden)
        with catch_warnings():  # without a z there are no weights to begin with, and torch warns of it
            filterwarnings("ignore", "Initializing zero-element tensors")
            self.body = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh()) if hidden else nn.Identity()
            self.out = nn.Linear(hidden or latent, vocab)

    def log_prob(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z) of the words, in their order, for z [S, B, D]: [S, B], nats."""
        logits = self.out(self.body(z))  # [S, B, V]
        chosen = logits.gather(2, x.tokens.expand(len(z), -1, -1))  # [S, B, T]
        return (chosen * x.mask[:, 1:]).sum(-1) - x.lengths * logits.logsumexp(-1)

    def start(self, z: Tensor) -> State:
        """Before the first word, for z [N, D]."""
        return State((z,))

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """Every word is as probable as before: log p [N, V]."""
        return self.out(self.body(state.tensors[0])).log_softmax(-1), state


class BagEncoder(Encoder):
    """The mean of a sentence's word vectors, through a layer.

    Args:
        vocab: V; follows from the corpus.
        embedding: size of the word vectors.
        hidden: width of the layer, and of the features.

    >>> BagEncoder(50, hidden=7)(Batch.of([[5, 6], [8]])).shape
    torch.Size([2, 7])
    """

    def __init__(self, vocab: int, embedding: int = 200, hidden: int = 200):
        super().__init__()
        need(1, embedding=embedding, hidden=hidden)
        self.width = hidden
        self.embed = nn.EmbeddingBag(vocab, embedding, mode="mean", padding_idx=PAD)
        self.layer = nn.Linear(embedding, hidden)

    def forward(self, x: Batch) -> Tensor:
        """The features of each sentence: [B, width]."""
        return torch.tanh(self.layer(self.embed(x.tokens)))
