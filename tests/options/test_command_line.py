"""train.py and test.py as a person types them: real processes, real files, exit codes and single sentences."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT
from PIL import Image

from pixlate import get_plugins
from pixlate.options.command.resolve import resolve
from pixlate.options.command.run_names import default_name

TINY = "--netG unet_128 --load_size 128 --crop_size 128 --ngf 2 --ndf 2 --num_threads 0 --display_id 0 --device cpu"
SHORT = "--n_epochs 1 --n_epochs_decay 1 --print_freq 1 --display_freq 2"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def plain_environment() -> dict[str, str]:
    """The environment without the variable by which hints know that `uv run` was used."""
    return {name: value for name, value in os.environ.items() if name != "UV_RUN_RECURSION_DEPTH"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with paired and unpaired data, and one finished run of each model."""
    root = tmp_path_factory.mktemp("work")
    rng = np.random.default_rng(0)
    for phase, count in (("train", 3), ("val", 2), ("test", 2)):
        for number in range(count):
            noise_image(root / "pairs" / phase / f"{number}.png", rng, 256)
    for part in ("trainA", "trainB", "testA", "testB"):
        for number in range(2):
            noise_image(root / "sets" / part / f"{number}.png", rng, 128)
    return root


def noise_image(path: Path, rng: np.random.Generator, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (128, width, 3), dtype=np.uint8)).save(path)


