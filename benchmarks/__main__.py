"""The command `python -m benchmarks`: runs the selected benchmarks and prints their tables as Markdown."""

import tempfile
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image

from .machine import description
from .parts import PARTS, TRAININGS, Settings
from .worker import SideEnded


def draw_pairs(folder: Path, train: int, val: int) -> Path:
    """Side-by-side pairs of 512×256 as JPEG files, similar to photographs: smooth colours with noise."""
    rng = np.random.default_rng(0)
    for phase, count in (("train", train), ("val", val)):
        (folder / phase).mkdir(parents=True)
        for i in range(count):
            coarse = Image.fromarray(rng.integers(0, 256, (16, 32, 3), dtype=np.uint8))
            smooth = np.asarray(coarse.resize((512, 256), Image.Resampling.BICUBIC), dtype=np.int16)
            grained = (smooth + rng.integers(-12, 13, smooth.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(grained).save(folder / phase / f"{i:03d}.jpg", quality=92)
    return folder


CASES = ("pix2pix:1", "pix2pix:4", "cycle_gan:1", "cycle_gan:4")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--reference",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="a checkout of the reference program",
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="a folder of pairs, with train/ and val/",
)
@click.option("--only", multiple=True, type=click.Choice(sorted(PARTS)), help="measure only these parts")
@click.option("--rounds", default=7, show_default=True, help="rounds of each measurement")
@click.option("--threads", default=0, help="threads of each program [default: torch's choice]")
@click.option("--case", "cases", multiple=True, help="model:batch size; may be repeated  [default: all four]")
@click.option("--side", "sides", multiple=True, type=click.Choice(list(TRAININGS)), help="only these training steps")
@click.option("--quick", is_flag=True, help="few cases and rounds, to test the benchmarks")
def main(
    reference: Path | None,
    data: Path | None,
    only: tuple[str, ...],
    rounds: int,
    threads: int,
    cases: tuple[str, ...],
    sides: tuple[str, ...],
    quick: bool,
) -> None:
    """Measure pixlate, alternating with the reference program if a checkout of it is given.

    Ratios are computed in each round, between measurements that follow one another, and their median is printed: above
    1, pixlate is faster. On a machine with other load, use `--threads 1` and compare the ratios of processor time.
    """
    if threads:
        torch.set_num_threads(threads)
    data = data or draw_pairs(Path(tempfile.mkdtemp()) / "pairs", train=24 if quick else 200, val=101)
    chosen = cases or (CASES[:1] if quick else CASES)
    settings = Settings(
        reference.resolve() if reference else None,
        data.resolve(),
        2 if quick else rounds,
        quick,
        threads,
        [(model, int(batch)) for model, _, batch in (case.partition(":") for case in chosen)],
        [*(sides or (list(TRAININGS)[:2] if quick else TRAININGS))],
    )
    for line in description():
        click.echo(f"- {line}")
    for name in only or PARTS:
        title, part = PARTS[name]
        click.echo(f"\n## {title}\n")
        try:
            for line in part(settings):
                click.echo(line)
        except SideEnded as error:
            raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
