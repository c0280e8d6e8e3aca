"""Kernels for CUDA without CUDA: Triton's interpreter, as `conftest.py` in the project's root asks for."""

import os

import pytest


def interpreted() -> None:
    """Skip a test where Triton is missing, or compiles for a device that is there (`test_cuda.py` asks that one)."""
    pytest.importorskip("triton", reason="Triton is missing: `make test` installs it on Linux")
    if os.environ.get("TRITON_INTERPRET") != "1":
        pytest.skip("Triton compiles here; tests/nets/test_cuda.py runs what it made")