def pixels(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    with Image.open(path) as image:
        return np.asarray(image).astype(np.int64)


@pytest.fixture(scope="module")
def run(folder: Path) -> Command:
    def call(script: str, words: str, code: int = 0, **environment: str) -> "subprocess.CompletedProcess[str]":
        process = subprocess.run(
            [sys.executable, str(ROOT / script), *words.split()],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=200,
            env={**plain_environment(), "OMP_NUM_THREADS": "1", "PIXLATE_PLUGINS": "", **environment},
        )
        assert "Traceback" not in process.stderr, process.stderr
        assert process.returncode == code, process.stdout + process.stderr
        return process

    return call


@pytest.fixture(scope="module")
def trained(run: Command, folder: Path) -> Path:
    process = run("train.py", f"--model pix2pix --dataroot pairs {TINY} {SHORT}")
    assert "web/index.html" in process.stdout
    assert process.stdout.startswith("Data: 3 pairs, side by side in ")
    assert "\nTraining on the CPU in " in process.stdout
    assert process.stdout.count("mean losses) G_GAN: ") == 2
    assert f"Next: {sys.executable} {ROOT / 'test.py'} --name pairs_pix2pix\n" in process.stdout
    return folder / "checkpoints" / "pairs_pix2pix"


def test_a_run_leaves_its_files(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert {"latest_net_G.pth", "latest_net_D.pth", "2_net_G.pth", "latest_state.pt", "options.json"} <= names
    assert {"train_opt.txt", "loss_log.txt", "losses.jsonl", "timing.jsonl", "web"} <= names
    assert not [name for name in names if name.startswith(".part")]
    lines = [json.loads(line) for line in (trained / "losses.jsonl").read_text("utf-8").splitlines()]
    assert [line["images"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert list(lines[0]["losses"]) == ["G_GAN", "G_L1", "D_real", "D_fake"]
    page = (trained / "web" / "index.html").read_text("utf-8")
    assert "held-out images" in page


def test_the_options_and_their_sources_are_stored(trained: Path) -> None:
    stored = json.loads((trained / "options.json").read_text("utf-8"))
    assert stored["options"]["netG"] == "unet_128"
    assert stored["sources"]["netG"] == "command line"
    assert stored["options"]["norm"] == "batch"
    assert stored["sources"]["norm"] == "component"
    assert stored["sources"]["beta1"] == "default"
    assert stored["components"]["model"] == {
        "name": "pix2pix",
        "plugin": "pixlate.models",
        "distribution": "pixlate",
        "version": stored["environment"]["pixlate"],
    }
    listing = (trained / "train_opt.txt").read_text("utf-8")
    assert re.search(r"^ +netG: unet_128 +\t\[default: unet_256\]$", listing, re.M)


def test_test_needs_no_other_flag(run: Command, trained: Path, folder: Path) -> None:
    process = run("test.py", "")
    assert "testing the newest run, 'pairs_pix2pix'" in process.stdout
    images = folder / "results" / "pairs_pix2pix" / "test_latest" / "images"
    labels = ("real_A", "fake_B", "real_B")
    assert {path.name for path in images.iterdir()} == {f"{i}_{label}.png" for i in range(2) for label in labels}
    assert pixels(images / "0_fake_B.png").shape == (128, 128, 3)


def test_the_group_s_commands_print_each_message_once(trained: Path, folder: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PIXLATE_PLUGINS": ""}
    command = [sys.executable, "-m", "pixlate", "test", "--results_dir", "once"]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, env=environment)
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("testing the newest run") == 1


def test_results_do_not_depend_on_workers_or_batches(run: Command, trained: Path, folder: Path) -> None:
    results = []
    for words in ("--num_threads 0 --batch_size 1", "--num_threads 2 --batch_size 2"):
        run("test.py", f"--name pairs_pix2pix --phase train --results_dir r{len(results)} {words}")
        images = folder / f"r{len(results)}" / "pairs_pix2pix" / "train_latest" / "images"
        results.append({path.name: pixels(path) for path in sorted(images.iterdir())})
    assert results[0].keys() == results[1].keys()
    assert len(results[0]) == 9
    assert max(int(np.abs(results[0][name] - results[1][name]).max()) for name in results[0]) <= 1


def test_one_generator_as_the_references_users_type_it(run: Command, folder: Path) -> None:
    tiny = "--netG resnet_6blocks --load_size 64 --crop_size 64 --ngf 2 --ndf 2 --num_threads 0 --display_id 0"
    run("train.py", f"--model cycle_gan --dataroot sets {tiny} --n_epochs 1 --n_epochs_decay 0 --name horses")
    run("test.py", "--model test --dataroot sets/testA --name horses --model_suffix _A --no_dropout")
    images = folder / "results" / "horses" / "test_latest" / "images"
    assert {path.name for path in images.iterdir()} == {
        f"{i}_{label}.png" for i in range(2) for label in ("real", "fake")
    }
    run("test.py", "--name horses")
    assert (images / "0_rec_A.png").exists()


def test_continuing_and_extending(run: Command, trained: Path, folder: Path) -> None:
    refused = run("train.py", f"--model pix2pix --dataroot pairs {TINY} {SHORT}", code=2)
    assert "--continue_train" in refused.stderr
    more = run("train.py", "--name pairs_pix2pix --continue_train --n_epochs 2")
    assert "Resuming 'pairs_pix2pix' at epoch 3, 6 images seen." in more.stdout
    lines = (trained / "losses.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["images"] for line in lines] == list(range(1, 10))
    both = run("train.py", "--name pairs_pix2pix --continue_train --epoch_count 3", code=2)
    assert "--epoch_count" in both.stderr


def test_continuing_where_nothing_was_saved_starts_at_the_beginning(run: Command, folder: Path) -> None:
    (folder / "checkpoints" / "new").mkdir(parents=True)  # of a run that was killed at once
    process = run(
        "train.py",
        f"--model pix2pix --dataroot pairs {TINY} --n_epochs 1 --n_epochs_decay 0 --name new --continue_train",
    )
    assert "starting at the first step" in process.stdout


def test_a_config_file_is_below_the_command_line(run: Command, folder: Path) -> None:
    (folder / "quick.toml").write_text('model = "pix2pix"\nngf = 2\nno_dropout = true\nbeta1 = 0.4\n', "utf-8")
    run("train.py", f"--config quick.toml --dataroot pairs {TINY} --n_epochs 1 --n_epochs_decay 0 --name c --beta1 0.3")
    stored = json.loads((folder / "checkpoints" / "c" / "options.json").read_text("utf-8"))
    assert (stored["options"]["beta1"], stored["sources"]["beta1"]) == (0.3, "command line")
    assert (stored["options"]["dropout"], stored["sources"]["dropout"]) == (False, "config file")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("train.py --model cyclegan", 2, "Did you mean 'cycle_gan'?"),
        ("train.py --model cut", 2, "pip install pixlate-cut"),
        ("train.py --model pix2pix --lambda_A 3", 2, "It is an option of model 'cycle_gan'."),
        ("train.py --model pix2pix --lambda-L2 3", 2, "--lambda-L1"),
        ("train.py --lr nan", 2, "finite"),
        ("train.py --lr -1", 2, "--lr"),
        ("train.py --dataroot nowhere", 1, "does not exist"),
        ("train.py --dataroot facades", 1, "pixlate download facades"),
        ("train.py --dataroot pairs --name ../out", 2, "plain name"),
        ("train.py --dataroot pairs --model pix2pix --config missing.toml", 2, "cannot be read"),
        ("train.py --dataroot pairs --model pix2pix --name s --crop_size 100 --load_size 100", 1, "multiples of 256"),
        ("train.py --dataroot pairs --model pix2pix --name s --crop_size 300", 2, "--load_size"),
        ("train.py --dataroot sets --model pix2pix --name s --phase val", 1, "val"),
        ("train.py --dataroot pairs --model test --name s", 2, "cannot be trained"),
        ("train.py --dataroot pairs --model pix2pix --name s --device cuda:77", 2, "not on this machine"),
        ("test.py --name pairs_pix2pix --norm instance", 2, "trained with norm = batch"),
        ("test.py --name pairs_pix2pix --epoch 77", 1, "it has"),
        ("test.py --name pairs_pix2pix --phase night", 1, "night"),
        ("test.py --name nothing", 2, "there is no run 'nothing' in 'checkpoints'. There are: "),
        ("test.py --name pairs_pix2pi", 2, "Did you mean 'pairs_pix2pix'?"),
        ("train.py --continue_train --name nope", 2, "there is no run 'nope' in 'checkpoints'."),
        ("train.py --n_ep 3", 2, "'--n_ep' may mean --n_epochs or --n_epochs_decay"),
    ],
)
def test_mistakes_are_one_sentence(
    trained: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    code: int,
    sentence: str,
) -> None:
    monkeypatch.chdir(folder)
    script, _, rest = words.partition(".py ")
    with pytest.raises(SystemExit) as exit_info:
        import_module(f"pixlate.{script}").main(rest.split())
    assert exit_info.value.code == code
    errors = capsys.readouterr().err
    assert sentence in errors
    assert len([line for line in errors.splitlines() if line.startswith("Error")]) == 1
    assert not (trained.parent / "s").exists()


def test_a_damaged_checkpoint_is_one_sentence(run: Command, trained: Path) -> None:
    path = trained / "1_net_G.pth"
    path.write_bytes(b"not a checkpoint")
    assert "is damaged" in run("test.py", "--name pairs_pix2pix --epoch 1", code=1).stderr


@pytest.mark.parametrize("script", ["train.py", "test.py"])
def test_help_needs_no_torch(script: str, folder: Path) -> None:
    code = f"""
import runpy, sys
sys.argv = ["x", "--help"]
try:
    runpy.run_path({str(ROOT / script)!r}, run_name="__main__")
except SystemExit as exit_request:
    assert not exit_request.code
assert not {{"torch", "PIL", "numpy"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, timeout=60, cwd=ROOT)


def test_every_option_has_help_and_both_spellings(run: Command) -> None:
    text = run("train.py", "--model pix2pix --help").stdout
    for title in ("Experiment", "Data", "Networks", "Optimisation", "Training", "Model pix2pix", "Viewer visdom"):
        assert f"\n{title}" in text
    assert "--n_epochs" in text
    assert "unet_256" in text, "a component's default is shown"


def test_without_a_name_the_newest_run_is_continued(run: Command, trained: Path, folder: Path) -> None:
    os.utime(trained / "latest_net_G.pth")
    process = run("train.py", "--continue_train", code=1)
    assert process.stdout.startswith("No --name given: continuing the newest run, 'pairs_pix2pix'.")
    assert "run 'pairs_pix2pix' is finished" in process.stderr


@pytest.mark.parametrize(
    ("dataroot", "name"),
    [("日本の画像", "日本の画像_pix2pix"), ("été/", "été_pix2pix"), ("a b*c", "a-b-c_pix2pix"), ("...", "..._pix2pix")],
)
def test_runs_are_named_after_their_data_in_any_language(dataroot: str, name: str) -> None:
    assert default_name(dataroot, "pix2pix") == name


def test_the_home_folder_is_expanded_in_every_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    words = ["--dataroot=~/data", "--checkpoints_dir=~/runs", "--cache_dir=~/cache", "--name", "x"]
    resolved = resolve("train", words, get_plugins())
    assert [resolved.values[name] for name in ("dataroot", "checkpoints_dir", "cache_dir")] == [
        "/home/somebody/data",
        "/home/somebody/runs",
        "/home/somebody/cache",
    ]
    assert resolved.folder == Path("/home/somebody/runs/x")


def test_help_lists_every_registered_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        import_module("pixlate.train").main(["--help"])
    shown = capsys.readouterr().out
    for kind in ("model", "dataset", "network", "norm", "loss", "init", "lr_policy"):
        assert all(f"\n  {name} " in shown for name in get_plugins().registry(kind).names())
    assert "it also lists the model's own options" in shown


def test_the_current_folder_is_no_place_of_plugins(tmp_path: Path) -> None:
    (tmp_path / "trap.py").write_text("print('sprung')", "utf-8")
    metadata = tmp_path / "trap-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: trap\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text("[pixlate]\ntrap = trap\n", "utf-8")
    words = [sys.executable, "-m", "pixlate", "plugins"]
    listed = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, env=plain_environment(), timeout=60)
    assert listed.returncode == 0, listed.stderr
    assert "trap" not in listed.stdout + listed.stderr
    assert "sprung" not in listed.stdout


@pytest.mark.parametrize(
    "words",
    [
        "train --lr x",
        "train --dataroot nowhere",
        "train --model pix2pix",
        "train --dataroot . --n_epochs 0 --n_epochs_decay 0",
        "train --continue_train --name nope",
        "test --name nope",
        "test --netG nothing",
    ],
)
def test_a_usage_error_needs_no_torch(words: str, tmp_path: Path) -> None:
    script, *rest = words.split()
    code = f"""
import sys
from pixlate.{script} import main
try:
    main({rest!r})
except SystemExit as exit_request:
    assert exit_request.code
    print("torch" in sys.modules)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=plain_environment())
    assert done.stdout == "False\n", done.stderr
