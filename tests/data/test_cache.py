"""A cached image is bit for bit the decoded one, until its file changes; caches stay within their share of space."""

import io
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from image_files import write, write_pairs, write_sides

from pixlate import create_dataset
from pixlate.data import cache as cache_module
from pixlate.data import image_dataset, private_folders
from pixlate.data.datasets import AlignedDataset
from pixlate.data.image_dataset import ImageDataset, Source
from pixlate.data.loading import BatchLoader
from pixlate.data.transforms import MODES, Pixels
from pixlate.errors import DataError
from pixlate.options.shared import DataOptions

SMALL: dict[str, Any] = {"load_size": 24, "crop_size": 16, "batch_size": 1}


@pytest.fixture(autouse=True)
def memory_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folders of caches in memory; none may be left behind."""
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(private_folders, "SHARED_MEMORY", folder)
    yield folder
    assert not list(folder.iterdir())


@pytest.fixture(autouse=True)
def disk_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of cache files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "pixlate" / "images"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that this process decodes."""
    names: list[str] = []
    read = image_dataset.read_file
    monkeypatch.setattr(image_dataset, "read_file", lambda path, how: (names.append(path.name), read(path, how))[1])
    return names


class Recording(AlignedDataset):
    """Pairs; each decoded file is recorded in a text file, whichever process decodes it."""

    def read(self, source: Source) -> tuple[Pixels, ...]:
        with open(self.root / "decoded.txt", "a") as record:
            record.write(f"{source.path.name}\n")
        return super().read(source)

    @property
    def decoded(self) -> list[str]:
        path = self.root / "decoded.txt"
        return path.read_text().split() if path.exists() else []


def pairs(tmp_path: Path, **options: Any) -> ImageDataset[Any]:
    root = tmp_path / "data"
    if not root.exists():
        write_pairs(root)
    dataset = create_dataset("aligned", dataroot=root, **{**SMALL, **options})
    assert isinstance(dataset, ImageDataset)
    return dataset


def load(dataset: ImageDataset[Any], threads: int = 0, epochs: int = 3, **more: Any) -> list[dict[str, Any]]:
    with BatchLoader(dataset, replace(dataset.shared, num_threads=threads), epochs=epochs, **more) as loader:
        return [batch for epoch in range(1, epochs + 1) for batch in loader.epoch(epoch)]


