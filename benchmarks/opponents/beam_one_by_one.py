"""Beam search of one sentence at a time, as users of a sentence VAE write it: the opponent of `beam_search`.

`nn.LSTMCell`, `nn.Linear`, `log_softmax` and `topk` on the W hypotheses of a sentence, which are one batch. What makes
it faster it is given: `inference_mode`, scores and histories as tensors, `topk` by row before the rows are merged, one
hypothesis at the first step, and an end as soon as none can beat the best finished one. It follows the rules of
`undersong.decoding.Beam`, so that the two find the same sentences: an end counts where it is among a hypothesis's W + 1
best continuations, and the greedy hypothesis is kept in an extra row once it falls out of the beam.
"""

import torch
from torch import Tensor, nn

PAD, BOS, EOS = 0, 2, 3


class OneByOne(nn.Module):
    """A decoder with z beside every input, and its beam search."""

    def __init__(self, vocab: int, embedding: int = 200, width: int = 512, latent: int = 32) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, embedding)
        self.cell = nn.LSTMCell(embedding + latent, width)
        self.output = nn.Linear(width, vocab)

    @torch.inference_mode()
    def search(self, z: Tensor, beams: int = 10, limit: int = 30) -> tuple[list[int], float]:
        """The best sentence for one z [1, D], and its log-probability in nats."""
        state = (z.new_zeros(1, self.cell.hidden_size), z.new_zeros(1, self.cell.hidden_size))
        token, total = torch.tensor([BOS]), torch.zeros(1)
        history = torch.zeros(1, 0, dtype=torch.int64)
        found: list[int] = []
        greedy, best = 0, -float("inf")  # greedy: the row of the greedy hypothesis, -1 when it has ended
        for step in range(limit + 1):
            rows = len(token)
            state = self.cell(torch.cat([self.embedding(token), z.expand(rows, -1)], 1), state)
            logits = self.output(state[0]).float()
            log_p = logits.log_softmax(-1)
            if step == limit:
                value, row = (total + log_p[:, EOS]).max(0)
                return (history[row].tolist(), float(value)) if float(value) > best else (found, best)
            log_p[:, PAD] = -torch.inf
            log_p[:, BOS] = -torch.inf
            grown, words = log_p.topk(beams + 1)  # [rows, W + 1]
            grown += total[:, None]
            ended = words == EOS
            value, place = grown.masked_fill(~ended, -torch.inf).flatten().max(0)
            if float(value) > best:
                best, found = float(value), history[place // (beams + 1)].tolist()
            grown.masked_fill_(ended, -torch.inf)
            heir = greedy * (beams + 1) if greedy >= 0 and not ended[greedy, 0] else -1
            total, chosen = grown[:beams].flatten().topk(beams)  # a greedy row outside the beam does not compete
            if heir >= 0:
                same = (chosen == heir).nonzero()
                greedy = int(same[0]) if len(same) else beams
                if not len(same):
                    total = torch.cat([total, grown.flatten()[heir : heir + 1]])
                    chosen = torch.cat([chosen, chosen.new_tensor([heir])])
            else:
                greedy = -1
            if float(total.max()) <= best:
                break
            parent, token = chosen // (beams + 1), words.flatten()[chosen]
            history = torch.cat([history[parent], token[:, None]], 1)
            state = (state[0][parent], state[1][parent])
        return found, best
