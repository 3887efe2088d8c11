"""Metrics of outputs and inputs, the gauge, and the noise floor: definitions, invariances, and what does not apply."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pixlate.errors import DataError, OptionError
from pixlate.metrics.base import Measured, MetricContext, PairMetric, described
from pixlate.metrics.edges import EdgesInvented, EdgesLost
from pixlate.metrics.floor import NoiseFloor
from pixlate.metrics.gauge import Gauge, Translated, colour_distance
from pixlate.metrics.inputs import Change, InputMetric
from pixlate.plugins import Field

LABELS = Field(kind="labels", classes=3)


def images(n: int, seed: int, size: int = 48, channels: int = 3) -> Tensor:
    """Smooth random images N×C×H×W in [-1, 1], of which some values are at the ends."""
    noise = torch.randn(n, channels, 8, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, (size, size), mode="bicubic").clamp(-1, 1)


def value(kind: type[PairMetric], output: Tensor, given: Tensor) -> float:
    metric = kind(MetricContext())
    metric.add(output, given)
    return metric.result().value


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999), channels=st.sampled_from([1, 3]), factor=st.floats(0.5, 1))
def test_equal_images_have_not_changed_and_darker_ones_keep_their_edges(
    seed: int, channels: int, factor: float
) -> None:
    x = images(2, seed, channels=channels)
    assert all(value(kind, x, x) == 0 for kind in (Change, EdgesLost, EdgesInvented))
    darker = (x + 1) * factor - 1
    assert value(Change, darker, x) == pytest.approx(float((darker - x).abs().mean()) / 2, abs=1e-6)
    assert value(EdgesLost, darker, x) == value(EdgesInvented, darker, x) == 0
    assert value(EdgesLost, -x, x) == 0  # of inverted contrast


def test_edges_are_those_of_their_definition() -> None:
    """Computed with scipy: a Gaussian of one pixel, Sobel, thresholds relative to the root mean square, dilation."""
    ndimage = pytest.importorskip("scipy.ndimage", reason="needs scipy")
    output, given_ = images(3, 0), images(3, 1)

    def strength(image: np.ndarray) -> np.ndarray:
        grey = np.tensordot([0.299, 0.587, 0.114], (image + 1) / 2, 1)
        smooth = ndimage.gaussian_filter(grey, 1, mode="nearest", truncate=3)
        size = np.hypot(*(ndimage.sobel(smooth, axis, mode="nearest") for axis in (0, 1)))
        return np.asarray(size / np.sqrt(np.square(size).mean()))

    def share(edges: np.ndarray, others: np.ndarray) -> float:
        near = ndimage.binary_dilation(others > 1, np.ones((5, 5)))
        return float(((edges > 2) & ~near).sum() / (edges > 2).sum())

    for kind, order in ((EdgesLost, 1), (EdgesInvented, -1)):
        metric = kind(MetricContext())
        metric.add(output, given_)
        pairs = [
            (strength(a.numpy().astype(float)), strength(b.numpy().astype(float)))
            for a, b in zip(given_, output, strict=True)
        ]
        expected = [share(*pair[::order]) for pair in pairs]
        np.testing.assert_allclose(metric.last(), expected, atol=2e-3)


def test_what_is_removed_is_lost_and_what_is_added_is_invented() -> None:
    plain = torch.zeros(1, 3, 64, 64)
    square = plain.clone()
    square[:, :, 20:40, 20:40] = 1
    two = square.clone()
    two[:, :, 48:60, 48:60] = -1
    assert value(EdgesLost, square, two) == pytest.approx(12 / 32, abs=0.1)
    assert value(EdgesInvented, two, square) == pytest.approx(12 / 32, abs=0.1)
    assert value(EdgesInvented, square, two) == 0
    assert value(EdgesLost, plain, square) == 1
    assert value(EdgesInvented, square.roll(2, 3), square) == 0  # within the tolerance
    assert value(EdgesInvented, square.roll(8, 3), square) > 0.2


def test_structure_is_the_distance_of_self_similarities() -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="needs the extra 'features'")
    from pixlate.metrics.features import EfficientNetLite0
    from pixlate.metrics.inputs import Structure

    x, y = images(2, 0, size=64), images(2, 1, size=64)
    network = EfficientNetLite0(MetricContext())
    expected = []
    for pair in zip(x, y, strict=True):
        similarities = []
        for image in pair:
            maps = network.maps((image[None] + 1) / 2)[0].flatten(1).numpy().astype(float)
            maps -= maps.mean(1, keepdims=True)
            maps /= np.linalg.norm(maps, axis=0)
            similarities.append(maps.T @ maps)
        expected.append(np.sqrt(np.square(similarities[0] - similarities[1]).mean()))
    metric = Structure(MetricContext())
    metric.add(y, x)
    np.testing.assert_allclose(metric.last(), expected, rtol=1e-4)
    assert value(Structure, x, x) == 0
    assert value(Structure, (x + 1) * 0.7 - 1, x) < 0.5 * value(Structure, x.flip(3), x)
    assert value(Structure, x.mean(1, keepdim=True), x) > 0  # grey outputs too


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (Change, (LABELS, Field()), "images on both sides, but the input of this run is labels"),
        (Change, (Field(), LABELS), "the output of this run is labels"),
        (Change, (Field(channels=1), Field()), "the input of this run has 1 and the output 3"),
        (EdgesLost, (Field(channels=5), Field()), "needs 1 or 3 channels, but the input of this run has 5"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(
    kind: type[InputMetric], fields: tuple[Field, Field], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        kind(MetricContext(fields[1], input_field=fields[0]))


def test_other_sizes_are_a_sentence() -> None:
    with pytest.raises(DataError, match="of one size, not 48 x 48 pixels and 64 x 64 pixels"):
        Change(MetricContext()).add(images(1, 0, 64), images(1, 0, 48))


class TestGauge:
    def test_distances_are_those_of_scipy(self) -> None:
        stats = pytest.importorskip("scipy.stats", reason="needs scipy")
        given_, real = images(3, 0), images(4, 1, size=32) * 0.5 + 0.2
        gauge = Gauge()
        gauge.add(given_[:2], given_[:2], real, paired=False)
        gauge.add(given_[2:], given_[2:], real[:0], paired=False)
        found = gauge.result()
        assert found is not None
        levels = [((image + 1) / 2).transpose(0, 1).flatten(1).numpy() for image in (given_, real)]
        expected = np.mean([stats.wasserstein_distance(a, b) for a, b in zip(*levels, strict=True)])
        assert found.needed == pytest.approx(expected, abs=0.005)
        assert (found.change, found.remaining) == (0, found.needed)
        assert found.hardly

    def test_a_translation_that_reaches_the_target_changes_at_least_what_is_needed(self) -> None:
        given_, real = images(2, 0) * 0.3, images(2, 0) * 0.3 + 0.4
        gauge = Gauge()
        gauge.add(real, given_, real, paired=False)
        found = gauge.result()
        assert found is not None
        assert found.change == pytest.approx(found.needed, abs=0.005) == pytest.approx(0.2, abs=0.005)
        assert not found.hardly

    def test_of_pairs_the_ground_truth_tells_what_is_needed(self) -> None:
        given_, real = images(2, 0), images(2, 1)
        gauge = Gauge()
        gauge.add(given_ * 0.99, given_, real, paired=True)
        found = gauge.result()
        assert found is not None
        assert found.needed == pytest.approx(float((real - given_).abs().mean()) / 2, abs=1e-6)
        assert found.hardly
        assert "the ground truth does by" in found.sentence({})

    def test_the_sentence_names_the_options_that_the_run_has(self) -> None:
        text = Translated(0.01, 0.2, 0.19, paired=False).sentence({"lambda_identity": 0.5, "lambda_structure": 0.0})
        assert "differ from their inputs by 0.01 (of 0 to 1), the colours of the two domains by 0.2" in text
        assert "Train longer, or lower --lambda_identity (0.5)." in text
        assert "hardly" not in Translated(0.2, 0.2, 0.01, paired=False).sentence({"lambda_identity": 0.5})

    def test_outputs_that_are_no_numbers_count_as_black(self) -> None:
        gauge = Gauge()
        gauge.add(torch.full((1, 3, 8, 8), torch.nan), images(1, 0, 8), -torch.ones(1, 3, 8, 8), paired=False)
        found = gauge.result()
        assert found is not None
        assert found.remaining == 0
        assert not found.hardly

    def test_without_images_there_is_no_result(self) -> None:
        assert Gauge().result() is None

    @given(shift=st.integers(0, 100))
    def test_shifted_values_are_as_far_as_they_are_shifted(self, shift: int) -> None:
        counts = torch.zeros(1, 256, dtype=torch.float64)
        counts[0, 10:50] = 3
        assert colour_distance(counts, counts.roll(shift, 1)) == pytest.approx(shift / 256)


class TestNoiseFloor:
    @pytest.mark.parametrize(
        ("n", "real", "others", "expected"),
        [
            (10, 25, 0, ((10, 10), 10, "")),  # enough real images
            (10, 10, 50, ((10, 10), 10, "train")),
            (10, 10, 8, ((8, 10), 8, "train")),
            (10, 10, 4, ((5, 5), 5, "")),  # the halves are more
            (10, 10, 0, ((5, 5), 5, "")),
            (1, 3, 0, (None, None, "")),
        ],
    )
    def test_which_images_it_is_of(self, n: int, real: int, others: int, expected: tuple[Any, int, str]) -> None:
        sizes: list[tuple[int, int]] = []
        floor = NoiseFloor()
        if others:
            floor.add(torch.arange(100.0, 100 + others)[:, None], "train")

        def distance(one: Tensor, other: Tensor) -> float:
            assert not set(one.flatten().tolist()) & set(other.flatten().tolist())
            sizes.append((len(one), len(other)))
            return 1.0

        of: Callable[..., Any] = floor.of
        found = of(torch.arange(float(real))[:, None], n, distance, np.random.default_rng(0))
        assert found == (None if expected[0] is None else 1.0, *expected[1:])
        assert sizes == ([] if expected[0] is None else [expected[0]])

    def test_it_says_what_it_is_of(self) -> None:
        assert described(Measured(1.0, 30, floor=0.5, floor_n=30)) == "1, floor 0.5, of 30 images"
        assert described(Measured(1.0, 30, floor=0.5, floor_n=15)) == "1, floor 0.5 (of 15), of 30 images"
        found = Measured(1.0, 30, floor=0.5, floor_n=20, floor_phase="train")
        assert described(found) == "1, floor 0.5 (train of 20), of 30 images"
        assert found.to_json()["floor_n"] == 20
        assert "per_image" not in found.to_json()
