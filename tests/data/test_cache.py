"""A cached image is the decoded one, bit for bit, whoever kept it, until its file changes."""

import multiprocessing
import os
import pickle
import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from image_files import write, write_pairs, write_sides

from pixlate import create_dataset
from pixlate.data import cache_store, reading
from pixlate.data.cache_store import free_memory, open_cache
from pixlate.data.image_dataset import ImageDataset
from pixlate.data.loading import BatchLoader
from pixlate.data.transforms import MODES
from pixlate.errors import DataError

SMALL: dict[str, Any] = {"load_size": 24, "crop_size": 16, "batch_size": 1}


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "pixlate"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that this process decodes."""
    names: list[str] = []
    read = reading.read_image
    monkeypatch.setattr(reading, "read_image", lambda path: (names.append(path.name), read(path))[1])
    return names


def pairs(tmp_path: Path, **options: Any) -> ImageDataset[Any]:
    root = tmp_path / "data"
    if not root.exists():
        write_pairs(root)
    made = create_dataset("aligned", dataroot=root, **{**SMALL, **options})
    assert isinstance(made, ImageDataset)
    return made


def load(dataset: ImageDataset[Any], threads: int = 0, epochs: int = 3, **more: Any) -> list[dict[str, Any]]:
    with BatchLoader(dataset, replace(dataset.shared, num_threads=threads), epochs=epochs, **more) as loader:
        return [batch for epoch in range(1, epochs + 1) for batch in loader.epoch(epoch)]


def forge(dataset: ImageDataset[Any]) -> None:
    """Replace every file by nonsense of the same size and time: only a cache can know the images then."""
    for path in dataset.files():
        status = path.stat()
        nonsense = path.with_suffix(".nonsense")
        nonsense.write_bytes(b"x" * status.st_size)
        os.utime(nonsense, ns=(status.st_atime_ns, status.st_mtime_ns))
        nonsense.replace(path)


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
    for cache in ("ram", "disk", "auto"):
        decoded.clear()
        assert same(plain, load(create_dataset(name, dataroot=dataset.root, cache=cache, **options)))
        assert len(decoded) == files


@pytest.mark.parametrize(("cache", "start_method"), [("ram", "fork"), ("disk", "fork"), ("disk", "spawn")])
def test_processes_share_one_cache(tmp_path: Path, cache: str, start_method: str) -> None:
    plain = load(pairs(tmp_path, cache="off"))
    dataset = pairs(tmp_path, cache=cache)
    with BatchLoader(dataset, replace(dataset.shared, num_threads=2), start_method=start_method) as loader:
        seen = [*loader.epoch(1), *loader.epoch(2)]
        forge(dataset)
        seen += loader.epoch(3)
    assert same(plain, seen)


def test_other_processes_end_when_everything_is_kept(tmp_path: Path) -> None:
    plain = load(pairs(tmp_path, cache="off"))
    dataset = pairs(tmp_path, cache="ram")
    with BatchLoader(dataset, replace(dataset.shared, num_threads=2)) as loader:
        seen = list(loader.epoch(1))
        assert multiprocessing.active_children()
        for epoch in (2, 3):
            seen += loader.epoch(epoch)
        deadline = time.monotonic() + 20
        while multiprocessing.active_children() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not multiprocessing.active_children()
    assert same(plain, seen)


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


def test_a_deleted_file_is_an_error_still(tmp_path: Path) -> None:
    dataset = pairs(tmp_path, cache="ram")
    with BatchLoader(dataset, replace(dataset.shared, num_threads=0)) as loader:
        list(loader.epoch(1))
        dataset.files()[2].unlink()
        with pytest.raises(DataError, match=r"002\.png"):
            list(loader.epoch(2))


def test_the_next_run_finds_the_file(tmp_path: Path, decoded: list[str], cache_home: Path) -> None:
    plain = load(pairs(tmp_path, cache="disk"))
    assert sorted(path.suffix for path in cache_home.iterdir()) == [".json", ".lock", ".pixels"]
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
    found = load(dataset)
    assert sorted(decoded) == ["001.png", "new.png"]
    assert same(found, load(create_dataset("aligned", dataroot=tmp_path / "data", cache="off", **SMALL)))


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"format": 2, "rows": [[1, 2]]}', b'{"format": 99, "rows": []}']
)
def test_a_damaged_index_costs_only_time(tmp_path: Path, decoded: list[str], cache_home: Path, damage: bytes) -> None:
    plain = load(pairs(tmp_path, cache="disk"))
    (index,) = cache_home.glob("*.json")
    index.write_bytes(damage)
    decoded.clear()
    assert same(plain, load(pairs(tmp_path, cache="disk")))
    assert len(decoded) == 5


def test_an_index_that_lies_reads_nothing_outside(tmp_path: Path, cache_home: Path) -> None:
    plain = load(pairs(tmp_path, cache="disk"))
    (index,) = cache_home.glob("*.json")
    whole = index.read_text()
    for place in (0, 2**40, -64):
        index.write_text(whole.replace(f", {_first_start(whole)}, ", f", {place}, "))
        assert same(plain, load(pairs(tmp_path, cache="disk")))


def _first_start(index: str) -> int:
    import json

    return int(json.loads(index)["rows"][0][2][3])


def test_another_size_has_another_file(tmp_path: Path, cache_home: Path) -> None:
    for load_size in (24, 32):
        load(pairs(tmp_path, cache="disk", load_size=load_size))
    assert len(list(cache_home.glob("*.pixels"))) == 2


def test_a_run_that_was_killed_leaves_nothing_false(tmp_path: Path, decoded: list[str], cache_home: Path) -> None:
    dataset = pairs(tmp_path, cache="disk")
    plain = load(dataset)
    for path in cache_home.glob("*.json"):  # as if it had never been closed
        path.unlink()
    for path in cache_home.glob("*.pixels"):
        path.write_bytes(b"\1" * path.stat().st_size)
    decoded.clear()
    assert same(plain, load(pairs(tmp_path, cache="disk")))
    assert len(decoded) == 5


def test_a_file_in_use_is_left_to_its_run(tmp_path: Path, cache_home: Path) -> None:
    kept = open_cache(pairs(tmp_path, cache="disk"), pairs(tmp_path, cache="disk").shared)
    assert kept is not None
    with pytest.raises(DataError, match="in use by another run"):
        load(pairs(tmp_path, cache="disk"))
    kept.close()
    load(pairs(tmp_path, cache="disk"))


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        load(pairs(tmp_path, cache="disk", cache_dir=str(tmp_path / "file" / "inside")))


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    free = [2**30]
    monkeypatch.setattr(cache_store, "free_memory", lambda: free[0])
    return free


def test_auto_takes_memory_then_disk_then_what_memory_there_is(
    tmp_path: Path, memory: list[int], cache_home: Path, decoded: list[str]
) -> None:
    plain = load(pairs(tmp_path, cache="off"))
    assert same(plain, load(pairs(tmp_path)))
    assert not cache_home.exists()
    memory[0] = 4 * (512 + 3 * 2 * 24 * 24 * 3 + 100)  # room for three of five pairs
    assert same(plain, load(pairs(tmp_path)))
    assert cache_home.exists()
    decoded.clear()
    busy = tmp_path / "busy"
    busy.write_text("no folder")
    assert same(plain, load(pairs(tmp_path, cache_dir=str(busy))))
    assert len(decoded) == 3 + 3 * 2
    memory[0] = 0
    assert same(plain, load(pairs(tmp_path, cache="ram")))


def test_a_full_disk_is_left_alone(tmp_path: Path, memory: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load(pairs(tmp_path, cache="off"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=30_000))
    with pytest.raises(DataError, match="is too large for"):
        load(pairs(tmp_path, cache="disk"))
    memory[0] = 30_000
    assert same(plain, load(pairs(tmp_path, cache="auto")))


def test_auto_keeps_nothing_for_a_last_epoch(tmp_path: Path) -> None:
    dataset = pairs(tmp_path)
    with BatchLoader(dataset, replace(dataset.shared, num_threads=0), epochs=1) as loader:
        next(loader.epoch(1))
        assert dataset.cache is None


def test_off_is_off(tmp_path: Path, decoded: list[str], cache_home: Path) -> None:
    load(pairs(tmp_path, cache="off"))
    assert len(decoded) == 15
    assert not cache_home.exists()


def test_bad_images_are_never_kept(tmp_path: Path) -> None:
    dataset = pairs(tmp_path, cache="ram", on_bad_image="skip")
    dataset.files()[1].write_bytes(b"")
    with BatchLoader(dataset, replace(dataset.shared, num_threads=0)) as loader:
        list(loader.epoch(1))
        list(loader.epoch(2))
        assert [Path(path).name for path in loader.bad_images] == ["001.png"]
        write(dataset.files()[1], (80, 32), 1)
        mended = [batch["A_paths"][0] for batch in loader.epoch(3)]
    assert str(dataset.files()[1]) in mended


def test_a_data_set_with_a_cache_travels(tmp_path: Path) -> None:
    dataset = pairs(tmp_path, cache="ram")
    kept = open_cache(dataset, dataset.shared)
    assert kept is not None
    dataset.cache = kept.images
    before = dataset[1]["A"]
    copy = pickle.loads(pickle.dumps(dataset))
    forge(dataset)
    assert torch.equal(copy[1]["A"], before)


def test_free_memory_is_plausible() -> None:
    assert 2**20 < free_memory() < 2**50
