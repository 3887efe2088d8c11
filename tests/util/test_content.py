"""The digest of files' content notices replaced files, and nothing else."""

import os
from pathlib import Path

import pytest

from pixlate.util.content import BLOCK_BYTES, BLOCKS, content_digest

SIZES = (0, 1, 1000, BLOCKS * BLOCK_BYTES, BLOCKS * BLOCK_BYTES + 1, 300_000)


@pytest.mark.parametrize("size", SIZES)
def test_other_content_of_equal_size_and_time_is_noticed(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a"
    digests = set()
    for byte in (b"a", b"b"):
        path.write_bytes(byte * size)
        os.utime(path, (1, 1))
        digests.add(content_digest([str(path)]))
    assert len(digests) == (2 if size else 1)


def test_small_files_are_read_whole(tmp_path: Path) -> None:
    data = bytearray(BLOCKS * BLOCK_BYTES)
    digests = set()
    for position in (None, 0, 5000, len(data) - 1):
        changed = bytearray(data)
        if position is not None:
            changed[position] = 1
        (tmp_path / "a").write_bytes(changed)
        digests.add(content_digest([str(tmp_path / "a")]))
    assert len(digests) == 4


def test_the_order_counts_and_time_and_place_do_not(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name in "ab":
            (tmp_path / folder / name).write_bytes(name.encode() * 50_000)
    one, two = ([str(tmp_path / folder / name) for name in "ab"] for folder in ("one", "two"))
    assert content_digest(one) == content_digest(two)
    assert content_digest(one) != content_digest(one[::-1])


def test_a_missing_file_is_one_without_content(tmp_path: Path) -> None:
    missing = content_digest([str(tmp_path / "none")])
    (tmp_path / "none").write_bytes(b"")
    assert content_digest([str(tmp_path / "none")]) != missing
