"""The mean losses of an epoch."""

import pytest
import torch

from pixlate.runs.mean_losses import MeanLosses


def test_means_are_of_the_steps_since_the_last_call() -> None:
    means = MeanLosses()
    for value in (1.0, 2.0, 4.5):
        means.add({"G": torch.tensor(value), "D": torch.tensor(-value)})
    assert means.take() == pytest.approx({"G": 2.5, "D": -2.5})
    means.add({"G": torch.tensor(5.0)})
    assert means.take() == {"G": 5.0}
    assert means.take() == {}


def test_a_loss_of_some_steps_is_averaged_over_these() -> None:
    means = MeanLosses()
    means.add({"G": torch.tensor(1.0)})
    means.add({"G": torch.tensor(3.0), "penalty": torch.tensor(8.0)})
    assert means.take() == {"G": 2.0, "penalty": 8.0}
