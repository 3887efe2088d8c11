"""The data set of slices: order, neighbours, pairs, ranges, labels, and a training from volumes to results."""

import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pixlate
import pydicom
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from pixlate import get_plugins
from pixlate import test as testing
from pixlate.errors import DataError
from pixlate.plugins import Field
from pixlate.plugins.testing import check_dataset
from pixlate.train import main as train

CT = Path(pydicom.__file__).parent / "data" / "test_files" / "CT_small.dcm"
WHOLE = {"preprocess": "none", "no_flip": True}


def volume(seed: int, size: int = 32, depth: int = 4) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """A body of -50 in air of -1000, with organs of other values, and the classes of both."""
    rng = np.random.default_rng(seed)
    y, x, _ = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j, :depth]
    values, classes = np.full(x.shape, -1000.0), np.zeros(x.shape, np.uint8)
    for number, (level, radius) in enumerate(((-50, 0.8), (60, 0.3), (900, 0.15)), start=1):
        cx, cy = rng.uniform(-0.3, 0.3, 2) if number > 1 else (0, 0)
        inside = np.hypot(x - cx, y - cy) < radius
        values[inside], classes[inside] = level, number
    return (values + rng.normal(0, 10, values.shape)).astype(np.int16), classes


def write_nifti(root: Path, count: int = 2, phase: str = "train", sides: str = "AB", **options: Any) -> Path:
    for number in range(count):
        for side, data in zip("AB", volume(number, **options), strict=True):
            if side in sides:
                (root / phase / side).mkdir(parents=True, exist_ok=True)
                name = f"case{number}.nii{'.gz' if side == 'B' else ''}"
                nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), root / phase / side / name)
    return root


def create(root: Path, **options: Any) -> Any:
    return pixlate.create_dataset("slices", dataroot=root, **{**WHOLE, **options})


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    write_nifti(tmp_path)
    check_dataset("slices", tmp_path, plugins=get_plugins(), field=("B=labels:4",))
    check_dataset("slices", tmp_path, plugins=get_plugins(), neighbours=1)


def test_slices_are_in_order_and_named(tmp_path: Path) -> None:
    dataset = create(write_nifti(tmp_path), field=("B=labels:4",))
    names = [dataset[index]["A_paths"] for index in range(len(dataset))]
    assert names == [f"case{number}_z{z:03}" for number in range(2) for z in range(4)]
    values, classes = volume(1)
    item = dataset[6]  # slice 2 of the second volume
    low, high = dataset.fields["A"].value_range
    restored = (item["A"][0].numpy() + 1) / 2 * (high - low) + low
    assert np.abs(restored - values[:, :, 2][::-1, ::-1].T).max() < 0.01
    assert np.array_equal(item["B"].argmax(0).numpy(), classes[:, :, 2][::-1, ::-1].T)


def test_neighbours_are_channels_and_the_ends_are_repeated(tmp_path: Path) -> None:
    write_nifti(tmp_path)
    single, several = create(tmp_path), create(tmp_path, neighbours=1)
    assert several.fields["A"].channels == 3
    assert several.fields["A"].display == (1,)
    planes = [single[z]["A"][0] for z in range(4)]
    assert torch.equal(several[2]["A"], torch.stack([planes[1], planes[2], planes[3]]))
    assert torch.equal(several[0]["A"], torch.stack([planes[0], planes[0], planes[1]]))
    assert several[3]["B"].shape == (1, 32, 32)


def test_one_range_for_all_volumes_that_a_run_keeps(tmp_path: Path) -> None:
    write_nifti(tmp_path, 3)
    dataset = create(tmp_path)
    every = np.concatenate([volume(number)[0].ravel() for number in range(3)])
    assert dataset.fields["A"].value_range == (every.min(), every.max())
    assert dataset.fields["A"].dtype == "int16"
    again = create(tmp_path, field=("A=image:-1000..1000",))
    assert again.fields["A"].value_range == (-1000, 1000)


