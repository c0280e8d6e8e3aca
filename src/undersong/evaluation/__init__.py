"""Judging a trained model: ``evaluate`` for bounds and the latent variable, ``suite`` for what it writes and knows."""

from undersong.evaluation.evaluate import evaluate

__all__ = ["evaluate"]
