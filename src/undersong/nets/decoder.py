"""The recurrent decoder: log p(x|z) = sum_t log p(x_t | x_<t, z).

z enters every input, h_t = RNN(h_{t-1}, [x_{t-1}; z]) (tutorial, eq. 7; IGP), or the first state (Bowman et al. 2016),
or both. Knows nothing of where z comes from.
"""

from collections.abc import Callable
from typing import cast

from torch import Tensor, nn

from undersong.data.batch import Batch
from undersong.data.noise import word_dropout
from undersong.errors import UserError
from undersong.nets.base import Decoder, State
from undersong.nets.encoder import read_words, word_vectors
from undersong.nets.quick import QuickDecoder
from undersong.nets.recurrent import LSTM, Recurrent
from undersong.nets.vocabulary import Vocabulary
from undersong.settings import need, need_share


class RecurrentDecoder(Decoder):
    """A language model that reads z.

    Args:
        vocab: V; follows from the corpus.
        latent: D, the size of z; follows from the model. With 0 there is nothing to read: a plain language model.
        embedding: size of the word vectors.
        hidden: H, size of the recurrent state.
        z_to_inputs: z is read beside every word.
        z_to_state: z makes the first state.
        word_dropout: share of the words read that are replaced by the unknown word in training.
        dropout: share of the word vectors' numbers dropped in training.
        output_dropout: share of the hidden states' numbers dropped in training, before the vocabulary.
        tied: one matrix serves as word vectors and as the vocabulary's output layer.
        layer: ``LSTM`` or ``GRU``.

    Raises:
        UserError: where the decoder would never read z, a size is under 1, or a dropout lies outside 0 to 1.

    >>> import torch
    >>> decoder = RecurrentDecoder(50, 4, hidden=7)
    >>> decoder.log_prob(Batch.of([[5, 6], [8]]), torch.zeros(3, 2, 4)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        vocab: int,
        latent: int,
        embedding: int = 200,
        hidden: int = 512,
        z_to_inputs: bool = True,
        z_to_state: bool = False,
        word_dropout: float = 0.0,
        dropout: float = 0.0,
        output_dropout: float = 0.0,
        tied: bool = False,
        layer: Callable[[int, int, int], Recurrent] = LSTM,
    ):
        super().__init__()
        need(1, embedding=embedding, hidden=hidden)
        need_share(word_dropout=word_dropout, dropout=dropout, output_dropout=output_dropout)
        if latent and not (z_to_inputs or z_to_state):
            raise UserError("The decoder would never read z: set z_to_inputs or z_to_state (or both) to true.")
        self.word_dropout = word_dropout
        self.embed = word_vectors(vocab, embedding)
        self.dropout, self.output_dropout = nn.Dropout(dropout), nn.Dropout(output_dropout)
        self.layer = layer(embedding, hidden, latent if z_to_inputs else 0)
        self.z_to_inputs = z_to_inputs and latent > 0
        self.first = nn.Linear(latent, hidden * self.layer.num_states) if z_to_state and latent else None
        self.narrow = nn.Linear(hidden, embedding) if tied else nn.Identity()
        self.vocabulary = (
            Vocabulary(vocab, embedding, cast(nn.Parameter, self.embed.weight)) if tied else Vocabulary(vocab, hidden)
        )

    def log_prob(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z) in nats for z [S, B, D]: [S, B]."""
        samples, sentences = z.shape[:2]
        words = word_dropout(x.inputs, self.word_dropout) if self.training else x.inputs
        flat = z.flatten(0, 1)  # [S * B, D]
        vectors, where = read_words(words, self.embed, self.dropout)
        outputs, _ = self.layer(vectors, self._first_state(flat), self._constant(flat), where)
        mask = x.mask.expand(samples, -1, -1).flatten(0, 1)  # [S * B, T + 1]
        targets = x.targets.expand(samples, -1, -1).flatten(0, 1)
        real = mask.flatten().nonzero().squeeze(1)  # by number: a mask's own gradient is put back place by place
        hidden = self.narrow(self.output_dropout(outputs.flatten(0, 1).index_select(0, real)))  # [N, H], no padding
        each = self.vocabulary.log_prob(hidden, targets.flatten()[real], weighted=samples > 1)
        padded = each.new_zeros(mask.shape).masked_scatter(mask, each)
        return padded.sum(-1).view(samples, sentences)

    def start(self, z: Tensor) -> State:
        """Before the first word, for z [N, D]."""
        state = self._first_state(z)
        return State((*(self.layer.zeros(len(z)) if state is None else state), z))

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """Read ``token`` [N]; log p(next token) [N, V] and the state after it."""
        *before, z = state.tensors
        after = self.layer.step(self.embed(token), tuple(before), self._constant(z))
        return self.vocabulary.log_softmax(self.narrow(after[0])), State((*after, z))

    def quick(self) -> QuickDecoder:
        """Laid out for search, with the same results."""
        return QuickDecoder(self)

    def _constant(self, z: Tensor) -> Tensor | None:
        return z if self.z_to_inputs else None

    def _first_state(self, z: Tensor) -> tuple[Tensor, ...] | None:
        if self.first is None:
            return None if self.z_to_inputs else self.layer.zeros(len(z))
        h, *rest = self.first(z).chunk(self.layer.num_states, -1)
        return (h.tanh(), *rest)
