"""Which plugins are loaded, files among them, in other processes too; and what a run remembers of them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from paths import ROOT

import pixlate
from pixlate import forget_plugins, get_plugins
from pixlate.errors import CheckpointError, OptionError
from pixlate.options.command.resolve import resolve
from pixlate.plugins.testing import check_dataset, check_model, install_plugin
from pixlate.test import main as run_test
from pixlate.train import main as run_train

Install = Callable[..., Path]
Said = pytest.CaptureFixture[str]

NORM = """
    from pixlate.plugins import hookimpl

    @hookimpl
    def register_norms(register):
        register("{name}", "pixlate.models.networks.norms:NoNorm")
"""
MODEL = """
    from pixlate.models.pix2pix import Pix2Pix
    from pixlate.models.configs import Pix2PixConfig
    from pixlate.plugins import hookimpl

    @hookimpl
    def register_models(register):
        register(
            "mine", Pix2Pix, config=Pix2PixConfig, help="a model", defaults={"netG": "resnet_6blocks", "ngf": 2}
        )
"""
DATASET = '''"""A plugin in one file."""
import torch
from pixlate.data import BaseDataset
from pixlate.plugins import hookimpl


class Waves(BaseDataset[None]):
    def __len__(self):
        return 5

    def sample(self, index, rng):
        return {"A": torch.full((3, 8, 8), rng.random()), "A_paths": f"{index}.png"}


@hookimpl
def register_datasets(register):
    register("waves", Waves, help="images of one colour")
'''
SMALL = (
    *("--load_size", "36", "--crop_size", "32", "--ndf", "2", "--num_threads", "0", "--display_id", "0", "--no_html"),
    *("--n_epochs", "1", "--n_epochs_decay", "0", "--name", "trial"),
)


def status() -> dict[str, str]:
    return {info.name: info.status for info in get_plugins().infos if info.distribution != "pixlate"}


def ends(main: Callable[[list[str]], object], *words: str) -> int:
    with pytest.raises(SystemExit) as exit_info:
        main(list(words))
    return int(exit_info.value.code or 0)


# --- which are loaded ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (None, {"one": "loaded", "two": "loaded"}),
        ("", {"one": "disabled", "two": "disabled"}),
        ("two", {"one": "disabled", "two": "loaded"}),
        (" two , one,", {"one": "loaded", "two": "loaded"}),
        ("pixlate-one", {"one": "loaded", "two": "disabled"}),
    ],
)
def test_the_environment_says_which(
    variable: str | None, expected: dict[str, str], installed_plugin: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        installed_plugin(NORM.format(name=name), entry=name)
    monkeypatch.delenv("PIXLATE_PLUGINS")
    if variable is not None:
        monkeypatch.setenv("PIXLATE_PLUGINS", variable)
    assert {name: state for name, state in status().items() if name in expected} == expected
    loaded = {name for name in expected if expected[name] == "loaded"}
    assert loaded == set(expected) & set(get_plugins().registry("norm").names())


def test_a_name_that_is_not_installed(installed_plugin: Install, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    installed_plugin(NORM.format(name="one"), entry="one")
    monkeypatch.setenv("PIXLATE_PLUGINS", "one,onne")
    assert ends(run_train, "--help") == 0
    line = "warning: PIXLATE_PLUGINS names 'onne', which is not installed. Did you mean 'one'?\n"
    assert capsys.readouterr().err == line


def test_built_in_plugins_always_load() -> None:
    assert {"pix2pix", "cycle_gan", "test"} <= set(get_plugins().registry("model").names())
    assert all(component.plugin.distribution == "pixlate" for component in get_plugins().registry("model"))


def test_dashes_and_underscores_are_one(installed_plugin: Install) -> None:
    installed_plugin(NORM.format(name="my-norm"))
    assert get_plugins().registry("norm").get("my_norm").name == "my-norm"
    assert get_plugins().registry("model").get("cycle-gan").name == "cycle_gan"


def test_a_name_of_another_role_is_unknown() -> None:
    with pytest.raises(OptionError, match="no generator is named 'basic'"):
        get_plugins().registry("network").get("basic", role="generator")


# --- files -----------------------------------------------------------------------------------------------------


@pytest.fixture
def plugin_file(tmp_path: Path, installed_plugin: Install) -> Path:
    """A plugin in one file, not loaded yet."""
    (tmp_path / "plugin").mkdir()
    file = tmp_path / "plugin" / "waves.py"
    file.write_text(DATASET)
    return file


def test_a_file_is_loaded_once(plugin_file: Path) -> None:
    first = get_plugins().load_file(plugin_file)
    assert get_plugins().load_file(plugin_file.parent / ".." / "plugin" / "waves.py") is first
    assert first.file == str(plugin_file)
    assert first.registered == [("dataset", "waves")]


def test_a_file_with_the_name_of_an_installed_plugin(plugin_file: Path, installed_plugin: Install) -> None:
    installed_plugin(NORM.format(name="one"), entry="waves")
    assert (
        get_plugins().load_file(plugin_file, quiet=True).reason
        == "its name is taken by plugin waves of pixlate-waves 1.0"
    )
    assert "waves" not in get_plugins().registry("dataset")


@pytest.mark.parametrize("folder", [True, False])
def test_files_of_the_plugin_path(plugin_file: Path, folder: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXLATE_PLUGIN_PATH", str(plugin_file.parent if folder else plugin_file))
    assert status() == {"waves": "disabled"}
    monkeypatch.setenv("PIXLATE_PLUGINS", "waves")
    forget_plugins()
    assert status() == {"waves": "loaded"}


def test_a_file_s_data_set_keeps_its_contract(plugin_file: Path, tmp_path: Path) -> None:
    """In a process started afresh, which cannot import `pixlate_plugin_waves` unless it is told where it is."""
    get_plugins().load_file(plugin_file)
    check_dataset("waves", tmp_path, plugins=get_plugins())


def test_plugins_are_spoken_of_once_however_many_processes_load(plugin_file: Path, tmp_path: Path) -> None:
    """The process that loads images starts afresh here, with a broken plugin installed."""
    site = install_plugin(tmp_path / "broken", "import nothing_here", entry="bad")
    script = f"""
