"""The page of a test's results."""

import os
from pathlib import Path

import pytest
from fakes import images_by_label
from pages import Page, browser, needs_chromium, size_of

from pixlate.errors import DataError
from pixlate.runs.results.gallery import Gallery
from pixlate.runs.results.result_page import ResultPage
from pixlate.util.names import ResultNames, safe_name


def gallery(folder: Path, *inputs: str, width: int = 256, **options: object) -> Page:
    content = ResultPage("Experiment = a, Phase = test, Epoch = latest", width=width)
    with Gallery(folder, content, **options) as results:  # type: ignore[arg-type]
        for path in inputs:
            results.add(path, images_by_label())
    return Page(folder / "index.html")


def test_one_row_per_input_in_order_under_the_reference_s_names(tmp_path: Path) -> None:
    page = gallery(tmp_path, "/data/testA/b.jpg", "/data/testA/a.jpg")
    assert page.text("title") == ["Experiment = a, Phase = test, Epoch = latest"]
    assert page.text("h2") == ["b", "a"]
    names = [f"{stem}_{label}.png" for stem in "ba" for label in ("real_A", "fake_B", "real_B")]
    assert [file.relative_to(tmp_path) for file in page.files()] == [Path("images") / name for name in names]
    assert all(size_of(file) == (16, 16) for file in page.files())
    assert sorted(os.listdir(tmp_path / "images")) == sorted(names)


def test_an_earlier_test_s_results_go_and_a_person_s_files_stay(tmp_path: Path) -> None:
    gallery(tmp_path, "a.png", "b.png")
    (tmp_path / "images" / "notes.txt").write_text("mine")
    (tmp_path / "images" / "b_fake_B_edited.png").write_text("mine")
    page = gallery(tmp_path, "b.png")
    assert page.text("h2") == ["b"]
    names = {path.name for path in (tmp_path / "images").iterdir()}
    assert names == {"b_real_A.png", "b_fake_B.png", "b_real_B.png", "notes.txt", "b_fake_B_edited.png"}


@pytest.mark.parametrize("name", ["index.html", "images/a_fake_B.png"])
def test_a_person_s_file_is_not_replaced_by_a_result(tmp_path: Path, name: str) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / name).write_text("mine")
    with pytest.raises(DataError, match="was not written by pixlate"):
        gallery(tmp_path, "a.png")
    assert (tmp_path / name).read_text() == "mine"


def test_a_test_without_results_leaves_the_earlier_ones(tmp_path: Path) -> None:
    gallery(tmp_path, "a.png")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with Gallery(tmp_path, ResultPage("t")):
        pass
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_images_are_lazy_linked_and_as_wide_as_the_option_says(tmp_path: Path) -> None:
    page = gallery(tmp_path, "a.png", width=99, aspect_ratio=2.0)
    assert all(image["loading"] == "lazy" for image in page.all("img"))
    assert [link["href"] for link in page.all("a")] == [image["src"] for image in page.all("img")]
    assert (page.all("img")[0]["width"], page.all("img")[0]["height"]) == ("16", "32")
    assert "--width: 99px" in next(div["style"] for div in page.all("div") if div.get("class") == "row")


def test_a_stem_that_is_taken_comes_with_its_folder(tmp_path: Path) -> None:
    page = gallery(tmp_path, "/d/day/x.jpg", "/d/night/x.jpg", "/d/night/y.jpg")
    assert page.text("h2") == ["x", "night_x", "y"]
    assert len(list((tmp_path / "images").iterdir())) == len(set(page.files())) == 9


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (["/d/a.jpg", "/d/a.png"], ["a", "a_png"]),
        (["/d/a.jpg", "/d/a.jpg", "/d/a.jpg"], ["a", "a_2", "a_3"]),
        (["/d/c_b.jpg", "/d/a/b.jpg", "/d/c/b.jpg", "/e/c/b.jpg"], ["c_b", "b", "c_b_2", "c_b_3"]),
        (["/d/a_2.jpg", "/d/a_3.jpg", "/d/a.jpg", "/d/a.jpg"], ["a_2", "a_3", "a", "a_4"]),
    ],
)
def test_no_input_overwrites_another_s_results(inputs: list[str], names: list[str]) -> None:
    result_names = ResultNames()
    assert [result_names.name(path) for path in inputs] == names


@pytest.mark.parametrize("stem", ["new\nline", "<i>&\"'</i>", "Ωß漢 🙂", "a%20b#c?d", "raw\udcff", "x" * 250])
def test_any_name_of_an_input_is_shown_and_found(tmp_path: Path, stem: str) -> None:
    page = gallery(tmp_path, f"/d/{stem}.png")
    assert all(os.path.isfile(os.fsencode(tmp_path) + b"/" + _unquoted(image)) for image in page.all("img"))
    assert len(page.all("section")) == 1
    assert page.all("i") == []


def _unquoted(image: dict[str, str]) -> bytes:
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(image["src"])


def test_long_names_stay_different() -> None:
    assert safe_name("é" * 200 + "a") != safe_name("é" * 200 + "b")
    assert len(safe_name("é" * 200).encode()) <= 200


def test_an_interrupted_test_lists_what_exists(tmp_path: Path) -> None:
    def interrupted(results: Gallery) -> None:
        with results:
            results.add("a.png", images_by_label())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted(Gallery(tmp_path, ResultPage("t")))
    assert Page(tmp_path / "index.html").text("h2") == ["a"]
    assert all(file.is_file() for file in Page(tmp_path / "index.html").files())


def test_what_a_killed_test_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / f".part-{2**22 + 1}-0123abcd").touch()  # more than the highest process number
    gallery(tmp_path, "a.png")
    assert not list(tmp_path.rglob(".part-*"))


def test_a_full_disk_is_one_sentence_and_the_page_lists_what_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.suffix == ".png" and len(list(tmp_path.glob("images/a_*.png"))) == 3:
            raise OSError(28, "No space left on device")
        return replaced(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DataError, match="No space left on device"):
        gallery(tmp_path, "a.png", "b.png", "c.png")
    assert Page(tmp_path / "index.html").text("h2") == ["a"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        Gallery(tmp_path / "file" / "results", ResultPage("t"))


@needs_chromium
def test_it_reads_well_on_a_phone_and_in_the_dark(tmp_path: Path) -> None:
    gallery(tmp_path, *(f"{number}.png" for number in range(40)))
    with browser(tmp_path / "index.html", width=390, dark=True) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 18, 21)"
        boxes = page.evaluate("[...document.images].slice(0, 3).map(i => i.getBoundingClientRect().toJSON())")
        assert len({box["top"] for box in boxes}) == 1
        assert all(box["width"] >= 100 for box in boxes)
        assert all(url.startswith("file:") for url in page.requested)
        loaded_images = "[...document.images].filter(i => i.complete && i.naturalWidth).length"
        page.wait_for_function(f"{loaded_images} >= 3")  # lazy images do not delay the page's load event
        loaded = page.evaluate(loaded_images)
        assert 3 <= loaded < 120


def test_only_the_images_that_are_asked_for_in_the_format_that_is_asked_for(tmp_path: Path) -> None:
    page = gallery(tmp_path, "a.png", visuals=("fake_B",), suffix=".webp")
    assert [path.name for path in page.files()] == ["a_fake_B.webp"]
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["a_fake_B.webp"]
    with pytest.raises(DataError, match="none of --visuals fake_C is an image of this test: real_A, fake_B, real_B"):
        gallery(tmp_path / "other", "a.png", visuals=("fake_C",))
