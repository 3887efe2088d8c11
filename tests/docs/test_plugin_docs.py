"""docs/plugins.md is correct: its files are the tested ones, its commands and examples work, its tables complete."""

import dataclasses
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fakes import make_run, progress
from paths import ROOT

import pixlate
from pixlate import get_plugins
from pixlate.__main__ import main
from pixlate.data.base import BaseDataset
from pixlate.data.demo.demo import write_demo
from pixlate.models import BaseModel, GANLoss, Policy, Schedule
from pixlate.options.fields import options_of
from pixlate.plugins import Plugins, Progress, Register, Sample, hookspecs
from pixlate.plugins.commands.scaffold import package_files
from pixlate.plugins.testing import check_dataset, check_model, write_images

PAGE = (ROOT / "docs" / "plugins.md").read_text("utf-8")
HOOKS = {name: item for name, item in vars(hookspecs).items() if hasattr(item, "pixlate_spec")}
SMALL = "--load_size 36 --crop_size 32 --ngf 2 --ndf 2 --num_threads 0 --device cpu --display_id 0 --save_epoch_freq 1"
Output = pytest.CaptureFixture[str]
Install = Callable[..., Path]


@dataclass(frozen=True)
class Block:
    """A block of code: its heading, the file that it shows (from the comment above it), its language and text."""

    section: str
    file: str
    language: str
    text: str


def blocks() -> Iterator[Block]:
    """The blocks of code of the page."""
    for section in re.split(r"(?m)^#{2,3} ", re.sub(r"(?m)^#(?=[^#\n]*$)", "#", PAGE))[1:]:
        heading = section.partition("\n")[0].strip("`")
        for file, language, text in re.findall(r"(?:<!-- (\S+) -->\n)?```(\w+)\n(.*?)```", section, re.DOTALL):
            yield Block(heading, file, language, text)


BLOCKS = list(blocks())


def commands(section: str) -> list[list[str]]:
    """The arguments of each command in a section."""
    texts = [block.text for block in BLOCKS if block.section == section and block.language == "console"]
    return [shlex.split(line.removeprefix("$ ")) for text in texts for line in text.splitlines()]


def run(words: list[str], *more: str) -> None:
    """Run a `pixlate` command of the page, with further arguments that make it fast."""
    assert words[0] == "pixlate"
    with pytest.raises(SystemExit) as ended:
        main([*words[1:], *more])
    assert ended.value.code == 0, words


# --- hooks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_signature_and_an_example(hook: str) -> None:
    arguments = ", ".join(inspect.signature(HOOKS[hook]).parameters)
    examples = [block.text for block in BLOCKS if block.section == f"{hook}({arguments})"]
    assert len(examples) == 1
    assert f"@hookimpl\ndef {hook}(" in examples[0] or f"    @hookimpl\n    def {hook}(" in examples[0]


def test_no_other_hook_is_documented() -> None:
    assert set(re.findall(r"(?m)^### `(\w+)\(", PAGE)) == set(HOOKS)


