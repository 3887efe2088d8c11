"""Metrics of sets get each real image once, however often unpaired data brings it."""

import sys
from typing import ClassVar

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pixlate.metrics import Measured, Metric
from pixlate.metrics.base import MetricContext
from pixlate.plugins import hookimpl
from pixlate.plugins.manager import Plugins
from pixlate.plugins.registry import Register
from pixlate.runs.measuring import Measurement


class Recording(Metric):
    """Keeps the real images that it is given."""

    paired = False
    real: ClassVar[list[float]] = []

    def add(self, fake: Tensor, real: Tensor) -> None:
        self.real.extend(real.flatten().tolist())

    def result(self) -> Measured:
        return Measured(0.0, len(self.real))


@hookimpl
def register_metrics(register: Register) -> None:
    register("recording", Recording, help="what it is given")


@given(batches=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=6))
def test_each_real_image_is_given_once(batches: list[list[int]]) -> None:
    plugins = Plugins()
    plugins.load_builtin(sys.modules[__name__])
    Recording.real.clear()
    measurement = Measurement(plugins, ["recording"], MetricContext(), paired=False, direction="BtoA")
    for numbers in batches:
        images = torch.tensor(numbers, dtype=torch.float32).reshape(-1, 1, 1, 1)
        batch = {"A_paths": [str(number) for number in numbers], "B_paths": ["same"] * len(numbers)}
        measurement.add(batch, {"fake_B": images, "real_B": images})
    assert Recording.real == list(dict.fromkeys(number for numbers in batches for number in numbers))


def test_a_model_whose_output_has_another_name_is_no_error_without_metrics() -> None:
    image = torch.zeros(2, 3, 8, 8)
    measurement = Measurement(Plugins(), [], MetricContext(), paired=False, direction="AtoB")
    images = {"real_A": image, "result": image, "real_B": image}
    assert measurement.add({"B_paths": ["a", "b"]}, images) == [{}, {}]
    assert measurement.translated() is None


def test_pairs_of_different_sizes_are_no_error_without_metrics() -> None:
    measurement = Measurement(Plugins(), [], MetricContext(), paired=True, direction="AtoB")
    images = {"real_A": torch.zeros(1, 3, 8, 8), "fake_B": torch.zeros(1, 3, 8, 8), "real_B": torch.zeros(1, 3, 16, 16)}
    assert measurement.add({"A_paths": ["a"], "B_paths": ["b"]}, images) == [{}]
    assert measurement.translated() is None
