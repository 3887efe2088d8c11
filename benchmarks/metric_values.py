"""Metrics beside independent computations of the same numbers, on photographs and their blurred copies.

uv run --group formats python -m benchmarks.metric_values --dataroot ./datasets/facades
"""

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

import pixlate
from pixlate.metrics.base import MetricContext
from pixlate.metrics.colours import LabHistogramA, LabHistogramB, LabHistogramL
from pixlate.metrics.features import EfficientNetLite0
from pixlate.metrics.labels import ClassAccuracy, MeanIoU, PixelAccuracy
from pixlate.metrics.pairs import LPIPS, MS_SSIM, PSNR, SSIM
from pixlate.metrics.sets import frechet_distance, kernel_distance, share_among
from pixlate.plugins import Field

Row = tuple[str, str, float, float]  # metric, compared with, our value, the largest difference


def photographs(dataroot: str, count: int) -> Tensor:
    """The first images of side A of the training phase, N×3×256×256 in [-1, 1]."""
    dataset = pixlate.create_dataset("aligned", dataroot=dataroot, load_size=256, flip=False)
    return torch.stack([dataset[1, index]["A"] for index in range(min(count, len(dataset)))])


def by_scikit_image(fake: Tensor, real: Tensor) -> Iterator[Row]:
    """PSNR, SSIM, and the histograms of CIELAB."""
    from skimage.color import rgb2lab
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    levels = [((each + 1) / 2).permute(0, 2, 3, 1).double().numpy() for each in (fake, real)]
    psnr, ssim = PSNR(MetricContext()), SSIM(MetricContext())
    for metric in (psnr, ssim):
        metric.add(fake, real)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
    pairs = list(zip(*levels, strict=True))
    ratios = [peak_signal_noise_ratio(b, a, data_range=1.0) for a, b in pairs]
    maps = [structural_similarity(a, b, data_range=1.0, full=True, **options)[1].mean() for a, b in pairs]
    for name, metric, expected in (("psnr", psnr, ratios), ("ssim", ssim, maps)):
        result = metric.result()
        yield name, "scikit-image", result.value, _largest(np.array(result.per_image), np.array(expected))
    lab = [rgb2lab(each) for each in levels]
    scaled = [np.stack([each[..., 0] / 50 - 1, each[..., 1] / 110, each[..., 2] / 110], -1) for each in lab]
    for channel, (name, kind) in enumerate(
        (("lab_L", LabHistogramL), ("lab_a", LabHistogramA), ("lab_b", LabHistogramB))
    ):
        metric = kind(MetricContext())
        metric.add(fake, real)
        counts = [np.histogram(each[..., channel], 100, (-1, 1))[0] for each in scaled]
        expected = np.minimum(*(each / each.sum() for each in counts)).sum()
        yield name, "scikit-image's CIELAB", metric.result().value, abs(metric.result().value - expected)


def by_definition(fake: Tensor, real: Tensor) -> Iterator[Row]:
    """MS-SSIM by scikit-image's SSIM of five scales; LPIPS by its formula on AlexNet with random weights."""
    from torchmetrics.functional.image.lpips import _LPIPS
    from torchvision.models import alexnet

    metric = MS_SSIM(MetricContext())
    metric.add(fake, real)
    yield (
        "ms_ssim",
        "its formula, with scikit-image",
        metric.result().value,
        _largest(
            np.array(metric.result().per_image), np.array([_ms_ssim(a, b) for a, b in zip(fake, real, strict=True)])
        ),
    )
    torch.manual_seed(0)
    network = alexnet(weights=None).eval()
    with tempfile.TemporaryDirectory() as folder:
        torch.save(network.state_dict(), Path(folder) / "alexnet.pth")
        lpips = LPIPS(MetricContext(weights={"alexnet": Path(folder) / "alexnet.pth"}))
    lpips.add(fake, real)
    linear = [part.model[-1].weight for part in _LPIPS(pretrained=True, net="alex", pnet_rand=True).lins]
    expected = _lpips(network.features, linear, fake, real)
    yield (
        "lpips, random AlexNet",
        "its formula",
        lpips.result().value,
        _largest(np.array(lpips.result().per_image), expected),
    )