def same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    return len(one) == len(other) and all(
        a["A_paths"] == b["A_paths"] and all(torch.equal(a[side], b[side]) for side in "AB" if side in a)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("preprocess", MODES)
@pytest.mark.parametrize("name", ["aligned", "unaligned", "single"])
@pytest.mark.parametrize("input_nc", [1, 3])
def test_cached_tensors_are_the_decoded_ones(
    tmp_path: Path, decoded: list[str], name: str, preprocess: str, input_nc: int
) -> None:
    root = write_sides(write_pairs(tmp_path / "data", size=(82, 34)), counts=(3, 4), size=(41, 34))
    for number, size in ((0, (70, 50)), (1, (33, 60))):
        write(root / "trainA" / f"a{number:03}.png", size, number)
    options = {**SMALL, "preprocess": preprocess, "input_nc": input_nc}
    dataset = create_dataset(name, dataroot=root / "trainA" if name == "single" else root, cache="off", **options)
    plain = load(dataset)
    files = len(dataset.files())
    for cache in ("ram", "auto", "disk"):
        decoded.clear()
        assert same(plain, load(create_dataset(name, dataroot=dataset.root, cache=cache, **options)))
        assert len(decoded) == files


@pytest.mark.parametrize("cache", ["ram", "disk", "auto"])
@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_processes_share_one_cache(tmp_path: Path, cache: str, start_method: str) -> None:
    plain = load(pairs(tmp_path, cache="off"))
    options: dict[str, Any] = {"dataroot": str(tmp_path / "data"), "cache": cache, **SMALL}
    dataset = Recording(None, DataOptions(**options, num_threads=2))
    with BatchLoader(dataset, dataset.shared, epochs=3, start_method=start_method) as loader:
        batches = [*loader.epoch(1), *loader.epoch(2)]
        decoded = dataset.decoded  # twice, if two processes decoded an image at the same time
        batches += loader.epoch(3)
    assert same(plain, batches)
    assert set(decoded) == {path.name for path in dataset.files()}
    assert dataset.decoded == decoded


def test_a_changed_file_is_decoded_again(tmp_path: Path) -> None:
    dataset = pairs(tmp_path, cache="ram", load_size=16, no_flip=True)
    with BatchLoader(dataset, replace(dataset.shared, num_threads=0)) as loader:
        list(loader.epoch(1))
        path = write(dataset.files()[2], (80, 32), seed=99)
        os.utime(path, ns=(1, 1))
        changed = {batch["A_paths"][0]: batch["A"][0] for batch in loader.epoch(2)}
        again = {batch["A_paths"][0]: batch["A"][0] for batch in loader.epoch(3)}
    fresh = pairs(tmp_path / "other", cache="off", load_size=16, no_flip=True)
    write(fresh.files()[2], (80, 32), seed=99)
    for index, path in enumerate(dataset.files()):
        assert torch.equal(changed[str(path)], fresh[index]["A"])
        assert torch.equal(again[str(path)], fresh[index]["A"])


def test_a_deleted_file_is_an_error_although_it_is_cached(tmp_path: Path) -> None:
    dataset = pairs(tmp_path, cache="ram")
    with BatchLoader(dataset, replace(dataset.shared, num_threads=0)) as loader:
        list(loader.epoch(1))
        dataset.files()[2].unlink()
        with pytest.raises(DataError, match=r"002\.png"):
            list(loader.epoch(2))


def test_the_next_run_uses_the_files(tmp_path: Path, decoded: list[str], disk_folder: Path) -> None:
    plain = load(pairs(tmp_path, cache="disk"))
    assert len(list(disk_folder.iterdir())) == 10
    decoded.clear()
    assert same(plain, load(pairs(tmp_path, cache="disk")))
    assert decoded == []
    assert same(plain, load(pairs(tmp_path, cache="disk", cache_dir=str(tmp_path / "elsewhere"))))
    assert len(decoded) == 5


def test_the_next_run_decodes_what_changed_between(tmp_path: Path, decoded: list[str]) -> None:
    write_pairs(tmp_path / "data", count=30)
    load(pairs(tmp_path, cache="disk"))
    root = tmp_path / "data" / "train"
    write(root / "001.png", (80, 32), 50)
    os.utime(root / "001.png", ns=(5, 5))
    write(root / "new.png", (80, 32), 51)
    (root / "003.png").unlink()
    decoded.clear()
    dataset = create_dataset("aligned", dataroot=tmp_path / "data", cache="disk", **SMALL)
    loaded = load(dataset)
    assert sorted(decoded) == ["001.png", "new.png"]
    assert same(loaded, load(create_dataset("aligned", dataroot=tmp_path / "data", cache="off", **SMALL)))


def test_a_file_replaced_under_its_old_time_and_size_is_decoded_again(tmp_path: Path, disk_folder: Path) -> None:
    load(pairs(tmp_path, cache="disk"))
    path = tmp_path / "data" / "train" / "001.png"
    before = path.stat()
    other = write(tmp_path / "other.png", (80, 32), 77)
    other.write_bytes(other.read_bytes().ljust(before.st_size, b"\0")[: before.st_size])
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    assert same(load(pairs(tmp_path, cache="disk")), load(pairs(tmp_path, cache="off")))


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:-1],
        lambda whole: whole[:40],
        lambda whole: b"\1" * len(whole),
        lambda whole: whole.replace(b"(3, 24, 24)", b"(9, 99, 24)"),
        lambda whole: whole.replace(b"(3, 24, 24)", b"(-3,24, 24)"),
        lambda whole: npy(np.zeros((3, 24, 24), np.float32)),
        lambda whole: npy(np.zeros((1, 24, 24), np.uint8)),
        lambda whole: npy(np.zeros(7, np.uint8)),
        lambda whole: npy(np.zeros((3, 24, 24, 1), np.uint8)),
        lambda whole: npy(np.array([{}, {}], object)),
        lambda whole: b"PK\3\4" + whole,
    ],
)
def test_a_damaged_or_foreign_file_is_decoded_again(
    tmp_path: Path, decoded: list[str], disk_folder: Path, damage: Any
) -> None:
    plain = load(pairs(tmp_path, cache="disk"))
    for path in disk_folder.iterdir():
        path.write_bytes(damage(path.read_bytes()))
    decoded.clear()
    for _ in range(2):  # damaged files are replaced
        assert same(plain, load(pairs(tmp_path, cache="disk")))
    assert len(decoded) == 5


