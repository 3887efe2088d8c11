"""Samples from a table: any number of fields, stacked channels, numbers, classes, splits, weights, groups."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_files import noise_image
from PIL import Image
from trainings import PIX2PIX, run, train

import pixlate
from pixlate.data.loading import BatchLoader
from pixlate.data.manifest_file import read_rows
from pixlate.data.sampler import BatchSampler, frequencies
from pixlate.errors import DataError, OptionError
from pixlate.plugins import Field
from pixlate.plugins.testing import check_dataset

SIZES: dict[str, Any] = {"load_size": 36, "crop_size": 32, "num_threads": 0}


def write_images(root: Path, count: int = 4) -> list[dict[str, Any]]:
    """Files of several kinds, and a row for each number."""
    rows: list[dict[str, Any]] = []
    for number in range(count):
        folder = root / "files"
        folder.mkdir(exist_ok=True)
        noise_image((40, 40), number).save(folder / f"photo{number}.png")
        noise_image((40, 40), number + 50).convert("L").save(folder / f"flair{number}.png")
        np.save(folder / f"t1_{number}.npy", np.full((40, 40), 1000 + number, np.uint16))
        Image.fromarray((np.indices((40, 40)).sum(0) % 2 * 255).astype(np.uint8)).save(folder / f"mask{number}.png")
        rows.append(
            {
                "A:t1": f"files/t1_{number}.npy", "A:flair": f"files/flair{number}.png",
                "B": f"files/photo{number}.png",
                "mask": f"files/mask{number}.png", "age": 20 + number, "site": "ab"[number % 2],
                "split": "train" if number < 3 else "test",
            }
        )  # fmt: skip
    return rows


def write_table(root: Path, rows: list[dict[str, Any]], name: str = "manifest.csv") -> Path:
    path = root / name
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


def manifest(root: Path, **options: Any) -> Any:
    return pixlate.create_dataset("manifest", dataroot=root, **{**SIZES, **options})


@pytest.mark.parametrize("name", ["manifest.csv", "samples.tsv", "rows.jsonl", "table.parquet"])
def test_a_row_is_a_sample(name: str, tmp_path: Path) -> None:
    write_table(tmp_path, write_images(tmp_path), name)
    dataset = manifest(tmp_path, manifest=name, field=["mask=mask"], no_flip=True, load_size=40, crop_size=40)
    assert len(dataset) == 3
    item = dataset[1, 2]
    assert {key: value.shape for key, value in item.items() if isinstance(value, torch.Tensor)} == {
        "A": (2, 40, 40), "B": (3, 40, 40), "mask": (1, 40, 40),
    }  # fmt: skip
    assert (item["age"], item["site"]) == (22.0, 0)
    assert torch.equal(item["A"][0], torch.full((40, 40), 1002 / 1023 * 2 - 1))
    flair = np.asarray(Image.open(tmp_path / "files" / "flair2.png"))
    assert torch.allclose(item["A"][1], torch.from_numpy(flair / np.float32(127.5) - 1))
    assert set(item["mask"].unique().tolist()) == {-1.0, 1.0}
    assert item["A_paths"].endswith("t1_2.npy")
    assert len(manifest(tmp_path, manifest=name, phase="test")) == 1


def test_its_fields_are_known(tmp_path: Path) -> None:
    write_table(tmp_path, write_images(tmp_path))
    fields = manifest(tmp_path, field=["mask=mask"]).fields
    assert fields["A"].channels == 2
    assert fields["B"] == Field()
    assert fields["mask"] == Field("mask")
    assert fields["age"] == Field("scalar")
    assert fields["site"] == Field("category", classes=2, names=("a", "b"))
    assert set(fields) == {"A", "B", "mask", "age", "site"}


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    write_table(tmp_path, write_images(tmp_path))
    check_dataset("manifest", tmp_path, field=["mask=mask"])


def test_all_images_of_a_row_share_the_window(tmp_path: Path) -> None:
    noise_image((60, 60)).save(tmp_path / "a.png")
    write_table(tmp_path, [{"A": "a.png", "B": "a.png", "C": "a.png"}])
    dataset = manifest(tmp_path, load_size=50)
    for epoch in range(1, 5):
        item = dataset[epoch, 0]
        assert torch.equal(item["A"], item["B"])
        assert torch.equal(item["A"], item["C"])


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{"B": "a.png"}], "has no column 'A'"),
        ([{"A": "a.png", "split": "test"}], "has no row of the split 'train': it has test"),
        ([{"A": "a.png"}, {"A": ""}], "has no file in the column 'A'"),
        ([{"A": "a.png"}, {"A": "../secret.png"}], "lies outside of"),
        ([{"A": "a.png"}, {"A": "/etc/passwd"}], "lies outside of"),
        ([{"A": "a.png", "no name": "x"}], "has a column 'no name'"),
        ([{"A": "a.png", "weight": "-1"}], "'weight'"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_sentence(rows: list[dict[str, Any]], sentence: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    noise_image((40, 40)).save(root / "a.png")
    noise_image((40, 40)).save(tmp_path / "secret.png")
    write_table(root, rows)
    with pytest.raises(DataError, match=sentence):
        _ = manifest(root).weights


def test_files_elsewhere_are_read_when_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    noise_image((40, 40)).save(tmp_path / "a.png")
    write_table(tmp_path / "data", [{"A": "../a.png"}])
    assert manifest(tmp_path / "data", allow_outside=True)[0]["A"].shape == (3, 32, 32)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", b"A,B\n1\n"), ("a.csv", b"\xff\xfe"), ("a.csv", b""), ("a.jsonl", b"{"), ("a.jsonl", b"[1]"),
     ("a.jsonl", b""), ("a.txt", b"A"), ("a.csv", b"A,B\n1,2,3\n")],
)  # fmt: skip
def test_a_damaged_table_is_one_sentence(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"a\.(csv|jsonl|txt)") as caught:
        read_rows(tmp_path / name)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="cannot be read"):
        read_rows(tmp_path / "none.csv")


class TestSampling:
    def test_weights_and_groups_make_frequencies(self) -> None:
        assert frequencies(None, None) is None
        assert frequencies([1, 3], None) == [1, 3]
        assert frequencies(None, ["a", "a", "b"]) == [0.5, 0.5, 1]
        assert frequencies([1, 3, 2], ["a", "a", "b"]) == [0.25, 0.75, 1]
        assert frequencies([0, 0, 2], ["a", "a", "b"]) == [0, 0, 1]

    def test_draws_follow_them_and_the_seed_alone(self) -> None:
        samplers = [BatchSampler(4, 1, seed=seed, epochs=300, frequencies=[0, 1, 1, 2]) for seed in (0, 0, 1)]
        draws = [[index for batch in sampler for _, index in batch] for sampler in samplers]
        assert draws[0] == draws[1] != draws[2]
        counts = Counter(draws[0])
        assert counts[0] == 0
        assert counts[3] / 1200 == pytest.approx(0.5, abs=0.05)
        resumed = BatchSampler(4, 1, start=(7, 2), epochs=300, frequencies=[0, 1, 1, 2])
        assert [index for batch in resumed for _, index in batch] == draws[0][6 * 4 + 2 :]

    def test_a_table_s_weights_and_groups_are_used(self, tmp_path: Path) -> None:
        rows = write_images(tmp_path, 8)
        for number, row in enumerate(rows):
            row |= {"split": "train", "group": "rare" if number == 0 else "usual", "weight": 0 if number == 1 else 1}
        write_table(tmp_path, rows)
        shares = {}
        for balance in (False, True):
            dataset = manifest(tmp_path, balance=balance, cache="off")
            with BatchLoader(dataset, dataset.shared, epochs=40) as loader:
                paths = [batch["A_paths"][0] for epoch in range(1, 41) for batch in loader.epoch(epoch)]
            assert not any(path.endswith("t1_1.npy") for path in paths)
            shares[balance] = sum(path.endswith("t1_0.npy") for path in paths) / len(paths)
        assert shares[False] == pytest.approx(1 / 7, abs=0.06)
        assert shares[True] == pytest.approx(1 / 2, abs=0.08)

    def test_domains_can_be_balanced(self, tmp_path: Path) -> None:
        for domain, count in (("many", 9), ("one", 1)):
            (tmp_path / "train" / domain).mkdir(parents=True)
            for number in range(count):
                noise_image((40, 40)).save(tmp_path / "train" / domain / f"{number}.png")
        dataset = pixlate.create_dataset("domains", dataroot=tmp_path, balance=True, cache="off", **SIZES)
        with BatchLoader(dataset, dataset.shared, epochs=30) as loader:
            classes = [int(batch["class"]) for epoch in range(1, 31) for batch in loader.epoch(epoch)]
        assert np.mean(classes) == pytest.approx(0.5, abs=0.1)

    def test_balance_needs_groups(self, tmp_path: Path) -> None:
        noise_image((80, 40)).save(tmp_path / "a.png")
        dataset = pixlate.create_dataset("single", dataroot=tmp_path, balance=True, **SIZES)
        with BatchLoader(dataset, dataset.shared, epochs=1) as loader, pytest.raises(OptionError, match="--balance"):
            next(iter(loader.epoch(1)))


def test_a_run_with_two_inputs_and_one_output(tmp_path: Path) -> None:
    """From the table to the results, whose inputs keep their own types."""
    root = tmp_path / "data"
    root.mkdir()
    write_table(root, write_images(root, 5))
    short = ("--n_epochs", "1", "--n_epochs_decay", "0", "--dataset_mode", "manifest", "--dataroot", root)
    trained = train(tmp_path / "runs", *PIX2PIX, *short)
    assert "Data: 3 samples, from 'manifest.csv'." in trained.output
    tested = run(
        "test", "--name", "run", "--checkpoints_dir", tmp_path / "runs", "--results_dir", tmp_path / "results",
        "--dataroot", root, "--device", "cpu", "--num_threads", "0",
    )  # fmt: skip
    assert tested.code == 0, tested.output
    names = {path.name for path in (tmp_path / "results").rglob("*_fake_B.png")}
    assert names == {"t1_3_fake_B.png", "t1_4_fake_B.png"}
    options = json.loads((tmp_path / "runs" / "run" / "options.json").read_text())
    assert options["options"]["input_nc"] == 2
