"""Whatever stands in files and on the command line, the answer is a result or a sentence, never a traceback."""

import functools
import io
import json
import os
import shutil
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from trainings import leaves, same

import pixlate
from pixlate import get_plugins
from pixlate.errors import CheckpointError, PixlateError
from pixlate.models.tensor_files import read_tensors
from pixlate.options.command.listing import read_listing
from pixlate.options.command.parser import declared_options
from pixlate.options.command.resolve import resolve
from pixlate.options.command.stored import read_stored
from pixlate.runs.checkpoints.state import check_state
from pixlate.runs.checkpoints.state_file import read_state, write_state

COUNT: Counter[str] = Counter()
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "PPM", "WEBP")
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), max_size=30)


def tries(number: int) -> Callable[[Any], Any]:
    """Few tries in the short version of the battery, the whole number in the long one."""
    return settings(
        max_examples=number,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


def answered(work: Callable[[], Any]) -> None:
    """Do something that may be refused in a sentence, and count how it ended."""
    COUNT["tries"] += 1
    try:
        work()
        COUNT["worked"] += 1
    except (click.exceptions.Exit, click.ClickException):
        COUNT["refused"] += 1
    except PixlateError as error:
        COUNT["refused" if str(error).strip() else "refused without a word"] += 1


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes with some changed, cut away or added."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, min(len(data), 400) - 1)) | st.integers(0, max(0, len(data) - 1)))
        data[place : place + draw(st.integers(0, 4))] = draw(st.binary(max_size=6))
    return bytes(data[: draw(st.just(len(data)) | st.integers(0, len(data)))])


@functools.cache  # its noise differs each time
def noise_image(kind: str, mode: str) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((40, 36), 90).convert(mode).save(out, kind)
    return out.getvalue()


@st.composite
def image_files(draw: st.DrawFn) -> bytes:
    """An image's file, more or less damaged, or anything else."""
    kind = draw(st.sampled_from(FORMATS))
    mode = draw(st.sampled_from(("RGB", "L") if kind in ("JPEG", "PPM", "WEBP") else ("RGB", "L", "RGBA", "P", "1")))
    if mode == "RGBA" and kind == "BMP":
        mode = "RGB"
    whole = noise_image(kind, mode)
    return draw(st.just(whole) | damaged(whole) | damaged(whole) | st.binary(max_size=80))


def load_images(folder: Path, mode: str, bad: str) -> None:
    options = {"load_size": 36, "crop_size": 32, "on_bad_image": bad, "cache": "off", "max_bad_images": 3}
    dataset = pixlate.create_dataset(mode, dataroot=str(folder), phase="train", **options)
    for index in range(min(3, len(dataset))):
        item = dataset[index]
        assert item["A"].shape[1:] == (32, 32)
        assert item["A"].abs().max() <= 1


def check_images(root: Path, number: int) -> None:
    @tries(number)
    @given(
        files=st.lists(
            st.tuples(NAMES, st.sampled_from([".png", ".jpg", ".tif", ".PNG", ""]), image_files()), max_size=3
        ),
        mode=st.sampled_from(["aligned", "unaligned", "single"]),
        bad=st.sampled_from(["stop", "skip"]),
    )
    def check(files: list[tuple[str, str, bytes]], mode: str, bad: str) -> None:
        folder = root / "images"
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("train", "trainA", "trainB"):
            (folder / name).mkdir(parents=True)
            for stem, ending, data in files:
                path = folder / name / f"x{stem[:20]}{ending}"
                path.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about damaged files
            answered(lambda: load_images(folder / "train" if mode == "single" else folder, mode, bad))

    check()


FLAGS = st.sampled_from(
    """--model --netG --netD --norm --n_epochs --lr --beta1 --crop_size --load_size --name --suffix --dataroot --epoch
    --seed --config --plugin --gan_mode --lr_policy --batch_size --no_dropout --ema --continue_train --resume
    --checkpoints_dir --max_dataset_size --keep --precision --ngf --direction --preprocess --save_every_minutes
    --lambda_A --lambda_L1 --n-epochs --no-html --device --gpu_ids --help --num_threads --phase --verbose""".split()  # noqa: SIM905
)
VALUES = st.one_of(
    st.sampled_from(["0", "-1", "nan", "inf", "1e999", "pix2pix", "cycle_gan", "batch", "", "latest", "..", "{model}"]),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=12).filter(lambda text: "\0" not in text),
)
PLAUSIBLE = {
    "--model": ("pix2pix", "cycle_gan", "cycle-gan"),
    "--netG": ("unet_128", "resnet_6blocks"),
    "--netD": ("basic", "pixel", "n_layers"),
    "--norm": ("batch", "instance", "none"),
    "--gan_mode": ("lsgan", "hinge", "wgangp"),
    "--lr_policy": ("linear", "step", "plateau", "cosine"),
    "--n_epochs": ("1", "200"),
    "--batch_size": ("1", "7"),
    "--load_size": ("286", "1024"),
    "--crop_size": ("64", "256"),
    "--preprocess": ("none", "crop", "scale_width_and_crop"),
    "--direction": ("AtoB", "BtoA"),
    "--lr": ("2e-4", ".1"),
    "--seed": ("0", "12345678901"),
    "--suffix": ("{model}_{lr}", "x"),
    "--name": ("run", "ü"),
}
WILD = st.lists(st.one_of(FLAGS, VALUES, st.builds("{}={}".format, FLAGS, VALUES)), max_size=8)
#: Options as people give them, with a single odd value at most.
MOSTLY_RIGHT = st.lists(
    st.sampled_from(sorted(PLAUSIBLE)).flatmap(lambda flag: st.tuples(st.just(flag), st.sampled_from(PLAUSIBLE[flag]))),
    max_size=8,
).flatmap(
    lambda pairs: st.tuples(st.sampled_from(sorted(PLAUSIBLE)), VALUES).map(
        lambda odd: [word for pair in [*pairs, *([odd] if len(pairs) % 2 else [])] for word in pair]
    )
)
ARGUMENTS = st.one_of(WILD, MOSTLY_RIGHT.map(lambda words: ["--dataroot", ".", *words]))


