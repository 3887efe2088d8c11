"""Which files are translated, and what their outputs are called."""

from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import write

from pixlate.errors import DataError
from pixlate.inference.translating.inputs import Source, find_sources
from pixlate.inference.translating.outputs import plan, single_output

NAMES = st.text("ab.é\n_ ", min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))
PLACES = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: PurePath(*parts))


@given(st.lists(PLACES, max_size=8), st.sampled_from([".png", ".jpg", ".tif"]))
def test_names_are_distinct_inside_and_in_the_same_sub_folders(places: list[PurePath], suffix: str) -> None:
    """Or the translation is refused before it starts."""
    folder = Path("/out")
    sources = [Source(Path("/in") / place, place, Path("/in")) for place in places]
    expected = [folder / printable(place.parent) / f"{printable(PurePath(place.stem))}{suffix}" for place in places]
    if len(set(expected)) < len(places) or any(path in other.parents for path in expected for other in expected):
        with pytest.raises(DataError, match="two folders"):
            plan(sources, folder, lambda source: suffix)
        return
    jobs = plan(sources, folder, lambda source: suffix)
    assert [job.path for job in jobs] == expected
    assert all(".." not in job.path.parts and job.path == folder / job.name for job in jobs)


def printable(place: PurePath) -> PurePath:
    return PurePath(*(part.replace("\n", "_") for part in place.parts))


def places(*words: str | Path) -> list[str]:
    return [source.place.as_posix() for source in find_sources(list(map(str, words))).files]


def test_each_file_comes_once(tmp_path: Path) -> None:
    a = write(tmp_path / "a.png")
    assert places(a, a, tmp_path / "a.png", tmp_path) == ["a.png"]


def test_a_name_with_wildcards_is_a_name_first(tmp_path: Path) -> None:
    write(tmp_path / "[ab].png")
    write(tmp_path / "a.png")
    assert places(tmp_path / "[ab].png") == ["[ab].png"]
    (tmp_path / "[ab].png").unlink()
    assert places(tmp_path / "[ab].png") == ["a.png"]


def test_words_that_lead_nowhere_are_a_sentence_each(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = find_sources([str(tmp_path / word) for word in ("empty", "gone.png", "*.png")])
    assert found.files == []
    assert [problem.count("\n") for problem in found.problems] == [0, 0, 0]
    assert all(name in problem for name, problem in zip(("empty", "gone.png", "*.png"), found.problems, strict=True))


def test_patterns_take_images_and_videos_alone(tmp_path: Path) -> None:
    write(tmp_path / "x" / "a.png")
    (tmp_path / "x" / "a.mp4").write_bytes(b"video")
    (tmp_path / "x" / "a.txt").write_text("text")
    found = find_sources([f"{tmp_path}/*/*"])
    assert [source.place.as_posix() for source in found.files] == ["x/a.mp4", "x/a.png"]
    assert [entry.count for entry in found.left_out.counts()] == [1]


@pytest.mark.parametrize(
    ("output", "single"), [("out.png", True), ("out.MP4", True), ("out", False), ("run.v2", False), ("x.jpeg", True)]
)
def test_an_output_is_a_file_by_its_suffix(output: str, single: bool, tmp_path: Path) -> None:
    source = Source(tmp_path / "a.png", PurePath("a.png"), tmp_path)
    assert single_output([source], tmp_path / output) is single
    (tmp_path / output).mkdir()
    assert single_output([source], tmp_path / output) is False
