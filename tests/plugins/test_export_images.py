"""The images that an export is compared with."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch
from image_files import write
from translations import save_run

import pixlate
from pixlate.errors import DataError
from pixlate.inference.exporting.processing import ProcessedNetwork
from pixlate.options.command.stored import read_stored, write_stored
from pixlate.plugins.commands.export_images import images_for
from pixlate.util.sizes import SideRule


def test_images_of_the_runs_data_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    run = save_run(tmp_path / "run")
    stored = read_stored(run)
    assert stored is not None
    options = {"dataroot": str(tmp_path / "data"), "dataset_mode": "single", "preprocess": "none"}
    write_stored(run, type(stored)({**stored.options, **options}))
    for number in range(3):
        write(tmp_path / "data" / f"{number}.png", (8, 8), number)
    (tmp_path / "data" / "0.png").write_text("no image")
    images, what = images_for(pixlate.get_plugins(), str(run), pixlate.load(run, device="cpu"), None)
    assert len(images) == 2
    assert what.startswith("images of the run's data")


def test_images_of_a_folder_must_be_there(tmp_path: Path) -> None:
    run = save_run(tmp_path / "run")
    translate = pixlate.load(run, device="cpu")
    assert images_for(pixlate.get_plugins(), str(run), translate, None) == ([], "")
    for folder in (tmp_path / "nothing", run):
        with pytest.raises(DataError):
            images_for(pixlate.get_plugins(), str(run), translate, folder)


@pytest.mark.parametrize("scale", [2, Fraction(1, 2), Fraction(3, 2), Fraction(2, 3)])
def test_sides_are_rounded_as_a_translator_rounds_them(scale: int | Fraction) -> None:
    network = ProcessedNetwork(torch.nn.Identity(), SideRule(), scale)
    assert [network._scaled(side) for side in range(1, 99)] == [round(side * scale) for side in range(1, 99)]
