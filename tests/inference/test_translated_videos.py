"""Videos through a model: frames, times, rotation and colours; sound and subtitles as they were."""

import os
import signal
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest
from image_files import write
from PIL import Image
from translations import lines_of, run, save_run, translate
from videos import make_video, packets_of, pixels_of, times_of

from pixlate.data.reading import DEFAULT
from pixlate.errors import DataError, OptionError
from pixlate.inference.translating.companions import FurtherInputs
from pixlate.inference.translating.inputs import Source
from pixlate.inference.translating.one_image import ImageTranslation
from pixlate.inference.translating.outputs import Job
from pixlate.inference.translating.video import VideoFacts, translate_video
from pixlate.inference.translating.video_encoding import Encoding, pixel_format

av = pytest.importorskip("av")

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("checkpoints") / "tiny")


def copy(path: Path, out: Path, change: Any = lambda image: image, **encoding: Any) -> VideoFacts:
    """Translate a video by a function of images, the identity."""
    names: set[str] = set()

    def of(image: Image.Image, *, name: str) -> Image.Image:
        names.add(name)
        return change(image)

    job = Job(Source(path, PurePath(path.name), path.parent), out.name, out)
    facts = translate_video(ImageTranslation(of, DEFAULT, FurtherInputs([], {})), job, Encoding(**encoding))
    assert names == {path.name}
    return facts


@pytest.mark.parametrize(
    ("suffix", "codec", "audio"),
    [("mp4", "libx264", "aac"), ("mkv", "libx264", "flac"), ("webm", "libvpx-vp9", "libopus"), ("avi", "mpeg4", "mp2")],
)
def test_frames_and_their_times_are_kept_and_the_sound_is_copied(
    suffix: str, codec: str, audio: str, model: Path, tmp_path: Path
) -> None:
    path = make_video(tmp_path / f"in.{suffix}", codec=codec, audio=audio)
    assert translate(path, "-o", tmp_path / "out", model=model) == 0
    out = tmp_path / "out" / path.name
    assert len(pixels_of(out)) == 12
    assert times_of(out) == times_of(path)
    assert packets_of(out) == packets_of(path) != []
    assert os.listdir(tmp_path / "out") != []
    start, record = lines_of(tmp_path / "out")
    assert (record["output"], record["frames"], record["width"], record["height"]) == (path.name, 12, 32, 16)
    assert suffix == "avi" or start["weights"].encode() in out.read_bytes()


