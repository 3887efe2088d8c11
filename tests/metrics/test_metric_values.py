"""Metrics have the values that independent computations give."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pixlate import get_plugins
from pixlate.errors import DataError, OptionError
from pixlate.metrics.base import MetricContext, interval_of_mean
from pixlate.metrics.features import FeatureNetwork, InceptionV3
from pixlate.metrics.labels import ClassAccuracy, MeanIoU, PixelAccuracy
from pixlate.metrics.pairs import L1, MS_SSIM, PSNR, SSIM
from pixlate.metrics.sets import FrechetDistance, KernelDistance, frechet_distance, kernel_distance, share_among
from pixlate.plugins import Field


class Explosive:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("exploded",)


def images(n: int, seed: int, size: int = 48, channels: int = 3) -> Tensor:
    """Smooth random images N×C×H×W in [-1, 1]."""
    noise = torch.randn(n, channels, 8, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, (size, size), mode="bicubic").clamp(-1, 1)


def features(n: int, dimensions: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dimensions, dimensions, generator=generator, dtype=torch.float64)
    return torch.randn(n, dimensions, generator=generator, dtype=torch.float64) @ mixing + seed


class TestPairs:
    def test_l1_and_psnr_by_their_definitions(self) -> None:
        fake, real = images(3, 0), images(3, 1)
        levels = [((image + 1) / 2).numpy().astype(float) for image in (fake, real)]
        difference = levels[0] - levels[1]
        l1, psnr = L1(MetricContext()), PSNR(MetricContext())
        for metric in (l1, psnr):
            metric.add(fake[:2], real[:2])
            metric.add(fake[2:], real[2:])
        np.testing.assert_allclose(l1.result().per_image, np.abs(difference).mean((1, 2, 3)), rtol=1e-5)
        expected = -10 * np.log10(np.square(difference).mean((1, 2, 3)))
        np.testing.assert_allclose(psnr.result().per_image, expected, rtol=1e-5)
        assert psnr.result().n == 3
        assert psnr.result().value == pytest.approx(expected.mean(), rel=1e-5)

    def test_ssim_is_that_of_scikit_image(self) -> None:
        metrics = pytest.importorskip("skimage.metrics", reason="needs scikit-image")
        fake, real = images(2, 0), images(2, 1)
        metric = SSIM(MetricContext())
        metric.add(fake, real)
        levels = [((image + 1) / 2).permute(0, 2, 3, 1).numpy().astype(float) for image in (fake, real)]
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "win_size": 11}
        for i, found in enumerate(metric.result().per_image):
            maps = metrics.structural_similarity(
                levels[0][i], levels[1][i], channel_axis=2, data_range=1.0, full=True, **options
            )[1]
            # Over the whole image: scikit-image's own mean leaves out a border of 5 pixels, torchmetrics does not.
            assert found == pytest.approx(maps.mean(), abs=1e-3)

    def test_equal_images_have_the_best_values(self) -> None:
        same = images(2, 0, size=176)
        for kind, best in ((L1, 0.0), (PSNR, 100.0), (SSIM, 1.0), (MS_SSIM, 1.0)):
            metric = kind(MetricContext())  # type: ignore[abstract]
            metric.add(same, same)
            assert metric.result().value == pytest.approx(best, abs=1e-5)

    def test_images_that_are_too_small_are_a_sentence(self) -> None:
        with pytest.raises(DataError, match="161 pixels or more, not 48 x 48: use ssim"):
            MS_SSIM(MetricContext()).add(images(1, 0), images(1, 1))

    def test_lpips_is_its_formula_on_the_same_random_network(self, tmp_path: Path) -> None:
        pytest.importorskip("torchmetrics")
        from torchmetrics.functional.image.lpips import _LPIPS
        from torchvision.models import alexnet

        from pixlate.metrics.pairs import LPIPS

        torch.manual_seed(0)
        network = alexnet(weights=None).eval()
        torch.save(network.state_dict(), tmp_path / "alexnet.pth")
        metric = LPIPS(MetricContext(weights={"alexnet": tmp_path / "alexnet.pth"}))
        fake, real = images(2, 0, size=64), images(2, 1, size=64)
        metric.add(fake, real)
        linear = [part.model[-1].weight for part in _LPIPS(pretrained=True, net="alex", pnet_rand=True).lins]
        shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
        found = [(x - shift[:, None, None]) / scale[:, None, None] for x in (fake, real)]
        expected = torch.zeros(2)
        at = 0
        with torch.no_grad():
            for end, weight in zip((2, 5, 8, 10, 12), linear, strict=True):  # after each ReLU
                found = [network.features[at:end](x) for x in found]
                a, b = (x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10) for x in found)
                expected += (weight * (a - b).square()).sum(1).mean((1, 2))
                at = end
        np.testing.assert_allclose(metric.result().per_image, expected.numpy(), rtol=1e-4)

    def test_without_weights_lpips_says_what_to_give(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        from pixlate.metrics.pairs import LPIPS

        monkeypatch.setattr(
            torch.hub, "load_state_dict_from_url", lambda *a, **k: (_ for _ in ()).throw(OSError("down"))
        )
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        with pytest.raises(DataError, match="--weights alexnet=FILE"):
            LPIPS(MetricContext())


class TestLabels:
    FIELD = Field("labels", classes=3)

    @staticmethod
    def labels(rows: list[list[int]]) -> Tensor:
        classes = torch.tensor(rows)
        encoded = 2.0 * torch.nn.functional.one_hot(classes.clamp(min=0), 3).permute(2, 0, 1) - 1
        return torch.where(classes < 0, -1.0, encoded)[None]

    def test_by_hand(self) -> None:
        true = self.labels([[0, 0, 1, -1], [0, 1, 1, 2]])
        found = self.labels([[0, 1, 1, 2], [0, 1, 0, 2]])
        expected = {
            PixelAccuracy: 5 / 7,
            ClassAccuracy: (2 / 3 + 2 / 3 + 1) / 3,
            MeanIoU: (2 / 4 + 2 / 4 + 1 / 1) / 3,
        }
        for kind, value in expected.items():
            metric = kind(MetricContext(self.FIELD))
            metric.add(found, true)
            assert metric.result().value == pytest.approx(value)
            assert metric.result().n == 1

    def test_classes_that_nothing_has_do_not_count(self) -> None:
        only = self.labels([[0, 0]])
        for kind in (ClassAccuracy, MeanIoU):
            metric = kind(MetricContext(self.FIELD))
            metric.add(only, only)
            assert metric.result().value == 1

    def test_values_are_over_all_pixels(self) -> None:
        metric = PixelAccuracy(MetricContext(self.FIELD))
        metric.add(self.labels([[0, 0, 0, 0]]), self.labels([[0, 0, 0, 0]]))
        metric.add(self.labels([[1]]), self.labels([[0]]))
        result = metric.result()
        assert result.value == pytest.approx(4 / 5)
        assert result.per_image == (1.0, 0.0)
        assert result.low is not None
        assert result.low <= result.value


class TestSets:
    @pytest.mark.parametrize(("n", "m", "dimensions"), [(20, 30, 64), (200, 150, 16), (64, 64, 64)])
    def test_frechet_distance_by_the_root_of_the_matrices(self, n: int, m: int, dimensions: int) -> None:
        linalg = pytest.importorskip("scipy.linalg", reason="needs scipy")
        one, other = features(n, dimensions, 0), features(m, dimensions, 1)
        means = [x.numpy().mean(0) for x in (one, other)]
        covariances = [np.cov(x.numpy(), rowvar=False) for x in (one, other)]
        root = linalg.sqrtm(covariances[0] @ covariances[1])
        expected = np.square(means[0] - means[1]).sum() + np.trace(sum(covariances) - 2 * np.real(root))
        assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-4)
        assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6 * expected)

    def test_values_are_those_of_torch_fidelity(self) -> None:
        pytest.importorskip("torch_fidelity", reason="needs the extra 'metrics'")
        from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
        from torch_fidelity.metric_kid import kid_features_to_metric
        from torch_fidelity.metric_prc import prc_features_to_metric

        one, other = features(60, 24, 0), features(60, 24, 0) * 1.1 + 0.2
        statistics = [fid_features_to_statistics(each) for each in (one, other)]
        (fid,) = fid_statistics_to_metric(*statistics, False).values()
        assert frechet_distance(one, other) == pytest.approx(fid, rel=1e-5)
        whole = {"kid_subsets": 1, "kid_subset_size": 60, "verbose": False}
        kid = kid_features_to_metric(one, other, **whole)["kernel_inception_distance_mean"]
        assert kernel_distance(one, other) == pytest.approx(kid, rel=1e-6)
        found = prc_features_to_metric(one, other, prc_neighborhood=3, verbose=False, save_cpu_ram=False)
        assert share_among(one, other) == pytest.approx(found["precision"], abs=1e-6)
        assert share_among(other, one) == pytest.approx(found["recall"], abs=1e-6)

    def test_kernel_distance_by_its_definition(self) -> None:
        one, other = features(7, 5, 0), features(7, 5, 1)

        def k(x: Tensor, y: Tensor) -> float:
            return float((x @ y / 5 + 1) ** 3)

        pairs = [(i, j) for i in range(7) for j in range(7) if i != j]
        within = sum(k(x[i], x[j]) for x in (one, other) for i, j in pairs) / 42
        between = sum(k(x, y) for x in one for y in other) / 49
        assert kernel_distance(one, other) == pytest.approx(within - 2 * between, rel=1e-9)

    def test_precision_and_recall_by_hand(self) -> None:
        real = torch.tensor([[0.0], [1.0], [2.0], [3.0], [10.0]], dtype=torch.float64)
        fake = torch.tensor([[0.5], [2.5], [50.0]], dtype=torch.float64)
        # Radii to the third neighbour: 3, 2, 2, 3, 9; all points from -3 to 19 lie within one.
        assert share_among(fake, real) == pytest.approx(2 / 3)
        # Of three points the radius is that to the furthest other one: every real point lies within that of 50.
        assert share_among(real, fake) == 1

    def test_the_same_images_are_at_the_noise_floor_and_others_are_not(self) -> None:
        class Pixels(FeatureNetwork):
            def __init__(self, context: MetricContext) -> None:
                self.weight = torch.randn(
                    3 * 48 * 48, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
                )

            def __call__(self, batch: Tensor) -> Tensor:
                return batch.flatten(1).double() @ self.weight / 100

        for kind in (FrechetDistance, KernelDistance):
            metric_type: Any = type("Tried", (kind,), {"network": Pixels})
            near, far = metric_type(MetricContext()), metric_type(MetricContext())
            near.add(images(40, 0), images(40, 1))
            far.add(images(40, 0) * 0.2 + 0.5, images(40, 1))
            results = near.result(), far.result()
            assert results[0].floor is not None
            assert results[1].value > 3 * abs(results[0].value)
            assert results[1].low is not None
            assert results[1].low < results[1].value
            assert results[1].n == 40

    def test_few_images_are_a_sentence(self) -> None:
        class Two(FeatureNetwork):
            def __init__(self, context: MetricContext) -> None: ...

            def __call__(self, batch: Tensor) -> Tensor:
                return batch.flatten(1)[:, :2].double()

        metric: Any = type("Tried", (FrechetDistance,), {"network": Two})(MetricContext())
        metric.add(images(3, 0), images(9, 0))
        with pytest.raises(DataError, match="4 images of each or more, not 3 and 9"):
            metric.result()

    def test_without_inception_the_sentence_names_the_file_and_the_alternative(self, tmp_path: Path) -> None:
        pytest.importorskip("torch_fidelity", reason="needs the extra 'metrics'")
        (tmp_path / "weights.pth").write_bytes(b"nothing")
        with pytest.raises(DataError, match=r"weights.pth.* fails .*--weights inception=FILE, or use fd_efflite0"):
            InceptionV3(MetricContext(weights={"inception": tmp_path / "weights.pth"}))

    def test_weights_that_would_execute_code_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("torch_fidelity", reason="needs the extra 'metrics'")
        monkeypatch.chdir(tmp_path)
        torch.save({"weight": Explosive()}, tmp_path / "weights.pth")
        with pytest.raises(DataError, match="--weights inception=FILE"):
            InceptionV3(MetricContext(weights={"inception": tmp_path / "weights.pth"}))
        assert not (tmp_path / "exploded").exists()

    def test_efficientnet_lite_recognises_what_it_was_trained_on(self) -> None:
        pytest.importorskip("efficientnet_lite_pytorch", reason="needs the extra 'features'")
        from pixlate.metrics.features import EfficientNetLite0

        network = EfficientNetLite0(MetricContext())
        found = network((images(3, 0) + 1) / 2)
        assert found.shape == (3, 1280)
        assert found.dtype == torch.float64
        assert torch.equal(found, network((images(3, 0) + 1) / 2))
        assert not torch.allclose(found[0], found[1])


class TestColours:
    def test_intersections_are_one_for_equal_images_and_less_for_others(self) -> None:
        pytest.importorskip("kornia", reason="needs the extra 'color'")
        from pixlate.metrics.colours import LabHistogramA, LabHistogramL

        for kind in (LabHistogramL, LabHistogramA):
            same, other = kind(MetricContext()), kind(MetricContext())
            same.add(images(4, 0), images(4, 0))
            red = images(4, 0).clone()
            red[:, 0] = 1
            other.add(red, images(4, 0))
            assert same.result().value == pytest.approx(1)
            assert other.result().value < 0.8
            assert same.result().floor is not None


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=50), st.integers(0, 99))
def test_an_interval_holds_the_mean(values: list[float], seed: int) -> None:
    low, high = interval_of_mean(np.array(values), seed)
    assert low is not None
    assert high is not None
    assert low - 1e-9 <= np.mean(values) <= high + 1e-9 or max(values) - min(values) < 1e-3 or len(values) < 10
    assert (low, high) == interval_of_mean(np.array(values), seed)


def test_an_interval_of_many_values_is_that_of_the_central_limit() -> None:
    values = np.random.default_rng(0).normal(5, 2, 4000)
    low, high = interval_of_mean(values, 0)
    assert low is not None
    assert high is not None
    assert high - low == pytest.approx(2 * 1.96 * 2 / math.sqrt(4000), rel=0.1)
    assert interval_of_mean(values[:1], 0) == (None, None)


@pytest.mark.parametrize("name", sorted(get_plugins().registry("metric").names()))
def test_every_metric_says_what_it_needs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the libraries of extras, a metric is built or names the extra."""
    monkeypatch.setattr("pixlate.util.optional.find_spec", lambda module: None)
    component = get_plugins().registry("metric").get(name)
    assert component.help
    if name in ("l1", "change", "edges_lost", "edges_invented", "pixel_accuracy", "class_accuracy", "miou"):
        component.load()(MetricContext())
        return
    with pytest.raises(OptionError, match=r"pip install 'pixlate\["):
        component.load()(MetricContext())
