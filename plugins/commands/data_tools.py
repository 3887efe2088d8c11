"""The commands that make data: combine, separate, split, edges, prepare-cityscapes."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click

from pixlate.options.fields import FiniteFloat
from pixlate.options.ranges import COUNT, RATIO, SHARE
from pixlate.util.output import complain, say
from pixlate.util.program import program
from pixlate.util.text import counted

from .progress import progress

FOLDER = click.Path(path_type=Path)
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

output = click.option(
    "-o", "--output", type=FOLDER, required=True, metavar="FOLDER", help="folder that the files are written into"
)
overwrite = click.option("--overwrite", is_flag=True, help="write into a folder that has files, and replace those")
format_option = click.option(
    "--format",
    type=click.Choice(["png", "jpg"]),
    default="png",
    show_default=True,
    help="of 8-bit images; others are written as 16-bit PNG, TIFF or NumPy files",
)
on_bad_image = click.option(
    "--on_bad_image",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="an image that cannot be read: stop, or leave it out",
)


@click.command("combine")
@click.argument("folder_a", metavar="A", type=FOLDER, required=False)
@click.argument("folder_b", metavar="B", type=FOLDER, required=False)
@click.option(
    "-o", "--output", "--fold_AB", type=FOLDER, metavar="FOLDER", help="folder that the files are written into"
)
@click.option("--fold_A", "fold_a", type=FOLDER, hidden=True)
@click.option("--fold_B", "fold_b", type=FOLDER, hidden=True)
@click.option(
    "--pair_by",
    type=click.Choice(["auto", "stem", "suffix", "order"]),
    default="auto",
    show_default=True,
    help="what makes a pair: equal names; names such as 1_A and 1_B; the order of the names",
)
@click.option("--use_AB", "use_ab", is_flag=True, help="as --pair_by suffix")
@click.option("--num_imgs", type=COUNT, metavar="N", help="only the first N pairs of each folder")
@click.option("--resize", is_flag=True, help="give B the size of A, where they differ")
@click.option("--nearest", is_flag=True, help="with --resize: without interpolation, for labels")
@click.option("--no_multiprocessing", is_flag=True, hidden=True)
@format_option
@on_bad_image
@overwrite
def combine_command(folder_a: Path | None, folder_b: Path | None, output: Path | None, **values: Any) -> None:
    """Write the pairs of two folders, A and B, as files with A left and B right.

    Sub-folders are kept: A/train/1.png and B/train/1.png become FOLDER/train/1.png.
    """
    from pixlate.data.tools.combine import CombineOptions, combine

    A, B = folder_a or values["fold_a"], folder_b or values["fold_b"]
    if A is None or B is None or output is None:
        raise click.UsageError("name two folders and the output: pixlate combine A B -o PAIRS.")
    options = CombineOptions(
        pair_by="suffix" if values["use_ab"] else values["pair_by"],
        resize=values["resize"],
        nearest=values["nearest"],
        format=values["format"],
        limit=values["num_imgs"],
        overwrite=values["overwrite"],
        skip_bad=values["on_bad_image"] == "skip",
    )
    with progress("combining") as report:
        summary = combine(A, B, output, options, report)
    _finish(f"{counted(summary.written, 'pair')} written to {output}", summary.bad, _train("pix2pix", output))


@click.command("separate")
@click.argument("pairs", type=FOLDER)
@output
@format_option
@on_bad_image
@overwrite
def separate_command(pairs: Path, output: Path, format: str, on_bad_image: str, overwrite: bool) -> None:
    """Cut files with A and B side by side into the folders A and B: the reverse of combine."""
    from pixlate.data.tools.combine import CombineOptions, separate

    options = CombineOptions(format=format, overwrite=overwrite, skip_bad=on_bad_image == "skip")
    with progress("separating") as report:
        summary = separate(pairs, output, options, report)
    _finish(f"{counted(summary.written, 'pair')} written to {output / 'A'} and {output / 'B'}", summary.bad)


@click.command("split")
@click.argument("folder", type=FOLDER)
@output
@click.option("--val", type=SHARE, default=0.1, show_default=True, help="share of the validation set")
@click.option("--test", type=SHARE, default=0.1, show_default=True, help="share of the test set")
@click.option("--seed", type=int, default=0, show_default=True, help="another one divides differently")
@click.option(
    "--group",
    default="",
    metavar="REGEX",
    help="part of the names of images that stay together: '^(patient\\d+)_', say, or the name of a video",
)
@click.option("--unpaired", is_flag=True, help="FOLDER has two collections A and B that are not pairs")
@click.option("--move", "transfer", flag_value="move", type=click.UNPROCESSED, help="move the files")
@click.option("--link", "transfer", flag_value="link", type=click.UNPROCESSED, help="make symbolic links")
@click.option(
    "--copy", "transfer", flag_value="copy", type=click.UNPROCESSED, default="copy", help="copy them (default)"
)
@overwrite
def split_command(folder: Path, output: Path, transfer: Literal["copy", "move", "link"], **values: Any) -> None:
    """Divide the images in FOLDER into train, val and test.

    Pairs in two folders A and B stay together. The result depends on the names and the seed alone.
    """
    from pixlate.data.tools.split import SplitOptions, split

    with progress("dividing") as report:
        counts = split(folder, output, SplitOptions(transfer=transfer, **values), report)
    parts = ", ".join(f"{count} in {name}" for name, count in counts.items())
    following = _train("cycle_gan", output) if values["unpaired"] else ""
    if (output / "train" / "A").is_dir():
        following = _train("pix2pix", output)
    _finish(f"{output}: {parts}", [], following)


@click.command("edges")
@click.argument("photographs", type=FOLDER)
@output
@click.option("--sigma", type=RATIO, default=2.0, show_default=True, help="of the smoothing, in pixels")
@click.option(
    "--low", type=FiniteFloat(0, 1), default=0.05, show_default=True, help="lower threshold of Canny's detector"
)
@click.option("--high", type=FiniteFloat(0, 1), default=0.15, show_default=True, help="upper threshold")
@click.option("--white_lines", is_flag=True, help="white lines on black")
@click.option("--combine", is_flag=True, help="write pairs for a training: edges left, photograph right")
@format_option
@on_bad_image
@overwrite
def edges_command(photographs: Path, output: Path, on_bad_image: str, **values: Any) -> None:
    """Draw the edges of photographs, black on white. Needs the extra 'edges'."""
    from pixlate.data.tools.edges import EdgeOptions, draw_edges

    with progress("drawing edges") as report:
        summary = draw_edges(photographs, output, EdgeOptions(skip_bad=on_bad_image == "skip", **values), report)
    following = _train("pix2pix", output) if values["combine"] else ""
    _finish(f"{counted(summary.written, 'image')} written to {output}", summary.bad, following)


@click.command("prepare-cityscapes")
@click.option("--gtFine_dir", "labels", type=FOLDER, required=True, help="gtFine, unpacked")
@click.option("--leftImg8bit_dir", "photos", type=FOLDER, required=True, help="the unpacked leftImg8bit")
@click.option(
    "-o",
    "--output_dir",
    "output",
    type=FOLDER,
    default="./datasets/cityscapes",
    show_default=True,
    help="folder that the files are written into",
)
@overwrite
def cityscapes_command(labels: Path, photos: Path, output: Path, overwrite: bool) -> None:
    """Make pairs and unpaired folders of 256 pixels from the archives of Cityscapes, whose licence forbids copies."""
    from pixlate.data.tools.cityscapes import prepare_cityscapes

    with progress("preparing") as report:
        summary = prepare_cityscapes(labels, photos, output, overwrite=overwrite, report=report)
    _finish(
        f"{counted(summary.written, 'pair')} written to {output}", [], _train("pix2pix", output, "--direction BtoA")
    )


def _train(model: str, dataroot: Path, more: str = "") -> str:
    command = f"{program('train')} --model {model} --dataroot {shlex.quote(str(dataroot))}"
    return f"{command} {more}".rstrip()


def _finish(done: str, bad: list[str], following: str = "") -> None:
    """Say what was done, what was left out, and what may come next."""
    for message in bad:
        complain(f"left out: {message}")
    say(f"{done}{f'; {len(bad)} left out' if bad else ''}.")
    if following:
        say(f"Next: {following}")


COMMANDS = (combine_command, separate_command, split_command, edges_command, cityscapes_command)
