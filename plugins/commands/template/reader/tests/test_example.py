"""The plugin is installed, and its files are read as they are."""

from pathlib import Path

import numpy as np
import pytest

import pixlate
from pixlate import get_plugins
from pixlate.errors import DataError
from pixlate.plugins.testing import check_dataset


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with such files, of values from 0 to 4095."""
    values = np.random.default_rng(0).integers(0, 4096, (70, 80))
    values[0, :2] = 0, 4095
    for number in range(3):
        text = "\n".join(" ".join(map(str, row)) for row in values)
        (tmp_path / f"{number}.grey").write_text(f"grey 80 70\n{text}\n")
    return tmp_path


def test_the_plugin_is_installed() -> None:
    (info,) = [info for info in get_plugins().infos if info.name == "example"]
    assert info.status == "loaded", info.reason


def test_a_data_set_reads_such_files(scans: Path) -> None:
    dataset = pixlate.create_dataset("single", dataroot=scans, preprocess="crop", crop_size=64)
    assert dataset.fields["A"].dtype == "uint16"
    assert len(dataset) == 3
    assert dataset[0]["A"].shape == (1, 64, 64)
    check_dataset("single", scans, plugins=get_plugins())


def test_a_damaged_file_is_an_error_that_names_it(scans: Path) -> None:
    (scans / "0.grey").write_text("grey 80\n")
    with pytest.raises(DataError, match=r"0\.grey"):
        pixlate.create_dataset("single", dataroot=scans)[0]