def by_torch_fidelity(fake: Tensor, real: Tensor) -> Iterator[Row]:
    """Distances of sets, on the features of EfficientNet-Lite0."""
    from scipy.linalg import sqrtm
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    network = EfficientNetLite0(MetricContext())
    one, other = (network((each + 1) / 2) for each in (fake, real))
    distance = frechet_distance(one, other)
    means, covariances = zip(*((x.numpy().mean(0), np.cov(x.numpy(), rowvar=False)) for x in (one, other)), strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fewer images than features the matrix is singular
        root = sqrtm(covariances[0] @ covariances[1])
    by_root = np.square(means[0] - means[1]).sum() + np.trace(covariances[0] + covariances[1] - 2 * root.real)
    yield "fd_efflite0", "scipy's matrix root", distance, abs(distance - float(by_root))
    (fid,) = fid_statistics_to_metric(*map(fid_features_to_statistics, (one, other)), False).values()
    yield "fd_efflite0", "torch-fidelity", distance, abs(distance - fid)
    options = {"kid_subsets": 1, "kid_subset_size": len(one), "verbose": False}
    kid = kid_features_to_metric(one, other, **options)["kernel_inception_distance_mean"]
    yield "kd_efflite0", "torch-fidelity", kernel_distance(one, other), abs(kernel_distance(one, other) - kid)
    found = prc_features_to_metric(one, other, prc_neighborhood=3, verbose=False, save_cpu_ram=False)
    for name, ours in (("precision", share_among(one, other)), ("recall", share_among(other, one))):
        yield f"{name}_efflite0", "torch-fidelity", ours, abs(ours - found[name])


def by_torchmetrics(fake: Tensor, real: Tensor) -> Iterator[Row]:
    """Metrics of labels: four classes, by brightness."""
    from torchmetrics.functional.classification import multiclass_accuracy, multiclass_jaccard_index

    classes = [((each.mean(1) + 1) * 2).long().clamp(0, 3) for each in (fake, real)]
    encoded = [2.0 * nn.functional.one_hot(each, 4).permute(0, 3, 1, 2) - 1 for each in classes]
    expected = {
        PixelAccuracy: multiclass_accuracy(*classes, 4, average="micro"),
        ClassAccuracy: multiclass_accuracy(*classes, 4, average="macro"),
        MeanIoU: multiclass_jaccard_index(*classes, 4),
    }
    for name, (kind, value) in zip(("pixel_accuracy", "class_accuracy", "miou"), expected.items(), strict=True):
        metric = kind(MetricContext(Field("labels", classes=4)))
        metric.add(*encoded)
        yield name, "torchmetrics", metric.result().value, abs(metric.result().value - float(value))


def _ms_ssim(fake: Tensor, real: Tensor) -> float:
    """Products of contrast and structure on four scales, and SSIM on the fifth (Wang et al. 2003)."""
    from skimage.metrics import structural_similarity

    weights = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    value, pair = 1.0, [((each + 1) / 2).double()[None] for each in (fake, real)]
    for scale, weight in enumerate(weights):
        a, b = (each[0].permute(1, 2, 0).numpy() for each in pair)
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
        whole = structural_similarity(a, b, data_range=1.0, full=True, **options)[1]
        if scale < len(weights) - 1:  # without the luminance, which only the last scale has
            from scipy.ndimage import gaussian_filter

            means = [gaussian_filter(each, (1.5, 1.5, 0), truncate=3.5) for each in (a, b)]
            luminance = (2 * means[0] * means[1] + 1e-4) / (means[0] ** 2 + means[1] ** 2 + 1e-4)
            whole = whole / luminance
        value *= max(0.0, float(whole.mean())) ** weight
        pair = [nn.functional.avg_pool2d(each, 2) for each in pair]
    return value


@torch.no_grad()
def _lpips(layers: nn.Sequential, linear: list[Tensor], fake: Tensor, real: Tensor) -> NDArray[np.float64]:
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    found = [(x - shift[:, None, None]) / scale[:, None, None] for x in (fake, real)]
    distances, at = torch.zeros(len(fake)), 0
    for end, weight in zip((2, 5, 8, 10, 12), linear, strict=True):  # after each ReLU
        found = [layers[at:end](x) for x in found]
        a, b = (x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10) for x in found)
        distances += (weight * (a - b).square()).sum(1).mean((1, 2))
        at = end
    return distances.double().numpy()


def _largest(ours: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    return float(np.abs(ours - others).max())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataroot", default="demo", help="pairs whose side A is photographs")
    parser.add_argument("--images", type=int, default=64)
    given = parser.parse_args()
    real = photographs(given.dataroot, given.images)
    fake = gaussian_blur(real, [9, 9], [2.0, 2.0]) * 0.9
    print(f"{len(real)} images; each beside itself blurred, with less contrast.\n")
    print("| metric | compared with | value | largest difference |\n| --- | --- | ---: | ---: |")
    for compute in (by_scikit_image, by_definition, by_torch_fidelity, by_torchmetrics):
        for name, other, value, difference in compute(fake, real):
            print(f"| `{name}` | {other} | {value:.4f} | {difference:.1e} |", flush=True)


if __name__ == "__main__":
    main()
