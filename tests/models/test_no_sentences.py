"""A batch of no sentences has nothing to say, and no model breaks on it."""

from pathlib import Path

import pytest
import torch
from tests.models.every import MODELS, system_of

from undersong.data.batch import Batch
from undersong.models import ExactModel


@pytest.mark.parametrize("name", MODELS)
def test_of_no_sentences_there_are_no_figures_and_no_structures(name: str, tmp_path: Path) -> None:
    model, none = system_of(name, tmp_path).model, Batch.of([])
    with torch.no_grad():
        model.prior(none).sample((2,))
        if not isinstance(model, ExactModel):
            assert model.log_likelihood(none, torch.zeros(2, 0, model.latent)).shape == (2, 0)
            return
        q = model.posterior(none)
        assert model.log_marginal(none).shape == (0,)
        assert model.log_likelihood(none, q.sample((2,))).shape == (2, 0)
        assert len(q.sample()) == len(q.mode) == 0