def test_the_signature_of_register() -> None:
    (shown,) = [block.text for block in BLOCKS if block.text.startswith("register(")]
    parameters = dict(list(inspect.signature(Register.__call__).parameters.items())[1:])
    expected = [
        name
        if parameter.default is parameter.empty
        else f"{name}={parameter.default if isinstance(parameter.default, str | None) else '{}'!r}"
        for name, parameter in parameters.items()
    ]
    expected = [re.sub(r"='\{\}'", "={}", text).replace("=''", '=""') for text in expected]
    assert shown == f"register({', '.join([*expected[:2], '*', *expected[2:]])})\n"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A folder of the examples of all hooks, each as a plugin in one file."""
    folder = tmp_path / "examples"
    folder.mkdir()
    for block in BLOCKS:
        if block.section.partition("(")[0] in HOOKS:
            (folder / f"{block.section.partition('(')[0]}.py").write_text(block.text)
    assert len(list(folder.iterdir())) == len(HOOKS)
    return folder


def test_each_example_is_a_plugin_by_itself(examples: Path, caplog: pytest.LogCaptureFixture) -> None:
    for file in sorted(examples.iterdir()):
        info = Plugins().load_file(file)
        assert caplog.messages == []
        assert file.stem in info.hooks or info.registered


def test_the_examples_of_components_work(examples: Path, installed_plugin: Install, tmp_path: Path) -> None:
    plugins = get_plugins()
    for file in sorted(examples.iterdir()):
        assert plugins.load_file(file).status == "loaded"
    small = {"netG": "resnet_6blocks", "ngf": 2, "ndf": 2}
    check_model("pix2pix_quick", plugins=plugins, ngf=2)
    check_dataset("stripes", tmp_path, plugins=plugins)
    check_model("pix2pix", plugins=plugins, **small, netD="patch_7x7", gan_mode="smooth_lsgan")
    check_model(
        "pix2pix", plugins=plugins, **small, norm="group", init_type="uniform", lr_policy="warm_up", optimizer="nadam"
    )
    check_model("pix2pix", plugins=plugins, **small, optimizer="adagrad")
    written = (
        plugins.registry("writer").get("plain_text").load()().encode(np.array([[[1], [2]], [[3], [40000]]], np.uint16))
    )
    (tmp_path / "a.grey").write_bytes(written)
    dataset = pixlate.create_dataset("single", dataroot=tmp_path, preprocess="crop", crop_size=1, plugins=plugins)
    assert dataset.fields["A"].dtype == "uint16"
    assert dataset.header(dataset.groups[0][0]).size == (2, 2)  # type: ignore[attr-defined]
    assert dataset.pixels(dataset.groups[0][0])[0].max() > 0.2  # type: ignore[attr-defined]


def test_the_examples_of_events_and_options_work(
    examples: Path, installed_plugin: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """All at once, in one training."""
    monkeypatch.setenv("PIXLATE_PLUGIN_PATH", str(examples))
    monkeypatch.setenv("PIXLATE_PLUGINS", ",".join(file.stem for file in examples.iterdir()))
    monkeypatch.chdir(tmp_path)
    dataroot = write_images(tmp_path / "images", "aligned", size=40, count=2)
    words = f"pixlate train --model pix2pix --netG resnet_6blocks --dataroot {dataroot} --name trial {SMALL}"
    run(f"{words} --n_epochs 1 --n_epochs_decay 0 --print_freq 1 --display_freq 2 --csv --note well".split())
    output = capsys.readouterr()
    assert output.err == ""
    assert "1 of 1 epochs" in output.out
    folder = tmp_path / "checkpoints" / "trial"
    assert (folder / "losses.csv").read_text().count("\n") == 2
    assert (folder / "note.txt").read_text() == "well\n"
    assert (folder / "machines.txt").read_text().startswith("0 ")
    assert (folder / "newest.png").is_file()
    assert re.fullmatch(r"(2 \{'distance': [\d.]+\}\n){2}", (folder / "metrics.txt").read_text())
    assert (folder / "best_state.pt").is_file()
    assert (folder / "backup" / "latest_net_G.pth").is_file()
    assert (folder / "status.txt").read_text() == "finished\n"
    run(["pixlate", "names"])
    assert capsys.readouterr().out == "trial\n"

    run(["pixlate", "test", "--epoch", "best", "--num_threads", "0", "--device", "cpu"])
    assert capsys.readouterr().err == ""
    means = (tmp_path / "results" / "trial" / "test_best" / "means.txt").read_text()
    assert re.fullmatch(r"(.*\.png -?\d\.\d{4}\n){2}", means)

    ((_, measured),) = get_plugins().implementations("metrics_measured")
    measured(run=make_run(tmp_path / "measured"), progress=progress(1, 1), metrics={"SSIM": 0.5})
    assert (tmp_path / "measured" / "metrics.txt").read_text() == "1 {'SSIM': 0.5}\n"


# --- files and commands ----------------------------------------------------------------------------------------


def test_the_files_of_the_package_are_those_that_are_written() -> None:
    shown = {block.file: block.text for block in BLOCKS if block.file.startswith("pixlate-mine/")}
    written = {
        f"pixlate-mine/{path}": text
        for path, text in package_files(get_plugins(), "mine").items()
        if path not in ("README.md", "LICENSE", "pixlate_mine/py.typed")
    }
    assert shown == written


def test_the_one_file_is_the_example() -> None:
    (shown,) = [block.text for block in BLOCKS if block.file == "sketches.py"]
    assert shown == (ROOT / "examples" / "one-file" / "sketches.py").read_text("utf-8")


def test_from_an_empty_folder_to_a_trained_model(
    installed_plugin: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """Each command of the section in turn; the package is installed by hand, and options make the commands fast."""
    monkeypatch.chdir(tmp_path)
    write_demo(tmp_path / "datasets" / "demo", {"train": 2, "test": 1})
    new, install, test, train, gallery = commands("A model as a package")[:5]
    run(new)

    assert install == ["pip", "install", "-e", "pixlate-mine[test]"]
    package = tmp_path / "pixlate-mine"
    installed_plugin("", module="nothing", value="pixlate_mine")
    monkeypatch.syspath_prepend(package)
    monkeypatch.setenv("PYTHONPATH", str(package), prepend=os.pathsep)

    strict = [sys.executable, "-m", *test, "-q", "-W", "error"]
    ended = subprocess.run(strict, cwd=tmp_path, text=True, capture_output=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 passed" in ended.stdout

    capsys.readouterr()
    run([*train[:4], "--help"])
    shown = capsys.readouterr().out
    assert "Model mine (pixlate-mine 1.0):\n  --lambda_pixel X" in shown
    assert re.search(r"--netG NAME +generator +\[default: mine_small\]", shown)
    run(train, *SMALL.split())
    run(gallery)
    assert (tmp_path / "results" / "demo_mine" / "test_latest" / "index.html").is_file()


@pytest.mark.slow
def test_the_commands_in_a_fresh_environment(tmp_path: Path) -> None:
    """All of the section's commands as they stand, pip included, in an environment that borrows this one's packages."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    (site,) = (tmp_path / "venv" / "lib").glob("*/site-packages")
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    lines = [f"import site, sys; site.addsitedir({path!r}); sys.path.insert(0, {path!r})" for path in borrowed]
    (site / "borrowed.pth").write_text("\n".join(lines))  # before the new environment's own, older setuptools
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PIXLATE_")}
    write_demo(tmp_path / "datasets" / "demo", {"train": 2, "test": 1})
    more = {
        "pip": ["--quiet", "--no-deps", "--no-build-isolation"],
        "train": SMALL.split(),
    }
    for words in commands("A model as a package"):
        whole = [python, "-m", *words, *more.get(words[0], more.get(words[1], []))]
        ended = subprocess.run(whole, cwd=tmp_path, env=environ, text=True, capture_output=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(list((tmp_path / "wheels").glob("pixlate_mine-0.1.0-*.whl"))) == 1


def test_the_commands_of_the_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed_plugin: Install, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "examples" / "one-file" / "sketches.py", tmp_path)
    for phase in ("train", "test"):
        write_images(tmp_path / "photos" / phase, "single", size=40, count=2)
    train, test = commands("A plugin in one file")
    small = [
        *SMALL.split(),
        "--netG",
        "resnet_6blocks",
        "--n_epochs",
        "1",
        "--n_epochs_decay",
        "0",
        "--line_radius",
        "1",
    ]
    run(train, *small)
    output = capsys.readouterr()
    assert "smallest mean absolute error: 0." in output.out
    folder = tmp_path / "checkpoints" / "photos_pix2pix"
    assert re.fullmatch(r"2 0\.\d{4}\n", (folder / "sketch_error.txt").read_text())
    run(test)
    assert (tmp_path / "results" / "photos_pix2pix" / "test_latest" / "images" / "0_real_A.png").is_file()
    assert output.err == capsys.readouterr().err == ""


