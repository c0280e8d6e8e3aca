"""A sentence VAE as it is usually written in PyTorch: the named opponent of `train_sentence_vae`.

Two `nn.LSTM` (oneDNN runs them on a CPU), logits for every position in fp32, `F.cross_entropy` that ignores padding,
clipping by the gradient's norm, and Adam. What makes it faster and changes no number it is given: fused Adam, gradients
set to None, norms by `foreach` and gradients scaled only where their norm is too large, sequences padded by bucket and
not packed, and z expanded rather than copied. With `onednn` its logits and their gradients are oneDNN's products too,
which nobody writes, but which on processors that are not Intel's are the faster ones.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SentenceVAE(nn.Module):
    """q(z|x) from the encoder's last state, z concatenated to every input of the decoder."""

    def __init__(
        self, vocab: int, embedding: int = 200, width: int = 512, latent: int = 32, pad: int = 0, onednn: bool = False
    ) -> None:
        super().__init__()
        self.pad = pad
        self.encoder_embedding = nn.Embedding(vocab, embedding)
        self.encoder = nn.LSTM(embedding, width, batch_first=True)
        self.posterior = nn.Linear(width, 2 * latent)
        self.decoder_embedding = nn.Embedding(vocab, embedding)
        self.decoder = nn.LSTM(embedding + latent, width, batch_first=True)
        self.output = nn.Linear(width, vocab)
        self.onednn = onednn

    def forward(self, tokens: Tensor, lengths: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Negative ELBO, nats a sentence."""
        states, _ = self.encoder(self.encoder_embedding(tokens))
        last = states[torch.arange(len(tokens)), lengths - 1]
        mean, log_variance = self.posterior(last).chunk(2, -1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum()

        steps = inputs.shape[1]
        read = torch.cat([self.decoder_embedding(inputs), z[:, None].expand(-1, steps, -1)], -1)
        hidden = self.decoder(read)[0].flatten(0, 1)
        logits = by_onednn(self.output, hidden) if self.onednn else self.output(hidden)
        distortion = F.cross_entropy(logits, targets.flatten(), ignore_index=self.pad, reduction="sum")
        return (distortion + kl) / len(tokens)


def by_onednn(layer: nn.Linear, x: Tensor) -> Tensor:
    """A linear layer's fp32 output, the product and its gradients by oneDNN where torch has it."""
    if not torch.backends.mkldnn.is_available():
        return layer(x)
    return F.linear(x.to_mkldnn(), layer.weight, layer.bias).to_dense()


class Trainer:
    """One training step of the usual loop."""

    def __init__(self, model: SentenceVAE, rate: float = 1e-3, clip: float = 5.0) -> None:
        self.model, self.clip = model, clip
        self.optimiser = torch.optim.Adam(model.parameters(), lr=rate, fused=True)

    def step(self, tokens: Tensor, lengths: Tensor, inputs: Tensor, targets: Tensor) -> float:
        """Update the weights; returns the loss."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.model(tokens, lengths, inputs, targets)
        loss.backward()
        weights = list(self.model.parameters())
        norm = nn.utils.get_total_norm([w.grad for w in weights if w.grad is not None], foreach=True)
        if norm > self.clip:
            nn.utils.clip_grads_with_norm_(weights, self.clip, norm, foreach=True)
        self.optimiser.step()
        return float(loss.detach())
