"""What is p(x, z)? One file a model."""

from undersong.models.base import ExactModel, Model
from undersong.models.language_model import LanguageModel
from undersong.models.vae import VAE

__all__ = ["VAE", "ExactModel", "LanguageModel", "Model"]
