"""Registers the built-in data sets, and declares the options of their own."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pixlate.options.fields import FolderPath, option
from pixlate.options.ranges import SHARE
from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.registry import Register

PairBy = Literal["auto", "side_by_side", "stem", "order", "suffix"]


@dataclass(frozen=True)
class PairOptions:
    """How pairs are found."""

    TITLE: ClassVar[str] = "Pairs"

    pair_by: PairBy = option(
        "auto",
        "what makes a pair: side_by_side, A and B in one file; stem, equal names in two folders; order, the order of "
        "the names in two folders; suffix, names such as 1_A and 1_B; auto, what the files show",
        on_change="refuse",
    )


@dataclass(frozen=True)
class ManifestOptions:
    """The table of the samples."""

    TITLE: ClassVar[str] = "Table of samples"

    manifest: str = option(
        "manifest.csv",
        "table with a row for each sample, in --dataroot: CSV, JSON lines or Parquet",
        metavar="FILE",
        on_change="refuse",
    )
    allow_outside: bool = option(False, "read files that lie outside of --dataroot", on_change="refuse")


@dataclass(frozen=True)
class HoleOptions:
    """The holes of inpainting."""

    TITLE: ClassVar[str] = "Holes"

    hole: Literal["box", "brush", "center"] = option(
        "box", "shape of the holes: box, a rectangle; brush, strokes; center, the square in the middle"
    )
    hole_area: float = option(0.25, "share of the image that holes cover", type=SHARE)
    hole_masks: str = option(
        "",
        "folder of images whose white parts are the holes, drawn at random, in place of --hole",
        type=FolderPath(),
        metavar="FOLDER",
    )


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "aligned",
        "pixlate.data.datasets:AlignedDataset",
        config=PairOptions,
        help="pairs: side by side in one file in <phase>/, or in two folders A and B under equal names",
    )
    register(
        "unaligned",
        "pixlate.data.datasets:UnalignedDataset",
        help="two collections, <phase>A/ and <phase>B/, that are not pairs",
    )
    register(
        "manifest",
        "pixlate.data.manifest:ManifestDataset",
        config=ManifestOptions,
        help="a table with a row for each sample: files of any number of fields, numbers, classes, splits, weights",
    )
    register(
        "domains",
        "pixlate.data.domains:DomainsDataset",
        help="several domains, a folder <phase>/<domain>/ for each: images with their domain and a target domain",
    )
    register(
        "colorization",
        "pixlate.data.colorization:ColorizationDataset",
        help="photographs, in <phase>/, as their lightness and their colours (CIELAB); needs the extra 'color'",
    )
    register(
        "inpainting",
        "pixlate.data.inpainting:InpaintingDataset",
        config=HoleOptions,
        help="photographs, in <phase>/, with holes to be filled: the field mask is white there",
    )
    register("single", "pixlate.data.datasets:SingleDataset", help="the images in one folder, for testing only")