def check_options(root: Path, number: int) -> None:
    @tries(number)
    @given(command=st.sampled_from(["train", "test"]), args=ARGUMENTS)
    def check(command: str, args: list[str]) -> None:
        os.chdir(root)
        answered(lambda: resolve(command, list(args), get_plugins()))

    check()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3),
    max_leaves=8,
)


def check_stored(root: Path, number: int) -> None:
    run = root / "checkpoints" / "run"
    run.mkdir(parents=True, exist_ok=True)
    (run / "latest_net_G.pth").touch()
    names = st.sampled_from(
        ["model", "netG", "norm", "crop_size", "lr", "dropout", "name", "n_epochs", "direction", "x"]
    )

    @tries(number)
    @given(
        options=st.dictionaries(names, JSON | VALUES, max_size=4),
        rest=st.dictionaries(
            st.sampled_from(["sources", "components", "plugin_files", "environment"]), JSON, max_size=2
        ),
        data=damaged(json.dumps({"options": {"model": "pix2pix", "ngf": 4}}).encode()),
        given_whole=st.booleans(),
    )
    def check(options: dict[str, Any], rest: dict[str, Any], data: bytes, given_whole: bool) -> None:
        os.chdir(root)
        (run / "options.json").write_bytes(json.dumps({"options": options, **rest}).encode() if given_whole else data)
        (run / "train_opt.txt").write_bytes(data)
        read_listing(run / "train_opt.txt", declared_options(get_plugins()))
        answered(lambda: read_stored(run))
        answered(lambda: resolve("test", ["--name", "run"], get_plugins()))
        answered(lambda: resolve("train", ["--name", "run", "--continue_train"], get_plugins()))

    check()


def check_configs(root: Path, number: int) -> None:
    whole = b'model = "pix2pix"\nlr = 0.1\nno_dropout = true\nmax_dataset_size = 3\n[x]\ny = [1, 2]\n'

    @tries(number)
    @given(data=damaged(whole))
    def check(data: bytes) -> None:
        os.chdir(root)
        (root / "config.toml").write_bytes(data)
        answered(lambda: resolve("train", ["--config", "config.toml", "--dataroot", "x"], get_plugins()))

    check()


def check_states(root: Path, number: int) -> None:
    tensors = {"a": torch.ones(4), "b": {"c": [torch.zeros(2, 2), 1, "x"]}, "rng": (3, (1, 2), None)}
    write_state(root / "whole.pt", tensors)
    whole = (root / "whole.pt").read_bytes()
    old = io.BytesIO()
    torch.save(tensors, old, _use_new_zipfile_serialization=False)

    @tries(number)
    @given(data=damaged(whole) | damaged(old.getvalue()) | st.binary(max_size=60))
    def check(data: bytes) -> None:
        path = root / "damaged.pt"
        path.write_bytes(data)
        answered(lambda: read_tensors(path))
        (root / "damaged.pt.sha256").write_bytes((root / "whole.pt.sha256").read_bytes())
        try:
            state = read_state(path)
        except CheckpointError:
            return
        # Between the records of a file nothing is read, and nothing has a checksum.
        read, written = dict(leaves(state)), dict(leaves(tensors))
        assert read.keys() == written.keys()
        assert all(same(read[name], written[name]) for name in written)

    check()

    @tries(number)
    @given(
        state=st.dictionaries(
            st.sampled_from(["format", "position", "facts", "logs", "tags", "model"]), JSON | st.just(1)
        )
    )
    def check_parts(state: dict[str, Any]) -> None:
        answered(lambda: check_state(state, root / "x.pt"))

    check_parts()


CHECKS = (check_images, check_options, check_stored, check_configs, check_states)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_few_bad_inputs_get_a_sentence(tmp_path: Path, check: Callable[[Path, int], None]) -> None:
    check(tmp_path, 25)
    assert not COUNT["refused without a word"]


@pytest.mark.faults
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_bad_inputs_get_a_sentence(
    tmp_path: Path, check: Callable[[Path, int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    COUNT.clear()
    check(tmp_path, 600)
    assert not COUNT["refused without a word"]
    with capsys.disabled():
        print(f"\n{check.__name__}: {dict(COUNT)}, tracebacks: 0")