def test_links_and_files_of_other_users_are_ignored(
    tmp_path: Path, decoded: list[str], disk_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = load(pairs(tmp_path, cache="disk"))
    for number, path in enumerate(sorted(disk_folder.iterdir())):
        target = path.rename(tmp_path / f"{number}.npy")
        path.symlink_to(target)
    decoded.clear()
    assert same(plain, load(pairs(tmp_path, cache="disk")))
    assert len(decoded) == 5
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    decoded.clear()
    assert same(plain, load(pairs(tmp_path, cache="disk"), epochs=3))
    assert len(decoded) == 15


def test_another_size_has_other_files(tmp_path: Path, disk_folder: Path) -> None:
    for load_size in (24, 32):
        load(pairs(tmp_path, cache="disk", load_size=load_size))
    assert len(list(disk_folder.iterdir())) == 20


def test_a_killed_run_leaves_no_invalid_file_and_uses_no_memory(
    tmp_path: Path, memory_folder: Path, disk_folder: Path
) -> None:
    plain = load(pairs(tmp_path, cache="off"))
    script = f"""
import os, sys
from pathlib import Path
from pixlate import create_dataset
from pixlate.data import private_folders
from pixlate.data.loading import BatchLoader
private_folders.SHARED_MEMORY = Path({str(memory_folder)!r})
dataset = create_dataset("aligned", dataroot={str(tmp_path / "data")!r}, cache=sys.argv[1], num_threads=0, **{SMALL})
steps = BatchLoader(dataset, dataset.shared).epoch(1)
next(steps), next(steps)
os.kill(os.getpid(), 9)
"""
    for cache, folder in (("ram", memory_folder), ("disk", disk_folder)):
        subprocess.run([sys.executable, "-c", script, cache], check=False)
        assert list(folder.iterdir())
        (disk_folder / ".part-1-1-00000000").write_bytes(b"half") if cache == "disk" else None
        assert same(plain, load(pairs(tmp_path, cache=cache)))


def test_two_runs_share_a_folder(tmp_path: Path, decoded: list[str]) -> None:
    plain = load(pairs(tmp_path, cache="off"), epochs=1)
    decoded.clear()
    one, other = (pairs(tmp_path, cache="disk") for _ in range(2))
    with BatchLoader(one, one.shared, epochs=9) as first, BatchLoader(other, other.shared, epochs=9) as second:
        both = zip(first.epoch(1), second.epoch(1), strict=True)
        assert all(same([a, b], [c, c]) for (a, b), c in zip(both, plain, strict=True))


def test_a_folder_that_cannot_be_written_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        load(pairs(tmp_path, cache="disk", cache_dir=str(tmp_path / "file" / "inside")))


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch, memory_folder: Path) -> list[int]:
    """The bytes of memory that are free without what the cache has taken; the element may be changed."""
    free = [2**30]

    def available() -> int:
        return free[0] - sum(path.stat().st_size for path in memory_folder.rglob("*.npy"))

    monkeypatch.setattr(cache_module, "free_memory", available)
    return free


IMAGE = 3 * 24 * 24 + 128  # bytes of a cache file


def test_auto_takes_memory_and_then_the_disk(
    tmp_path: Path, memory: list[int], disk_folder: Path, decoded: list[str]
) -> None:
    plain = load(pairs(tmp_path, cache="off"))
    assert same(plain, load(pairs(tmp_path)))
    assert not disk_folder.exists()
    memory[0] = 4 * (6 * IMAGE + 100)  # a quarter has room for three of five pairs
    decoded.clear()
    assert same(plain, load(pairs(tmp_path)))
    assert len(decoded) == 5
    assert len(list(disk_folder.iterdir())) == 4
    decoded.clear()
    busy = tmp_path / "busy"
    busy.write_text("no folder")
    assert same(plain, load(pairs(tmp_path, cache_dir=str(busy))))
    assert len(decoded) == 3 + 3 * 2
    memory[0] = 0
    assert same(plain, load(pairs(tmp_path, cache="ram")))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, disk_folder: Path) -> list[int]:
    """The bytes of a disk that has nothing but the cache; the element may be changed."""
    size = [2**30]

    def usage(path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=size[0] - sum(file.stat().st_size for file in disk_folder.glob("*")))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return size


def test_a_disk_cache_stays_within_its_share(
    tmp_path: Path, disk: list[int], disk_folder: Path, decoded: list[str]
) -> None:
    plain = load(pairs(tmp_path, cache="off"))
    disk[0] = 2 * (4 * IMAGE + 100)
    for _ in range(2):
        assert same(plain, load(pairs(tmp_path, cache="disk")))
        assert len(list(disk_folder.iterdir())) == 4
    disk[0] = 100
    assert same(plain, load(pairs(tmp_path, cache="disk")))


