"""`pixlate distill`: pairs, a training, and a table; what is resumed, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import run_pixlate
from PIL import Image
from trainings import make_images

import pixlate
from pixlate.__main__ import main
from pixlate.inference.translator import Translator
from pixlate.models.digest import weights_digest
from pixlate.options.command.stored import read_stored
from pixlate.runs.training import Trainer

SMALL = "--netG resnet_6blocks --load_size 36 --crop_size 32 --num_threads 0 --display_id 0 --num_previews 0"
ONE = "--n_epochs 1 --n_epochs_decay 0 --no_html --no_health --save_latest_freq 2"
STUDENT = f"--views 2 --ngf 1 --batch_size 6 --num_threads 0 --display_id 0 --num_previews 0 {ONE} --device cpu"
Distill = Callable[..., str]


@pytest.fixture(scope="session")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and two runs: pix2pix, whose direction is BtoA, and CycleGAN."""
    folder = tmp_path_factory.mktemp("distilled")
    make_images(folder / "images")
    end = f"--dataroot {folder / 'images'} --checkpoints_dir {folder / 'checkpoints'} {SMALL} {ONE} --device cpu"
    for words in (
        f"--model pix2pix --name paired --ngf 3 --ndf 1 --direction BtoA --norm batch {end}",
        f"--model cycle_gan --name unpaired --ngf 3 --ndf 1 --max_dataset_size 4 {end}",
    ):
        with pytest.raises(SystemExit) as ended:
            main(["train", *words.split()])
        assert ended.value.code == 0
    return folder