def test_the_data_set_of_the_one_file(tmp_path: Path, installed_plugin: Install) -> None:
    get_plugins().load_file(ROOT / "examples" / "one-file" / "sketches.py")
    write_images(tmp_path / "train", "single", size=40, count=3)
    check_dataset("sketches", tmp_path, plugins=get_plugins(), line_radius=2)
    grey = pixlate.create_dataset("sketches", dataroot=str(tmp_path), input_nc=1, load_size=32, crop_size=32)[0]
    assert grey["A"].shape == (1, 32, 32)
    assert set(grey["A"].unique().tolist()) == {-1.0, 1.0}
    assert grey["B"].shape == (3, 32, 32)


def test_the_commands_that_list(capsys: Output) -> None:
    for words in commands("How plugins are loaded"):
        run(words)
        assert "pix2pix" in capsys.readouterr().out or words[1] == "networks"


# --- contracts -------------------------------------------------------------------------------------------------


def table(section: str) -> list[str]:
    """The names in the first column of a section's tables: `a(b)`, `c`."""
    (text,) = re.findall(rf"(?ms)^### {section}$(.*?)(?=^##)", PAGE)
    cells = re.findall(r"(?m)^\| (`[^|]*) \|", text)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def assert_methods(cls: type, instance: object, names: list[str]) -> None:
    """Each documented name exists, and each documented signature is the method's."""
    for name in names:
        plain, _, arguments = name.partition("(")
        assert hasattr(instance, plain), name
        if arguments:
            parameters = list(inspect.signature(getattr(cls, plain)).parameters.values())[1:]
            documented = [part.split("=")[0].lstrip("*") for part in arguments.rstrip(")").split(", ") if part]
            if plain != "__init__":
                assert documented == [parameter.name for parameter in parameters[: len(documented)]], name
                omitted = parameters[len(documented) :]
                assert all(parameter.default is not parameter.empty for parameter in omitted), name