def test_the_least_recently_used_images_are_removed(
    tmp_path: Path, disk: list[int], disk_folder: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "EVICTION_IMAGES", 1)
    disk[0] = 2 * (14 * IMAGE + 100)  # room for seven pairs
    old, new = (write_pairs(tmp_path / name, count=count) for name, count in (("old", 5), ("new", 4)))
    load(create_dataset("aligned", dataroot=old, cache="disk", serial_batches=True, **SMALL), epochs=1)
    for age, path in enumerate(sorted(disk_folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, (1000 + age, 1000 + age))
    (disk_folder / "notes.txt").write_text("")
    used = create_dataset("aligned", dataroot=old, cache="disk", serial_batches=True, max_dataset_size=1, **SMALL)
    load(used, epochs=1)  # the oldest pair is used again
    load(create_dataset("aligned", dataroot=new, cache="disk", **SMALL), epochs=1)
    decoded.clear()
    for dataset in (create_dataset("aligned", dataroot=new, cache="disk", **SMALL), used):
        load(dataset, epochs=1)
    assert decoded == []
    assert len(list(disk_folder.glob("*.npy"))) == 14
    assert (disk_folder / "notes.txt").exists()


def test_a_full_disk_stops_caching_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk_folder: Path, decoded: list[str]
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    plain = load(pairs(tmp_path, cache="off"))
    monkeypatch.setattr(cache_module.npy, "write_array", full)
    decoded.clear()
    assert same(plain, load(pairs(tmp_path, cache="disk")))
    assert len(decoded) == 15
    assert not list(disk_folder.iterdir())


def test_auto_caches_nothing_in_the_last_epoch(tmp_path: Path) -> None:
    dataset = pairs(tmp_path)
    with BatchLoader(dataset, replace(dataset.shared, num_threads=0), epochs=1) as loader:
        next(loader.epoch(1))
        assert dataset.cache is None


def test_off_is_off(tmp_path: Path, decoded: list[str], disk_folder: Path) -> None:
    load(pairs(tmp_path, cache="off"))
    assert len(decoded) == 15
    assert not disk_folder.exists()


def test_bad_images_are_never_cached(tmp_path: Path) -> None:
    dataset = pairs(tmp_path, cache="ram", on_bad_image="skip")
    dataset.files()[1].write_bytes(b"")
    with BatchLoader(dataset, replace(dataset.shared, num_threads=0)) as loader:
        list(loader.epoch(1))
        list(loader.epoch(2))
        assert [Path(path).name for path in loader.bad_images] == ["001.png"]
        write(dataset.files()[1], (80, 32), 1)
        repaired = [batch["A_paths"][0] for batch in loader.epoch(3)]
    assert str(dataset.files()[1]) in repaired


def test_a_data_set_with_a_cache_can_be_pickled(tmp_path: Path, decoded: list[str]) -> None:
    dataset = pairs(tmp_path, cache="ram")
    dataset.open_cache()
    before = dataset[1]["A"]
    copy = pickle.loads(pickle.dumps(dataset))
    decoded.clear()
    assert torch.equal(copy[1]["A"], before)
    assert decoded == []
    dataset.close_cache()
    assert torch.equal(copy[1]["A"], before)


def test_incomplete_files_of_killed_runs_are_removed(tmp_path: Path, disk_folder: Path) -> None:
    disk_folder.mkdir(parents=True)
    for name, age in ((".part-1-old", 100_000), (".part-1-new", 0)):
        (disk_folder / name).write_bytes(b"half")
        os.utime(disk_folder / name, (time.time() - age,) * 2)
    load(pairs(tmp_path, cache="disk"), epochs=1)
    assert [path.name for path in disk_folder.glob(".part-*")] == [".part-1-new"]


def test_without_a_home_folder_the_disk_is_done_without_or_must_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.chdir(tmp_path)
    plain = load(pairs(tmp_path, cache="off"))
    assert same(plain, load(pairs(tmp_path, cache="auto")))
    with pytest.raises(DataError, match=r"home folder.*give --cache_dir"):
        load(pairs(tmp_path, cache="disk"))
    assert same(plain, load(pairs(tmp_path, cache="disk", cache_dir=str(tmp_path / "named"))))
    assert not (tmp_path / "~").exists()