from pixlate import get_plugins
from pixlate.data.loading import BatchLoader
import pixlate

if __name__ == "__main__":
    get_plugins().load_file(__import__("pathlib").Path({str(plugin_file)!r}))
    dataset = pixlate.create_dataset("waves", dataroot={str(tmp_path)!r}, num_threads=1)
    with BatchLoader(dataset, dataset.shared, epochs=1, start_method="spawn") as loader:
        print(len(list(loader.epoch(1))))
"""
    (tmp_path / "script.py").write_text(script)
    environ = {**os.environ, "PYTHONPATH": str(site), "PIXLATE_PLUGINS": "bad"}
    process = subprocess.run([sys.executable, tmp_path / "script.py"], env=environ, text=True, capture_output=True)
    assert process.stdout == "5\n"
    assert process.stderr.count("plugin bad of pixlate-bad 1.0 is skipped") == 1


# --- what a run remembers --------------------------------------------------------------------------------------


@pytest.fixture
def run_of_a_plugin(
    installed_plugin: Install, tiny_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, str]:
    """A training with an installed model: its folder, and the data's."""
    installed_plugin(MODEL, version="1.2")
    monkeypatch.chdir(tmp_path)
    dataroot = str(tiny_dataset("aligned", size=40, count=2))
    assert ends(run_train, "--model", "mine", "--dataset_mode", "aligned", "--dataroot", dataroot, *SMALL) == 0
    return tmp_path / "checkpoints" / "trial", dataroot


def test_the_plugin_of_every_component_is_stored(run_of_a_plugin: tuple[Path, str]) -> None:
    stored = json.loads((run_of_a_plugin[0] / "options.json").read_text())["components"]
    assert stored["model"] == {"name": "mine", "plugin": "mine", "distribution": "pixlate-mine", "version": "1.2"}
    assert stored["netG"]["plugin"] == "pixlate.models"
    assert set(stored) == {
        "model",
        "dataset_mode",
        "netG",
        "netD",
        "norm",
        "init_type",
        "gan_mode",
        "lr_policy",
        "optimizer",
    }


def test_a_missing_plugin_is_named_with_its_distribution(
    run_of_a_plugin: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    """By test, by training on, by training anew under the same name, and by pixlate.load."""
    folder, dataroot = run_of_a_plugin
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(folder.parents[1] / "site0")])
    monkeypatch.setenv("PIXLATE_PLUGINS", "")
    forget_plugins()
    capsys.readouterr()
    sentence = "model 'mine' came from pixlate-mine 1.2, which is not installed: pip install pixlate-mine."
    train = ("--model", "mine", "--dataset_mode", "aligned", "--dataroot", dataroot, *SMALL)
    for command, words in (
        (run_test, ["--name", "trial"]),
        (run_train, [*train, "--continue_train"]),
        (run_train, [*train]),
    ):
        assert ends(command, *words) == 2
        assert capsys.readouterr().err == f"Error: {sentence}\n"
    with pytest.raises(CheckpointError, match="pip install pixlate-mine"):
        pixlate.load(folder)


