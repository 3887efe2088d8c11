"""Which of several runs is better, by what the intervals allow."""

from pathlib import Path

import numpy as np

from pixlate.metrics.base import Measured, interval_of_mean
from pixlate.metrics.protocol import Protocol
from pixlate.runs.judging.evaluation import Evaluation
from pixlate.runs.judging.verdict import verdicts

HIGHER = {"ssim": True}


def evaluation(**metrics: Measured) -> Evaluation:
    images = tuple(f"{number}.png" for number in range(20))
    return Evaluation("run", Path(), Protocol(tuple(metrics)), "test", "", images, metrics)


def of_images(values: np.ndarray) -> Measured:
    low, high = interval_of_mean(values, 0)
    return Measured(float(values.mean()), len(values), low, high, per_image=tuple(values.tolist()))


def verdict(*measured: Measured, metric: str = "ssim") -> str:
    runs = {name: evaluation(**{metric: each}) for name, each in zip("ABC", measured, strict=False)}
    return verdicts(runs, HIGHER).get(metric, "")


def test_intervals_that_do_not_overlap() -> None:
    a, b = Measured(0.65, 9, 0.63, 0.67), Measured(0.71, 9, 0.69, 0.73)
    assert verdict(a, b) == "B is better, 0.71 [0.69, 0.73] against 0.65 [0.63, 0.67]; the intervals do not overlap."
    assert verdict(a, b, metric="l1").startswith("A is better, 0.65")


def test_intervals_that_overlap() -> None:
    a, b = Measured(0.65, 9, 0.6, 0.7), Measured(0.66, 9, 0.61, 0.71)
    assert verdict(a, b).endswith("the intervals overlap, so this may be chance.")
    assert "has the better value" in verdict(a, b)


def test_the_same_images_tell_more_than_the_intervals() -> None:
    images = np.linspace(0.2, 0.9, 20)
    noise = np.random.default_rng(0).normal(0, 0.001, 20)
    text = verdict(of_images(images), of_images(images + 0.01 + noise))
    assert text.startswith("B is better")
    assert "on the same images it is better by 0.009" in text
    assert "may be chance" in verdict(of_images(images), of_images(images[::-1] + 0.01))


def test_a_difference_that_may_be_none_is_no_verdict() -> None:
    equal = np.full(20, 0.5)
    one_differs = np.where(np.arange(20) == 3, 0.6, 0.5)
    assert "may be chance" in verdict(of_images(equal), of_images(one_differs))
    assert "may be chance" in verdict(of_images(np.array([0.5, 0.9])), of_images(np.array([0.6, 1.0])))


def test_values_without_intervals_and_equal_ones() -> None:
    assert "without intervals this may be chance" in verdict(Measured(1.0, 1), Measured(2.0, 1))
    assert verdict(Measured(1.0, 1), Measured(1.0, 1)) == "A and B are equal: 1."
    assert verdict(Measured(float("nan"), 1), Measured(1.0, 1)) == ""
    assert verdict(Measured(1.0, 1)) == ""


def test_the_best_of_three_is_compared_with_the_next() -> None:
    values = [Measured(value, 9, value - 0.01, value + 0.01) for value in (0.5, 0.9, 0.7)]
    assert verdict(*values).startswith("B is the best, 0.9 [0.89, 0.91] against 0.7 [0.69, 0.71] of C;")
