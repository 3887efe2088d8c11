"""Values of more than 8 bits, and other channels than colours, keep their precision from file to file."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from trainings import PIX2PIX, run, train

import pixlate
from pixlate.data import readers
from pixlate.data.check import check_dataset
from pixlate.data.current_readers import BUILTIN
from pixlate.data.field_values import displayed, field_of, file_values
from pixlate.data.reading import BadImageError, Reading, read_file, read_header
from pixlate.data.value_range import ValueRange
from pixlate.data.writers import NumpyWriter, PngWriter, TiffWriter, save_classes, save_values, writer_for
from pixlate.errors import OptionError
from pixlate.plugins import Field

Values = NDArray[Any]


def values_of(dtype: str, channels: int, seed: int = 0) -> Values:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(0, 1000, (6, 5, channels)).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, (6, 5, channels), dtype, endpoint=True)


def content(path: Path) -> Values:
    """What a file holds, H×W×C."""
    found = read_file(path)
    values: Values = np.asarray(found)
    return values if values.ndim == 3 else values[..., None]


class TestRoundTrips:
    """Written and read again, values are equal bit for bit."""

    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
    @pytest.mark.parametrize("channels", range(1, 9))
    @pytest.mark.parametrize("writer", [PngWriter(), TiffWriter(), NumpyWriter()], ids=lambda writer: writer.suffix)
    def test_from_file_to_file(self, writer: Any, channels: int, dtype: str, tmp_path: Path) -> None:
        values = values_of(dtype, channels)
        if not writer.accepts(values):
            assert writer.suffix != ".npy"
            pytest.skip("this format does not hold it") if writer.suffix == ".png" else pytest.importorskip("tifffile")
        path = tmp_path / f"a{writer.suffix}"
        save_values(values, path, writer)
        found = content(path)
        assert np.array_equal(found, values)
        header = read_header(path)
        assert header.size == (5, 6)
        if header.deep:
            signed_16 = dtype == "int16" and writer.suffix == ".tif" and find_spec("tifffile") is None
            kept = "int32" if signed_16 else dtype  # Pillow has no signed integers of 16 bits
            assert (header.channels, header.dtype, found.dtype) == (channels, kept, kept)

    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
    @given(low=st.integers(-(2**15), 2**15), width=st.integers(1, 2**16))
    def test_from_values_to_a_tensor_and_back(self, dtype: str, low: int, width: int) -> None:
        limits = np.iinfo(dtype)
        low = min(max(low, limits.min), limits.max - 1)
        value_range = ValueRange(low, min(low + width, limits.max))
        values = np.linspace(value_range.low, value_range.high, 500).astype(dtype)
        tensor = torch.from_numpy(value_range.normalised(values))
        assert tensor.dtype == torch.float32
        assert tensor.abs().max() <= 1
        assert np.array_equal(value_range.restored(tensor.numpy(), dtype), values)

    def test_floating_point_values_keep_24_bits(self) -> None:
        value_range = ValueRange(-1000.0, 3000.0)
        values = np.linspace(-1000, 3000, 9999, dtype=np.float32)
        back = value_range.restored(value_range.normalised(values), "float32")
        assert np.abs(back - values).max() <= 4000 * 2**-24

    def test_classes_are_the_numbers_of_a_palette(self, tmp_path: Path) -> None:
        labels = np.arange(30, dtype=np.uint8).reshape(6, 5, 1) % 7
        palette = [(number, 2 * number, 255 - number) for number in range(7)]
        save_classes(labels, tmp_path / "a.png", palette)
        image = Image.open(tmp_path / "a.png")
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), labels[..., 0])
        assert np.asarray(image.convert("RGB"))[0, 3].tolist() == [3, 6, 252]


class TestReaders:
    def test_16_bit_colour_png_keeps_its_bits(self, tmp_path: Path) -> None:
        pytest.importorskip("imagecodecs")
        values = values_of("uint16", 3)
        (tmp_path / "a.png").write_bytes(png_16(values))
        assert np.array_equal(content(tmp_path / "a.png"), values)
        assert read_header(tmp_path / "a.png").channels == 3

    def test_without_imagecodecs_their_upper_8_bits_are_read_and_that_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(readers, "find_spec", lambda name: None)
        values = values_of("uint16", 3)
        (tmp_path / "a.png").write_bytes(png_16(values))
        assert np.array_equal(content(tmp_path / "a.png"), values >> 8)
        dataset = pixlate.create_dataset("single", dataroot=tmp_path, preprocess="none")
        check_dataset(dataset, dataset.shared)
        assert "1 file has colours of 16 bits, of which the upper 8 are read" in caplog.text

    @pytest.mark.parametrize("form", ["contiguous", "planar", "tiled", "compressed", "big"])
    @pytest.mark.parametrize(("dtype", "channels"), [("uint16", 3), ("float32", 6), ("uint8", 5), ("int16", 1)])
    def test_tiff_files_of_any_form(self, form: str, dtype: str, channels: int, tmp_path: Path) -> None:
        tifffile = pytest.importorskip("tifffile")
        values = np.repeat(np.repeat(values_of(dtype, channels), 8, 0), 8, 1)
        more: dict[str, Any] = {
            "planar": {"planarconfig": "separate"} if channels > 1 else {},
            "tiled": {"tile": (16, 16)},
            "compressed": {"compression": "zlib"},
            "big": {"bigtiff": True},
        }.get(form, {})
        stored = np.moveaxis(values, -1, 0) if form == "planar" and channels > 1 else values.squeeze()
        tifffile.imwrite(
            tmp_path / "a.tif",
            stored,
            photometric="minisblack",
            metadata=None,
            **({"planarconfig": "contig"} if channels > 1 else {}) | more,
        )
        assert np.array_equal(content(tmp_path / "a.tif"), values)

    def test_arrays_that_are_no_images_are_not_taken_for_some(self, tmp_path: Path) -> None:
        for name, array in (("list", np.zeros(9)), ("video", np.zeros((4, 5, 6, 3))), ("many", np.zeros((2, 2, 9999)))):
            np.save(tmp_path / f"{name}.npy", array)
            with pytest.raises(BadImageError):
                read_file(tmp_path / f"{name}.npy")
        Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
        assert len(pixlate.create_dataset("single", dataroot=tmp_path)) == 1

    def test_objects_are_not_unpickled(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", np.array([[print, len]], dtype=object), allow_pickle=True)
        with pytest.raises(BadImageError):
            read_file(tmp_path / "a.npy")

    @pytest.mark.parametrize("cut", [4, 30, 150])
    def test_a_truncated_array_is_one_sentence(self, cut: int, tmp_path: Path) -> None:
        np.save(tmp_path / "whole.npy", values_of("uint16", 4))
        (tmp_path / "a.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:cut])
        with pytest.raises(BadImageError, match=r"cannot read .*a\.npy"):
            read_file(tmp_path / "a.npy")

    def test_the_limit_of_pixels_holds_for_them(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", np.zeros((30, 30), np.float32))
        with pytest.raises(BadImageError, match="--max_image_pixels allows 899"):
            read_file(tmp_path / "a.npy", Reading(max_pixels=899, readers=BUILTIN))

    def test_a_plugin_s_reader_is_used_by_data_sets_and_their_workers(
        self, installed_plugin: Callable[..., Path], tmp_path: Path
    ) -> None:
        installed_plugin(
            """
            import numpy as np
            from pixlate.data import Reader, Shape
            from pixlate.plugins import hookimpl

            class Raw(Reader):
                suffixes = (".raw16",)

                def accepts(self, start, path):
                    return start.startswith(b"RAW16")

                def shape(self, path):
                    return Shape(width=40, height=40, channels=2, dtype="uint16")

                def read(self, path):
                    return np.frombuffer(path.read_bytes()[5:], np.uint16).reshape(40, 40, 2)

            @hookimpl
            def register_readers(register):
                register("raw16", Raw, help="a camera's own files")
            """
        )
        folder = tmp_path / "images" / "trainA"
        folder.mkdir(parents=True)
        (tmp_path / "images" / "trainB").mkdir()
        for number in range(3):
            array = np.full((40, 40, 2), 1000 * number, np.uint16)
            (folder / f"{number}.raw16").write_bytes(b"RAW16" + array.tobytes())
            np.save(tmp_path / "images" / "trainB" / f"{number}.npy", array[..., :1])
        dataset = pixlate.create_dataset("unaligned", dataroot=tmp_path / "images", load_size=36, crop_size=32)
        assert (dataset.fields["A"].channels, dataset.fields["B"].channels) == (2, 1)
        assert dataset[0, 2]["A"].shape == (2, 32, 32)
        from pixlate.data.loading import BatchLoader

        with BatchLoader(dataset, dataset.shared, epochs=1) as loader:
            assert sum(len(batch["A"]) for batch in loader.epoch(1)) == 3


def png_16(values: Values) -> bytes:
    """A PNG file of 16-bit colours, which Pillow does not write."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def write_pairs(
    root: Path, dtype: str, A: int, B: int, *, suffix: str = ".npy", phases: tuple[str, ...] = ("train", "test")
) -> None:
    for phase in phases:
        for side, channels in (("A", A), ("B", B)):
            (root / phase / side).mkdir(parents=True)
            for number in range(2):
                ramp = np.linspace(0, 1, 32)[:, None, None] * np.ones((1, 32, channels))
                values = (ramp * (3000 + 100 * number)).astype(dtype)
                writer = {".npy": NumpyWriter(), ".tif": TiffWriter(), ".png": PngWriter()}[suffix]
                save_values(values, root / phase / side / f"{number}{suffix}", writer)