@pytest.mark.parametrize("faulty", [False, True])
def test_a_plugin_that_is_left_out_or_broken(
    faulty: bool, run_of_a_plugin: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    site = run_of_a_plugin[0].parents[1] / "site0"
    if faulty:
        (site / "pixlate_mine.py").write_text("import nothing_here\n\n")
        sys.modules.pop("pixlate_mine")
    else:
        monkeypatch.setenv("PIXLATE_PLUGINS", "")
    forget_plugins()
    get_plugins()
    capsys.readouterr()
    assert ends(run_test, "--name", "trial") == 2
    lines = capsys.readouterr().err.splitlines()
    start = "Error: model 'mine' came from pixlate-mine 1.2, which "
    if faulty:
        assert lines[0] == f"{start}is installed and cannot be loaded."
        assert "nothing_here" in lines[1]
    else:
        assert lines == [f"{start}PIXLATE_PLUGINS leaves out: add mine to it."]


def test_a_plugin_without_the_component_any_more(run_of_a_plugin: tuple[Path, str], capsys: Said) -> None:
    folder = run_of_a_plugin[0]
    for info in (folder.parents[1] / "site0").glob("*.dist-info"):
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pixlate-mine\nVersion: 2.0\n")
    (folder.parents[1] / "site0" / "pixlate_mine.py").write_text(NORM.format(name="other").replace("\n    ", "\n"))
    sys.modules.pop("pixlate_mine")
    forget_plugins()
    assert ends(run_test, "--name", "trial") == 2
    assert "and 2.0 does not have it: pip install pixlate-mine==1.2" in capsys.readouterr().err


def test_another_version_of_the_plugin_is_mentioned(
    run_of_a_plugin: tuple[Path, str], caplog: pytest.LogCaptureFixture
) -> None:
    for info in (run_of_a_plugin[0].parents[1] / "site0").glob("*.dist-info"):
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pixlate-mine\nVersion: 1.3\n")
    forget_plugins()
    resolve("test", ["--name", "trial"], get_plugins())
    assert caplog.messages == ["the run was trained with pixlate-mine 1.2, and 1.3 is installed"]


def test_a_network_s_plugin_is_named_too(
    installed_plugin: Install,
    tiny_dataset: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Said,
) -> None:
    installed_plugin(NORM.format(name="plain"), entry="plain")
    monkeypatch.chdir(tmp_path)
    dataroot = str(tiny_dataset("aligned", size=40, count=2))
    options = ("--model", "pix2pix", "--netG", "resnet_6blocks", "--ngf", "2", "--norm", "plain")
    options += ("--dataroot", dataroot)
    assert ends(run_train, *options, *SMALL) == 0
    monkeypatch.setenv("PIXLATE_PLUGINS", "")
    forget_plugins()
    assert ends(run_test, "--name", "trial") == 2
    assert "norm 'plain' came from pixlate-plain 1.0, which PIXLATE_PLUGINS leaves out" in capsys.readouterr().err


def test_a_plugin_file_is_remembered_and_never_loaded_by_itself(
    plugin_file: Path, tiny_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    file = tmp_path / "plugin" / "my_model.py"
    file.write_text(MODEL.replace("\n    ", "\n"))
    monkeypatch.chdir(tmp_path)
    dataroot = str(tiny_dataset("aligned", size=40, count=2))
    options = ("--plugin", str(file), "--model", "mine", "--dataset_mode", "aligned", "--dataroot", dataroot, *SMALL)
    assert ends(run_train, *options) == 0
    stored = json.loads((tmp_path / "checkpoints" / "trial" / "options.json").read_text())
    assert stored["components"]["model"]["plugin"] == "my_model"
    assert list(stored["plugin_files"]) == [str(file)]
    assert len(stored["plugin_files"][str(file)]) == 64
    assert "plugin" not in stored["options"]

    forget_plugins()
    capsys.readouterr()
    assert ends(run_test, "--name", "trial") == 2
    assert capsys.readouterr().err == (
        f"Error: model 'mine' came from the plugin file '{file}': add --plugin {file} (its code runs).\n"
    )
    file.write_text(file.read_text() + "# changed\n")
    assert ends(run_test, "--name", "trial", "--plugin", str(file)) == 0
    assert f"warning: the plugin file '{file}' has changed since the run was trained" in capsys.readouterr().err


def test_config_files_name_no_plugins(tmp_path: Path, plugin_file: Path) -> None:
    (tmp_path / "c.toml").write_text(f"plugin = {str(plugin_file)!r}\n")
    with pytest.raises(OptionError, match="which only the command line may"):
        resolve("train", ["--config", str(tmp_path / "c.toml")], get_plugins())
    assert "waves" not in get_plugins().registry("dataset")


def test_help_imports_no_torch() -> None:
    code = "import sys; from pixlate.train import main\ntry: main(['--help'])\nfinally: print('torch' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert process.stdout.splitlines()[-1] == "False"


def test_the_test_kit_imports_no_torch() -> None:
    code = "import sys, pixlate.plugins.testing; print('torch' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert process.stdout == "False\n"


def test_a_plugin_s_model_keeps_its_contract(installed_plugin: Install) -> None:
    installed_plugin(MODEL)
    check_model("mine")
