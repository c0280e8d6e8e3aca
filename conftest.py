"""What every test needs to know before anything is imported."""

import os

import torch

# Without CUDA, Triton's interpreter runs the kernels; it must be told before they are defined.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