class TestFields:
    def test_other_channels_are_those_of_the_files(self, tmp_path: Path) -> None:
        write_pairs(tmp_path, "uint16", 5, 1)
        dataset = pixlate.create_dataset("aligned", dataroot=tmp_path, load_size=32, crop_size=32)
        dataset.measure_values()  # type: ignore[attr-defined]
        assert dataset.fields["A"] == Field(channels=5, dtype="uint16", value_range=(0.0, 4095.0))
        item = dataset[1, 0]
        assert (item["A"].shape, item["B"].shape) == ((5, 32, 32), (1, 32, 32))
        flipped = torch.linspace(0, 1, 32) * 2 * 3000 / 4095 - 1
        torch.testing.assert_close(item["A"][4, :, 0], flipped, atol=6e-4, rtol=0)

    @pytest.mark.parametrize(
        ("stored", "wanted", "possible"), [(1, 3, True), (3, 1, True), (5, 3, False), (1, 7, True), (3, 4, False)]
    )
    def test_channels_that_are_asked_for(self, stored: int, wanted: int, possible: bool, tmp_path: Path) -> None:
        write_pairs(tmp_path, "uint16", stored, 1)
        options = {"load_size": 32, "crop_size": 32, "input_nc": wanted}
        if possible:
            assert pixlate.create_dataset("aligned", dataroot=tmp_path, **options)[0]["A"].shape[0] == wanted
        else:
            with pytest.raises(OptionError, match=f"input_nc is {wanted}, but the images have {stored} channels"):
                pixlate.create_dataset("aligned", dataroot=tmp_path, **options)

    def test_8_bit_images_stay_what_they_were(self, tmp_path: Path) -> None:
        write_pairs(tmp_path, "uint8", 1, 3, suffix=".png")
        dataset = pixlate.create_dataset("aligned", dataroot=tmp_path, load_size=32, crop_size=32)
        assert dataset.fields == {"A": Field(), "B": Field()}

    def test_labels_of_images_name_their_fields(self) -> None:
        A, B = Field(channels=1), Field(channels=2)
        fields = {"A": A, "B": B}
        named = {"real_A": A, "rec_A": A, "idt_A": A, "real": A, "fake_B": B, "fake": B, "fake_B_2": B, "real_B": B}
        assert {label: field_of(label, fields) for label in named} == named
        assert field_of("fake_cat", {"A": A}) == A
        assert field_of("fake_B", {}) == Field()

    def test_what_is_shown_of_many_channels(self) -> None:
        image = torch.arange(6.0).view(6, 1, 1).expand(6, 2, 2) / 6
        assert displayed(image, Field(channels=6, display=(4, 2, 0)))[:, 0, 0].tolist() == pytest.approx(
            [4 / 6, 2 / 6, 0]
        )
        labels = torch.full((3, 2, 2), -1.0)
        labels[2] = 1
        shown = displayed(labels, Field("labels", classes=3, palette=((0, 0, 0), (1, 1, 1), (255, 0, 51))))
        assert shown[:, 0, 0].tolist() == pytest.approx([1, -1, -0.6])
        assert file_values(labels, Field("labels", classes=3))[0, 0, 0] == 2

    def test_results_are_written_in_the_format_of_the_input_if_it_can_hold_them(self) -> None:
        assert writer_for(values_of("uint16", 1), ".png").suffix == ".png"
        assert writer_for(values_of("uint16", 1), ".npy").suffix == ".npy"
        assert writer_for(values_of("float32", 1), ".png").suffix == ".tif"
        assert writer_for(values_of("float32", 1), ".tiff").suffix == ".tif"