def test_the_contract_of_models() -> None:
    names = table("Models")
    assert_methods(BaseModel, pixlate.create_model("pix2pix", netG="resnet_6blocks", ngf=2, ndf=2), names)
    assert BaseModel.__abstractmethods__ <= {name.partition("(")[0] for name in names}


def test_the_contract_of_data_sets(tmp_path: Path) -> None:
    names = table("Data sets")
    write_images(tmp_path, "single")
    assert_methods(BaseDataset, pixlate.create_dataset("single", dataroot=str(tmp_path)), names)
    assert BaseDataset.__abstractmethods__ <= {name.partition("(")[0] for name in names}


def test_the_contract_of_runs(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert_methods(type(run), run, table("Run"))
    assert table("Progress") == [field.name for field in dataclasses.fields(Progress)]
    assert table("Sample") == [field.name for field in dataclasses.fields(Sample)]


def test_the_contract_of_losses_and_policies() -> None:
    losses = {"real_loss", "fake_loss", "generator_loss", "real", "fake", "generator"}
    for cls, names in ((GANLoss, losses), (Policy, {"factor", "epoch_ended", "state_dict", "load_state_dict"})):
        assert cls.__abstractmethods__ <= names
        assert all(hasattr(cls, name) and f"`{name}(" in PAGE for name in names)
    schedule = Schedule(1, 1)
    assert all(hasattr(schedule, name) for name in ("n_epochs", "n_epochs_decay", "lr_decay_iters", "total"))


def test_every_option_of_every_component_has_help() -> None:
    plugins = get_plugins()
    components = [component for kind in ("model", "dataset", "viewer") for component in plugins.registry(kind)]
    owners = [component.config for component in components if component.config]
    assert owners
    assert [option.name for owner in owners for option in options_of(owner) if not option.help] == []


def test_the_names_that_are_stable_exist() -> None:
    import pixlate.data
    import pixlate.models
    import pixlate.plugins

    for package in (pixlate, pixlate.data, pixlate.models, pixlate.plugins):
        for name in package.__all__:
            assert getattr(package, name) is not None
        with pytest.raises(AttributeError):
            _ = package.nothing_of_that_name
