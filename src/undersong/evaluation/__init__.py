"""Judging a trained model: ``evaluate`` for its bounds and its latent variable, ``examine`` for the suite of measures."""

from undersong.evaluation.evaluate import evaluate

__all__ = ["evaluate"]