@pytest.mark.parametrize(
    ("dtype", "A", "B", "suffix", "result"),
    [
        ("uint16", 1, 1, ".png", "0_fake_B_values.png"),
        ("float32", 1, 1, ".tif", "0_fake_B.tif"),
        ("int16", 5, 2, ".npy", "0_fake_B.npy"),
    ],
)
def test_a_run_keeps_the_type_of_its_data(dtype: str, A: int, B: int, suffix: str, result: str, tmp_path: Path) -> None:
    """From the files of a training to the results of its test, and in Python."""
    write_pairs(tmp_path / "images", dtype, A, B, suffix=suffix)
    short = ("--n_epochs", "1", "--n_epochs_decay", "0", "--load_size", "32", "--crop_size", "32")
    train(tmp_path / "runs", *PIX2PIX, *short, "--dataroot", tmp_path / "images")
    options = json.loads((tmp_path / "runs" / "run" / "options.json").read_text())
    assert (options["options"]["input_nc"], options["options"]["output_nc"]) == (A, B)
    assert options["fields"]["B"].get("dtype") == dtype
    tested = run(
        "test", "--name", "run", "--checkpoints_dir", tmp_path / "runs", "--results_dir", tmp_path / "results",
        "--dataroot", tmp_path / "images", "--device", "cpu", "--num_threads", "0",
    )  # fmt: skip
    assert tested.code == 0, tested.output
    images = tmp_path / "results" / "run" / "test_latest" / "images"
    values = content(images / result)
    assert (values.dtype, values.shape) == (np.dtype(dtype), (32, 32, B))
    source = content(tmp_path / "images" / "test" / "B" / f"0{suffix}")
    back = content(images / result.replace("fake", "real"))
    if dtype == "float32":
        assert np.abs(back - source).max() < 1e-3
    else:
        assert np.array_equal(back, source)
    assert np.asarray(Image.open(images / "0_fake_B.png")).shape[:2] == (32, 32)

    translate = pixlate.load(tmp_path / "runs" / "run", device="cpu")
    array = content(tmp_path / "images" / "test" / "A" / f"0{suffix}")
    translated = translate(array if A > 1 else array[..., 0], name=f"0{suffix}")
    assert translated.dtype == dtype
    assert np.array_equal(translated.reshape(values.shape), values)
    again = np.asarray(translate(tmp_path / "images" / "test" / "A" / f"0{suffix}"))
    assert np.array_equal(again.reshape(values.shape), values)