@pytest.fixture
def distill(teachers: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Distill:
    """Runs `pixlate distill …` beside the teachers; returns what was printed."""
    monkeypatch.chdir(teachers)

    def run(words: str, code: int = 0) -> str:
        return "".join(run_pixlate(f"distill {words}", capsys, code))

    return run


@pytest.fixture(scope="session")
def student(teachers: Path) -> Path:
    """The run of a student of the run `paired`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(teachers)
        with pytest.raises(SystemExit) as ended:
            main(["distill", "paired", *STUDENT.split()])
    assert ended.value.code == 0
    return teachers / "checkpoints" / "paired_student"


def pixels(path: Path) -> Any:
    return np.asarray(Image.open(path)).astype(int)


def levels(x: torch.Tensor) -> Any:
    """1×C×H×W in [-1, 1] as levels H×W×C, rounded."""
    return ((x[0] + 1) * 127.5).round().permute(1, 2, 0).numpy().astype(int)


def translated(translate: Translator, image: Any, name: str) -> Any:
    """The output for the levels of an image, without dropout, as levels."""
    for layer in translate.model.networks["G" if "G" in translate.model.networks else "G_B"].modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    x = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1)[None]
    return levels(translate.tensor(x, names=[name]))


def test_the_pairs_are_inputs_and_what_the_teacher_makes_of_them(student: Path, teachers: Path) -> None:
    """Of the training its own samples, of other phases whole images."""
    teacher = pixlate.load(teachers / "checkpoints" / "paired", device="cpu")
    options = {"dataroot": teachers / "images", "load_size": 36, "crop_size": 32}
    samples = pixlate.create_dataset("aligned", **options)
    inputs = {
        f"train/{{}}/{i + 9 * (view - 1):02}_{i:02}.png": samples[view, i]["B"] for view in (1, 2) for i in (0, 8)
    }
    whole = pixlate.create_dataset("aligned", **{**options, "load_size": 32, "phase": "val", "no_flip": True})
    inputs |= {f"val/{{}}/{i}_{i:02}.png": whole[i]["B"] for i in range(2)}
    for name, x in inputs.items():  # the direction is BtoA
        image = pixels(student / "pairs" / name.format("B"))
        assert (image == levels(x[None])).all()
        output = translated(teacher, image, name)
        assert abs(pixels(student / "pairs" / name.format("A")) - output).max() <= 1
    assert len(list((student / "pairs" / "train" / "A").iterdir())) == 18


def test_the_student_is_a_run_as_any_other(student: Path, teachers: Path) -> None:
    stored = read_stored(student)
    assert stored is not None
    teacher = pixlate.load(teachers / "checkpoints" / "paired", device="cpu")
    options = stored.options
    assert options["teacher"] == f"BtoA:{weights_digest(teacher.model.networks)}"
    expected = {"model": "distillation", "direction": "BtoA", "norm": "batch", "crop_size": 32, "load_size": 32}
    assert {name: options[name] for name in expected} == expected
    image = Image.open(teachers / "images" / "val" / "00.png").crop((40, 0, 80, 40))
    assert pixlate.load(student, device="cpu")(image).size == (40, 40)
    measured = pixlate.evaluate(student, dataroot=teachers / "images", device="cpu")  # beside the real A
    assert measured.metrics.keys() == {"l1", "psnr", "ssim"}
    table = json.loads((student / "distillation.json").read_text())
    for name in measured.metrics:
        assert table["student"]["metrics"][name]["value"] == pytest.approx(measured.metrics[name].value, rel=1e-4)


def test_the_table_holds_what_can_be_computed(student: Path, teachers: Path) -> None:
    table = json.loads((student / "distillation.json").read_text())
    for name, run in (("teacher", "paired"), ("student", "paired_student")):
        path = teachers / "checkpoints" / run / "latest_net_G.pth"
        weights = torch.load(path, weights_only=True)
        trained = [value for key, value in weights.items() if key.rpartition(".")[2] in ("weight", "bias")]
        assert table[name]["parameters"] == sum(value.numel() for value in trained)
        assert table[name]["bytes"] == path.stat().st_size
        assert table[name]["milliseconds"] > 0
        assert table[name]["networks"] == ["G"]
    assert (table["images"], table["phase"], table["width"], table["threads"]) == (
        2,
        "val",
        32,
        torch.get_num_threads(),
    )
    text = (student / "distillation.md").read_text()
    assert "| generator | resnet_6blocks, ngf 3 | resnet_6blocks, ngf 1 | |" in text
    ratio = table["teacher"]["macs"] / table["student"]["macs"]
    assert f"| {ratio:.3g} |" in next(line for line in text.splitlines() if line.startswith("| MACs at 32 x 32 |"))
    pairs = [pixels(student / "pairs" / "val" / "A" / f"{i}_{i:02}.png") for i in range(2)]
    learner = pixlate.load(student, device="cpu")
    inputs = [pixels(student / "pairs" / "val" / "B" / f"{i}_{i:02}.png") for i in range(2)]
    outputs = [translated(learner, image, "") for image in inputs]
    difference = np.mean([abs(one - other).mean() for one, other in zip(pairs, outputs, strict=True)]) / 255
    assert table["agreement"]["l1"]["value"] == pytest.approx(difference, abs=1e-3)


def test_the_same_command_again_changes_nothing_but_the_table(student: Path, distill: Distill) -> None:
    before = {path: path.read_bytes() for path in (student / "latest_net_G.pth", *student.rglob("pairs/*/*/*.png"))}
    (student / "distillation.md").unlink()
    printed = distill(f"paired {STUDENT}")
    assert "run 'paired_student' is finished" in printed
    assert "translates" not in printed
    assert all(path.read_bytes() == content for path, content in before.items())
    assert (student / "distillation.md").is_file()


def test_the_table_alone_can_be_repeated(student: Path, distill: Distill) -> None:
    weights = (student / "latest_net_G.pth").read_bytes()
    printed = distill("paired --report --images 1 --device cpu")
    assert "Quality: 1 image of val" in printed
    assert "Training on" not in printed
    assert (student / "latest_net_G.pth").read_bytes() == weights


def interrupted(trainer: Trainer, *step: Any) -> Any:
    """A step of the training at which the user presses Ctrl-C."""
    raise KeyboardInterrupt


def test_the_other_direction_of_a_cycle_gan_is_resumed_after_an_interruption(
    teachers: Path, distill: Distill, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"unpaired --direction BtoA --name other {STUDENT}"
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "end_step", interrupted)
        distill(words, code=130)
    folder = teachers / "checkpoints" / "other"
    assert not (folder / "distillation.json").exists()
    printed = distill(words)
    assert "translates" not in printed  # the pairs were there
    teacher = pixlate.load(teachers / "checkpoints" / "unpaired", direction="BtoA", device="cpu")
    for name in [f"{i}_{i % 4:02}.png" for i in range(8)]:  # twice --max_dataset_size of the teacher
        image = pixels(folder / "pairs" / "train" / "B" / name)
        output = pixels(folder / "pairs" / "train" / "A" / name)
        assert abs(output - translated(teacher, image, name)).max() <= 1
    assert len(list((folder / "pairs" / "train" / "B").iterdir())) == 8
    table = json.loads((folder / "distillation.json").read_text())
    assert table["teacher"]["networks"] == ["G_B"]
    assert table["phase"] == "train"  # there is no other
    assert "distance to the colours of the target" in printed


def test_a_name_that_is_taken_is_refused(student: Path, distill: Distill) -> None:
    printed = distill(f"unpaired --name paired_student {STUDENT}", code=2)
    assert "was not distilled from these weights of 'unpaired': choose another --name, or --overwrite" in printed
    assert "contradicts run 'paired'" in distill(f"paired --name paired {STUDENT}", code=2)


def test_a_student_that_computes_more_than_its_teacher_is_warned_of(
    distill: Distill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "end_step", interrupted)
    warning = "warning: the student computes as much as its teacher, or more"
    assert warning in distill(f"paired --name large {STUDENT} --ngf 3", code=130)
    assert warning not in distill(f"paired --name small {STUDENT} --ngf 2", code=130)


def test_fields_that_decide_the_output_are_told_of(
    distill: Distill, teachers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = ["A,B,mask,number", *(f"trainA/0{i}.png,trainB/0{i}.png,trainB/0{i}.png,{i}" for i in range(3))]
    (teachers / "images" / "manifest.csv").write_text("\n".join(table))
    for name, more in (("plain", ""), ("composite", "--composite")):
        data = f"--dataset_mode manifest --dataroot images --field mask=mask {more}"
        with pytest.raises(SystemExit):
            main(["train", *f"--model pix2pix --name {name} --ngf 3 --ndf 1 {data} {SMALL} {ONE} --device cpu".split()])
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "end_step", interrupted)
        assert "warning" not in distill(f"plain {STUDENT}", code=130)  # neither the mask nor the number has an effect
        warning = "warning: the teacher's outputs depend on 'mask' too, which a student does not get."
        assert warning in distill(f"composite {STUDENT}", code=130)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("none", "there is no run 'none'"),
        ("checkpoints/paired/latest_net_G.pth", "is a file: name the folder of the run"),
        ("images", "has neither options.json nor train_opt.txt"),
        ("paired --direction AtoB", "does not translate AtoB"),
        ("paired --teacher_epoch 7", "has no checkpoint '7'"),
        ("paired --name new --report", "omit --report to train it"),
        ("paired --netG resnet_7blocks", "no generator is named 'resnet_7blocks'"),
    ],
)
def test_mistakes_are_named(words: str, message: str, distill: Distill, student: Path) -> None:
    code = 1 if "epoch" in words else 2
    assert message in distill(f"{words} --device cpu", code)


def test_data_that_is_gone_can_be_named(distill: Distill, teachers: Path, student: Path) -> None:
    shutil.move(teachers / "images", teachers / "moved")
    try:
        assert "is gone: name the folder where it is now with --dataroot FOLDER" in distill("paired --report", code=1)
        assert "Quality: 2 images" in distill("paired --report --dataroot moved --device cpu")
    finally:
        shutil.move(teachers / "moved", teachers / "images")
