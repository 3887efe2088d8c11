"""The record of a folder of outputs, what a later translation keeps of them, and interrupted translations."""

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from image_files import noise_image, write
from translations import lines_of, opened, pixels, run, save_run, translate

import pixlate
from pixlate import __version__
from pixlate.inference.engine import ModelEngine
from pixlate.inference.translating import translation
from pixlate.inference.translating.preparing import Model
from pixlate.inference.translating.provenance import files_digest

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(4):
        write(tmp_path / "photos" / f"{number}.png", (16, 16), number)
    return tmp_path / "photos"


def kept(capsys: Output) -> int:
    """How many outputs the translation before kept."""
    last = capsys.readouterr().out.splitlines()[-1]
    return int(last.split(" kept as made before")[0].rsplit(" ", 1)[1]) if "kept" in last else 0


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_recorded(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert translate(photos, "-o", out, model=model) == 0
    start, *records = lines_of(out)
    assert (start["pixlate"], start["run"], start["epoch"]) == (__version__, str(model), "latest")
    assert len(start["weights"]) == 64
    for record in records:
        assert record["sha256"] == sha256(out / record["output"])
        assert record["input"]["sha256"] == sha256(photos / record["output"])
        assert (record["width"], record["height"]) == (16, 16)
        assert opened(out / record["output"]).info["Software"] == (
            f"pixlate {__version__}, weights sha256:{start['weights']}"
        )


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_each_file_says_what_made_it(suffix: str, photos: Path, model: Path, tmp_path: Path) -> None:
    assert translate(photos / "0.png", "-o", tmp_path / f"out.{suffix}", model=model) == 0
    image = opened(tmp_path / f"out.{suffix}")
    said = image.info["Software"] if suffix == "png" else image.getexif()[0x0131]
    assert said.startswith(f"pixlate {__version__}, weights sha256:")


def test_nothing_is_recorded_on_request(photos: Path, model: Path, tmp_path: Path) -> None:
    assert translate(photos, "-o", tmp_path / "out", "--no_provenance", model=model) == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["0.png", "1.png", "2.png", "3.png"]
    assert opened(tmp_path / "out" / "0.png").info == {}


def test_what_is_whole_and_the_same_is_kept(photos: Path, model: Path, tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "out"
    again = (photos, "-o", out, "--resume")
    assert translate(*again, model=model) == 0
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert kept(capsys) == 0
    assert translate(*again, model=model) == 0
    assert kept(capsys) == 4
    assert before == {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    noise_image((16, 16), 9).save(photos / "0.png")  # another input
    os.utime(photos / "1.png")  # the same input, written again
    (out / "2.png").write_bytes((out / "2.png").read_bytes()[:-20])  # a damaged output
    (out / "3.png").unlink()
    assert translate(*again, model=model) == 0
    assert kept(capsys) == 1
    assert opened(out / "2.png").size == (16, 16)


@pytest.mark.parametrize("change", [("--eval",), ("--no_metadata",), ("--mask", "mask.png")], ids=" ".join)
def test_other_options_translate_again(
    photos: Path, model: Path, tmp_path: Path, capsys: Output, change: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "mask.png", (16, 16))
    again = (photos, "-o", "out", "--resume")
    for arguments, expected in ((again, 0), ((*again, *change), 0), ((*again, *change), 4), (again, 0)):
        assert translate(*arguments, model=model) == 0
        assert kept(capsys) == expected


def test_other_weights_translate_again(photos: Path, model: Path, tmp_path: Path, capsys: Output) -> None:
    again = (photos, "-o", tmp_path / "out", "--resume")
    assert translate(*again, model=model) == 0
    shutil.copytree(model, tmp_path / "copy")
    assert translate(*again, model=tmp_path / "copy") == 0  # the same weights of another name
    assert kept(capsys) == 4
    import torch

    weights = torch.load(model / "latest_net_G.pth", weights_only=True)
    torch.save({name: value + 1 for name, value in weights.items()}, tmp_path / "copy" / "latest_net_G.pth")
    assert translate(*again, model=tmp_path / "copy") == 0
    assert kept(capsys) == 0


def test_weights_that_are_loaded_later_are_known_by_their_files(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of models whose networks depend on the first image."""
    translator = pixlate.load(model)
    monkeypatch.setattr(ModelEngine, "digest", "")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(model, tmp_path / "checkpoints" / "tiny")
    found = Model(pixlate.load("tiny")).weights
    assert found == Model(translator).weights
    (tmp_path / "checkpoints" / "tiny" / "latest_net_G.pth").write_bytes(b"others")
    assert Model(pixlate.load(model)).weights == found != files_digest(tmp_path / "checkpoints" / "tiny", ["*.pth"])


def test_a_damaged_record_is_what_can_be_read_of_it(photos: Path, model: Path, tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "out"
    assert translate(photos, "-o", out, model=model) == 0
    record = out / "provenance.jsonl"
    lines = record.read_bytes().splitlines(keepends=True)
    odd = [b"[" * 100_000, b"\xff\n", b'{"output": 3}\n', b'{"output": "0.png", "settings": null, "input": 7}\n']
    record.write_bytes(b"".join([*lines[:-1], *odd, lines[-1][:40]]))
    assert translate(photos, "-o", out, "--resume", model=model) == 0
    assert 0 < kept(capsys) < 4
    assert translate(photos, "-o", out, "--resume", model=model) == 0
    assert kept(capsys) == 4


def test_a_foreign_record_is_not_extended(photos: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "provenance.jsonl").write_text("mine\n")
    assert translate(photos, "-o", tmp_path / "out", "--resume", model=model) == 1
    assert (tmp_path / "out" / "provenance.jsonl").read_text() == "mine\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_between_two_files(
    number: int, code: int, photos: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    for i in range(4, 12):
        write(photos / f"{i:02}.png", (16, 16), i)
    write_output = translation.write_whole
    written: list[Path] = []

    def interrupted(path: Path, data: bytes) -> None:
        written.append(path)
        if len(written) == 2:
            os.kill(os.getpid(), number)
        write_output(path, data)

    monkeypatch.setattr(translation, "write_whole", interrupted)
    again = (photos, "-o", tmp_path / "out", "--resume")
    assert translate(*again, model=model) == code
    assert "--resume goes on" in capsys.readouterr().err
    made = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert 2 <= len(made) < 12
    assert all(pixels(tmp_path / "out" / name).shape == (16, 16, 3) for name in made)
    assert translate(*again, model=model) == 0
    assert kept(capsys) == len(made)
    assert len(list((tmp_path / "out").iterdir())) == 14


def test_what_a_killed_translation_left_is_removed(photos: Path, model: Path, tmp_path: Path) -> None:
    write(photos / "night" / "a.png", (8, 8))
    stale = [tmp_path / "out" / folder / ".part-4194304-00ff" for folder in (".", "night")]
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    assert translate(photos, "-o", tmp_path / "out", "--resume", model=model) == 0
    assert not any(path.exists() for path in stale)


def test_a_full_disk_ends_it_with_a_sentence(
    photos: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "1.png").mkdir()
    assert translate(photos, "-o", tmp_path / "out", "--overwrite", model=model) == 1
    assert "1.png' cannot be written" in capsys.readouterr().err


def test_the_record_is_json_lines(photos: Path, model: Path, tmp_path: Path) -> None:
    (photos / "ü\n\x1b.png").write_bytes((photos / "0.png").read_bytes())
    assert run("translate", photos, "-o", tmp_path / "out", "--run", model, "--device", "cpu") == 0
    text = (tmp_path / "out" / "provenance.jsonl").read_text("ascii")
    assert {json.loads(line).get("output") for line in text.splitlines()} >= {"ü__.png"}


def test_inputs_that_changed_places_are_translated_again(
    photos: Path, model: Path, tmp_path: Path, capsys: Output
) -> None:
    """Whatever their sizes and times say."""
    paths = photos / "0.png", photos / "1.png"
    contents = [path.read_bytes() for path in paths]
    size = max(map(len, contents))

    def write_files(*contents: bytes) -> None:
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content.ljust(size, b"\0"))
            os.utime(path, ns=(0, 0))

    write_files(*contents)
    assert translate(photos, "-o", tmp_path / "out", model=model) == 0
    write_files(*reversed(contents))
    assert translate(photos, "-o", tmp_path / "out", "--resume", model=model) == 0
    assert kept(capsys) == 2
    assert lines_of(tmp_path / "out")[-1]["input"]["sha256"] in {sha256(path) for path in paths}


def test_an_input_that_is_replaced_meanwhile_is_translated_again(
    photos: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, content = tmp_path / "out", translation.ImageFiles.content
    other = (photos / "1.png").read_bytes()

    def replaced(self: translation.ImageFiles, job: translation.Job) -> tuple[bytes, tuple[int, int]]:
        result = content(self, job)
        job.source.path.write_bytes(other)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(translation.ImageFiles, "content", replaced)
        assert translate(photos / "0.png", "-o", out, model=model) == 0
    assert translate(photos / "0.png", "-o", out, "--resume", model=model) == 0
    assert lines_of(out)[-1]["input"]["sha256"] == hashlib.sha256(other).hexdigest()


def test_an_input_that_is_removed_meanwhile_is_a_sentence(
    photos: Path, model: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = translation.ImageFiles.inputs

    def removed(self: translation.ImageFiles, job: translation.Job) -> translation.Inputs | None:
        if job.name == "1.png":
            job.source.path.unlink()
        return inputs(self, job)

    monkeypatch.setattr(translation.ImageFiles, "inputs", removed)
    assert translate(photos, "-o", tmp_path / "out", model=model) == 1
    assert "1.png' cannot be read: " in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["0.png", "2.png", "3.png"]