@pytest.mark.parametrize(("axis", "size"), [("axial", (24, 20)), ("coronal", (6, 20)), ("sagittal", (6, 24))])
def test_the_axis_of_the_slices(axis: str, size: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    data = np.random.default_rng(0).normal(size=(20, 24, 6)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), tmp_path / "train" / "a.nii")
    dataset = create(tmp_path, slice_axis=axis, preprocess="crop", crop_size=100)
    assert len(dataset) == data.shape[{"sagittal": 0, "coronal": 1, "axial": 2}[axis]]
    assert tuple(dataset[0]["A"].shape[1:]) == size
    assert dataset.fields == {"A": Field(channels=1, dtype="float32", value_range=dataset.fields["A"].value_range)}


def test_empty_slices_can_be_left_out(tmp_path: Path) -> None:
    write_nifti(tmp_path, 1)
    path = tmp_path / "train" / "B" / "case0.nii.gz"
    classes = np.asarray(nibabel.load(path).dataobj).copy()
    classes[:, :, 1:3] = 0
    nibabel.save(nibabel.Nifti1Image(classes, np.eye(4)), path)
    dataset = create(tmp_path, skip_empty=True)
    assert [dataset[index]["A_paths"] for index in range(len(dataset))] == ["case0_z000", "case0_z003"]


def test_a_series_is_ordered_by_position(tmp_path: Path) -> None:
    """Files whose names and numbers say otherwise."""
    folder = tmp_path / "train" / "patient"
    folder.mkdir(parents=True)
    for number, (name, place) in enumerate((("a", 30.0), ("b", 10.0), ("c", 20.0))):
        file = pydicom.dcmread(CT)
        file.ImagePositionPatient = [0, 0, place]
        file.InstanceNumber = number + 1
        pixels = file.pixel_array.copy()
        pixels[:] = int(place)
        file.PixelData = pixels.tobytes()
        file.save_as(folder / f"{name}.dcm")
    shutil.copy(CT, folder / ".hidden.dcm")
    dataset = create(tmp_path)
    means = [float(dataset[z]["A"].mean()) for z in range(3)]
    assert means == sorted(means)
    assert [dataset[z]["A_paths"] for z in range(3)] == [f"patient_z{z:03}" for z in range(3)]
    assert len(dataset.files()) == 3


def test_mistakes_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no volumes, NIfTI files"):
        create(tmp_path)
    write_nifti(tmp_path, 2)
    (tmp_path / "train" / "B" / "case1.nii.gz").rename(tmp_path / "train" / "B" / "other.nii.gz")
    with pytest.raises(DataError, match="2 volumes have no partner of the same name in A and B, such as 'case1'"):
        create(tmp_path)
    (tmp_path / "train" / "B" / "other.nii.gz").unlink()
    nibabel.save(nibabel.Nifti1Image(volume(1, depth=3)[1], np.eye(4)), tmp_path / "train" / "B" / "case1.nii.gz")
    with pytest.raises(DataError, match="the volumes 'case1' differ"):
        create(tmp_path)
    write_nifti(tmp_path / "labels", 1)
    with pytest.raises(DataError, match="has the class 3, and --field declares 2 classes"):
        create(tmp_path / "labels", field=("B=labels:2",))[1]


def test_from_volumes_to_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices to labels, and a test of volumes that have no labels: results are classes."""
    monkeypatch.chdir(tmp_path)
    write_nifti(tmp_path / "ct", 2, size=40)
    write_nifti(tmp_path / "ct", 1, "test", sides="A", size=40)
    small = "--netG resnet_6blocks --ngf 4 --ndf 4 --load_size 36 --crop_size 32 --num_threads 0 --display_id 0"
    words = f"--model pix2pix --dataset_mode slices --neighbours 1 --dataroot ct --name ct --device cpu {small}"
    labels = "--field B=labels:4 --label_loss cross_entropy --n_epochs 2 --n_epochs_decay 0"
    for command, arguments in ((train, f"{words} {labels}"), (testing.main, "--name ct")):
        with pytest.raises(SystemExit) as ended:
            command(arguments.split())
        assert ended.value.code == 0
    images = tmp_path / "results" / "ct" / "test_latest" / "images"
    result = Image.open(images / "case0_z002_fake_B.png")
    assert result.mode == "P"
    assert np.asarray(result).max() < 4
    values = np.asarray(Image.open(images / "case0_z002_real_A.png"))
    assert values.ndim == 2
    assert (images / "case0_z002_real_A.tif").is_file() or (images / "case0_z002_real_A.npy").is_file()
