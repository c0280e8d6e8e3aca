"""Importance-sampled likelihood of one sentence at a time, as users of a sentence VAE write it.

The opponent of `importance_sampling`: a sentence is repeated once a sample, its z concatenated to every input of an
`nn.LSTM` (oneDNN runs it on a CPU), and the loss reads the full fp32 logits of all samples and positions. What
makes it faster it is given: `inference_mode`, no padding since a sentence is alone, word vectors looked up once and
expanded, time first (the layer then needs no transposition), and the logits' log-softmax in place, one memory for both.
With `onednn` its logits are oneDNN's product too (see `sentence_vae.by_onednn`).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.opponents.sentence_vae import by_onednn


class OneSentence(nn.Module):
    """q(z|x) from the encoder's last state, z beside every input of the decoder."""

    def __init__(
        self, vocab: int, embedding: int = 200, width: int = 512, latent: int = 32, onednn: bool = False
    ) -> None:
        super().__init__()
        self.encoder_embedding = nn.Embedding(vocab, embedding)
        self.encoder = nn.LSTM(embedding, width)
        self.posterior = nn.Linear(width, 2 * latent)
        self.decoder_embedding = nn.Embedding(vocab, embedding)
        self.decoder = nn.LSTM(embedding + latent, width)
        self.output = nn.Linear(width, vocab)
        self.onednn = onednn

    @torch.inference_mode()
    def nll(self, words: Tensor, inputs: Tensor, targets: Tensor, noise: Tensor) -> float:
        """-log p(x) in nats, from words [T], inputs and targets [T + 1] and standard normal noise [S, D]."""
        states, _ = self.encoder(self.encoder_embedding(words)[:, None])
        mean, log_variance = self.posterior(states[-1, 0]).chunk(2)
        z = mean + (0.5 * log_variance).exp() * noise  # [S, D]
        log_pz = -0.5 * z.square().sum(1)
        log_qz = -0.5 * (noise.square() + log_variance).sum(1)  # both without the constant they share

        steps, samples = len(inputs), len(z)
        read = torch.cat(
            [self.decoder_embedding(inputs)[:, None].expand(-1, samples, -1), z.expand(steps, -1, -1)], 2
        )  # [T + 1, S, E + D]
        hidden = self.decoder(read)[0].flatten(0, 1)
        logits = by_onednn(self.output, hidden) if self.onednn else self.output(hidden)  # [(T + 1) * S, V]
        torch.log_softmax(logits, 1, out=logits)
        each = F.nll_loss(logits, targets.repeat_interleave(samples), reduction="none")
        log_px = -each.view(steps, samples).sum(0)
        return math.log(samples) - float((log_px + log_pz - log_qz).logsumexp(0))