def test_frames_at_unequal_distances(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv"):
        path = make_video(tmp_path / f"in.{suffix}", variable=True)
        copy(path, tmp_path / f"out.{suffix}")
        times = times_of(path)
        assert len({after - before for before, after in pairwise(times)}) > 1
        assert times_of(tmp_path / f"out.{suffix}") == times


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_the_model_sees_upright_frames(rotation: int, tmp_path: Path) -> None:
    if not hasattr(av.video.stream.VideoStream, "set_display_rotation"):
        pytest.skip("this version of PyAV reads rotations and does not write them")
    path = make_video(tmp_path / "in.mp4", rotation=rotation)
    facts = copy(path, tmp_path / "out.mp4")
    expected = [np.rot90(frame, rotation // 90) for frame in pixels_of(path)]
    assert facts.size == expected[0].shape[1::-1]
    assert differences(pixels_of(tmp_path / "out.mp4"), expected) < 4
    copy(tmp_path / "out.mp4", tmp_path / "again.mp4")  # it does not turn a second time
    assert pixels_of(tmp_path / "again.mp4")[0].shape == expected[0].shape


def differences(frames: list[Any], others: list[Any]) -> float:
    return float(np.mean([abs(a.astype(int) - b.astype(int)).mean() for a, b in zip(frames, others, strict=True)]))


@pytest.mark.parametrize("colours", [(1, 1), (5, 1), (5, 2), (2, 1)])
@pytest.mark.parametrize("size", [(32, 16), (33, 17)])
def test_colours_stay_what_they_are(colours: tuple[int, int], size: tuple[int, int], tmp_path: Path) -> None:
    path = make_video(tmp_path / "in.mp4", colours=colours, size=size, pix_fmt="yuv444p")
    assert copy(path, tmp_path / "out.mp4", crf=2).size == size
    most = 6 if size == (32, 16) else 2.5  # even sides: the colours of two by two pixels become one
    assert differences(pixels_of(tmp_path / "out.mp4"), pixels_of(path)) < most


def test_an_encoding_without_loss(tmp_path: Path) -> None:
    path = make_video(tmp_path / "in.mkv")
    seen: list[Any] = []

    def noted(image: Image.Image) -> Image.Image:
        seen.append(np.asarray(image))
        return image

    copy(path, tmp_path / "out.mkv", noted, codec="ffv1")
    assert all(np.array_equal(a, b) for a, b in zip(pixels_of(tmp_path / "out.mkv"), seen, strict=True))


def test_outputs_may_be_larger(tmp_path: Path) -> None:
    path = make_video(tmp_path / "in.mp4", audio="")
    facts = copy(path, tmp_path / "out.mp4", lambda image: image.resize((64, 32)))
    assert (facts.size, facts.frames) == ((64, 32), 12)
    assert pixels_of(tmp_path / "out.mp4")[0].shape == (32, 64, 3)


def test_subtitles_are_copied_or_said_to_be_left_out(tmp_path: Path) -> None:
    path = make_video(tmp_path / "in.mkv", subtitle=True)
    assert copy(path, tmp_path / "out.mkv").left_out == []
    assert [content for _, _, content in packets_of(tmp_path / "out.mkv", "subtitle")] == [b"words"]
    (sentence,) = copy(path, tmp_path / "out.mp4").left_out
    assert "subtitle of the kind" in sentence
    assert packets_of(tmp_path / "out.mp4") != []


def test_images_and_videos_together(model: Path, tmp_path: Path, capsys: Output) -> None:
    make_video(tmp_path / "in" / "a.mp4")
    write(tmp_path / "in" / "b.png", (32, 16))
    write(tmp_path / "mask.png", (32, 16))
    again = (tmp_path / "in" / "a.mp4", tmp_path / "in" / "b.png", "-o", tmp_path / "out", "--resume")
    masked = (*again, "--mask", tmp_path / "mask.png")
    assert translate(*masked, model=model) == 0
    assert "1 image and 1 video of 12 frames translated" in capsys.readouterr().out
    assert translate(*masked, model=model) == 0
    assert "2 kept as made before" in capsys.readouterr().out
    assert translate(*masked, "--crf", "30", model=model) == 0
    assert "kept" not in capsys.readouterr().out


def test_videos_of_a_folder_are_named_to_be_translated(model: Path, tmp_path: Path, capsys: Output) -> None:
    write(tmp_path / "in" / "b.png")
    make_video(tmp_path / "in" / "a.mp4", frames=3)
    assert translate(tmp_path / "in", "-o", tmp_path / "out", model=model) == 0
    assert "(a.mp4)" in capsys.readouterr().out
    assert translate(f"{tmp_path}/in/*.mp4", "-o", tmp_path / "videos", model=model) == 0
    assert (tmp_path / "videos" / "a.mp4").exists()


def test_bad_videos_are_a_sentence_each(model: Path, tmp_path: Path, capsys: Output) -> None:
    whole = make_video(tmp_path / "in" / "whole.mp4", frames=3)
    (tmp_path / "in" / "text.mp4").write_text("text")
    (tmp_path / "in" / "empty.mkv").write_bytes(b"")
    (tmp_path / "in" / "cut.mp4").write_bytes(whole.read_bytes()[:500])
    make_video(tmp_path / "in" / "sound.mp4", frames=0)
    assert translate(f"{tmp_path}/in/*", "-o", tmp_path / "out", model=model) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.count("Error: ") for line in lines] == [1] * 5
    assert sorted(path.name for path in (tmp_path / "out").glob("*.m*")) == ["whole.mp4"]
    assert len(list((tmp_path / "out").iterdir())) == 3


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--codec", "x"), "there is no such encoder"),
        (("--codec", "aac"), "not images"),
        (("--codec", "gif"), "cannot hold it"),
        (("--codec", "mpeg4", "--crf", "3"), "--crf is a quality of"),
    ],
)
def test_encodings_that_cannot_be(
    arguments: tuple[str, ...], problem: str, model: Path, tmp_path: Path, capsys: Output
) -> None:
    path = make_video(tmp_path / "in.mp4", frames=2)
    assert translate(path, "-o", tmp_path / "out", *arguments, model=model) == 2
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_video_into_a_file(model: Path, tmp_path: Path, capsys: Output) -> None:
    path = make_video(tmp_path / "in.mp4", frames=3)
    assert translate(path, "-o", tmp_path / "out.png", model=model) == 2
    assert translate(path, "-o", "-", model=model) == 2
    capsys.readouterr()
    assert translate(path, "-o", tmp_path / "out.webm", model=model) == 0
    assert "warning: " in (warning := capsys.readouterr().err)
    assert "audio of the kind aac cannot be stored in .webm" in warning
    assert translate(path, "-o", tmp_path / "out.mkv", model=model) == 0
    assert packets_of(tmp_path / "out.mkv") != []


def test_a_signal_leaves_no_half_video(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "in.mp4", frames=40)
    of_frame, seen = ImageTranslation.of_frame, []

    def interrupted(self: ImageTranslation, source: Source, frame: Image.Image) -> Image.Image:
        seen.append(frame)
        if len(seen) == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return of_frame(self, source, frame)

    monkeypatch.setattr(ImageTranslation, "of_frame", interrupted)
    again = ("translate", path, "-o", tmp_path / "out", "--run", model, "--resume")
    assert run(*again) == 143
    assert len(seen) == 5
    assert sorted(os.listdir(tmp_path / "out")) == ["pixlate_files.txt", "provenance.jsonl"]
    assert run(*again) == 0
    assert len(pixels_of(tmp_path / "out" / "in.mp4")) == 40


def test_values_of_more_than_8_bits_are_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "in.mp4", frames=2)
    with pytest.raises(DataError, match="8 bits"):
        copy(path, tmp_path / "out.mp4", lambda image: np.zeros((16, 32, 4), np.uint16))
    assert not (tmp_path / "out.mp4").exists()


def test_formats_of_pixels() -> None:
    assert pixel_format(["nv12", "yuv444p", "yuv420p"], "libx264", (32, 16)) == "yuv420p"
    assert pixel_format(["yuv420p", "yuv444p"], "libx264", (33, 16)) == "yuv444p"
    assert pixel_format(["yuv420p"], "libsvtav1", (33, 17)) == "yuv420p"
    assert pixel_format(["yuv420p", "bgr0"], "ffv1", (32, 16)) == "bgr0"
    with pytest.raises(OptionError):
        Encoding(crf=3, codec="png").of(".mkv")
