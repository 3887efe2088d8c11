"""Registers the built-in metrics."""

from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.registry import Register


@hookimpl
def register_metrics(register: Register) -> None:
    pairs, labels, sets, colours = (f"pixlate.metrics.{name}" for name in ("pairs", "labels", "sets", "colours"))
    register("l1", f"{pairs}:L1", help="mean absolute difference, 0 to 1")
    register("psnr", f"{pairs}:PSNR", help="peak signal-to-noise ratio, in dB")
    register("ssim", f"{pairs}:SSIM", help="structural similarity (Wang et al. 2004)")
    register("ms_ssim", f"{pairs}:MS_SSIM", help="structural similarity on five scales (Wang et al. 2003)")
    register("lpips", f"{pairs}:LPIPS", help="learned perceptual distance on AlexNet (Zhang et al. 2018)")
    register("change", "pixlate.metrics.inputs:Change", help="mean absolute difference to the input, 0 to 1")
    register("structure", "pixlate.metrics.inputs:Structure", help="layout: distance to the input's self-similarity")
    register("edges_lost", "pixlate.metrics.edges:EdgesLost", help="share of the input's edges that are gone")
    register("edges_invented", "pixlate.metrics.edges:EdgesInvented", help="share of edges that the input has not")
    register("pixel_accuracy", f"{labels}:PixelAccuracy", help="labels: share of right pixels")
    register("class_accuracy", f"{labels}:ClassAccuracy", help="labels: share of right pixels, averaged over classes")
    register("miou", f"{labels}:MeanIoU", help="labels: intersection over union, averaged over classes")
    register("fid", f"{sets}:FrechetDistance", help="Frechet distance on Inception's features (Heusel et al. 2017)")
    register("kid", f"{sets}:KernelDistance", help="kernel distance on Inception's features (Binkowski et al. 2018)")
    register("precision", f"{sets}:Precision", help="share of results that look real (Kynkaanniemi et al. 2019)")
    register("recall", f"{sets}:Recall", help="share of real images that results cover")
    register("fd_efflite0", f"{sets}:FrechetDistanceEffLite0", help="Frechet distance on EfficientNet-Lite0; no FID")
    register("kd_efflite0", f"{sets}:KernelDistanceEffLite0", help="kernel distance on EfficientNet-Lite0; no KID")
    register("precision_efflite0", f"{sets}:PrecisionEffLite0", help="precision on EfficientNet-Lite0")
    register("recall_efflite0", f"{sets}:RecallEffLite0", help="recall on EfficientNet-Lite0")
    register("lab_L", f"{colours}:LabHistogramL", help="histogram intersection of lightness (Isola et al. 2017)")
    register("lab_a", f"{colours}:LabHistogramA", help="the same of a*, green to red")
    register("lab_b", f"{colours}:LabHistogramB", help="the same of b*, blue to yellow")
