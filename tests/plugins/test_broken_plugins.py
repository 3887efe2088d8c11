"""Whatever is wrong with a plugin, it is skipped with one line that names it, and everything else goes on."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from paths import ROOT

from pixlate import get_plugins
from pixlate.errors import OptionError
from pixlate.plugins import discovery
from pixlate.plugins.testing import install_plugin
from pixlate.train import main

Install = Callable[..., Path]
Said = pytest.CaptureFixture[str]

HEAD = """
from dataclasses import dataclass
import click
from pixlate.plugins import hookimpl, option

"""
MODELS = HEAD + "@hookimpl\ndef register_models(register):\n    "
CONFIG = "@hookimpl\ndef register_models(register):\n    register('mine', 'm:M', config=Config)\n"
OPTIONS = HEAD + "@hookimpl\ndef command_options(command):\n    return "

#: What is wrong, the plugin's source, and what its line says.
SOURCES = {
    # the import fails
    "missing import": (
        "import nothing_here",
        "ModuleNotFoundError: No module named 'nothing_here' (pixlate_bad.py, line 1)",
    ),
    "syntax": ("def f(:\n    pass", "SyntaxError: invalid syntax"),
    "raises": ("raise RuntimeError('first line\\nsecond\\x1b[31m line')", "RuntimeError: first line second?[31m line"),
    "raises in its functions": (
        "def inner():\n    raise KeyError(1)\n\n\ndef outer():\n    inner()\n\n\nouter()",
        "KeyError: 1 (pixlate_bad.py, line 2)",
    ),
    "exits": ("import sys\nsys.exit('good bye')", "SystemExit: good bye (pixlate_bad.py, line 2)"),
    "raises what is no Exception": ("class Odd(BaseException): pass\nraise Odd", "Odd (pixlate_bad.py, line 2)"),
    "error without words": (
        "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute",
        "Mute (pixlate_bad.py, line 3)",
    ),
    "looks up components at import": (
        "from pixlate import get_plugins\nget_plugins()",
        "looks up components while it is imported",
    ),
    # its hooks are none
    "no hook": ("x = 1", "it implements no hook of pixlate"),
    "unmarked hook": ("def register_models(register): pass", "its register_models is not marked with @hookimpl"),
    "unknown hook": (
        HEAD + "@hookimpl\ndef register_modells(register): pass",
        "register_modells, which is no hook of pixlate. Did you mean 'register_models'?",
    ),
    "unknown argument": (HEAD + "@hookimpl\ndef run_started(run, speed): pass", "'speed'"),
    "generator": (HEAD + "@hookimpl\ndef run_started(run):\n    yield", "must be a plain function"),
    "coroutine": (HEAD + "@hookimpl\nasync def run_started(run): pass", "must be a plain function"),
    "wrapper": (HEAD + "@hookimpl(wrapper=True)\ndef run_started(run):\n    return (yield)", "plain function"),
    # what it registers is nothing
    "raises in a hook": (MODELS + "{}['mine']", "KeyError: 'mine' (pixlate_bad.py, line 8)"),
    "exits in a hook": (MODELS + "raise SystemExit(0)", "SystemExit: 0"),
    "name": (MODELS + "register('my model', 'm:M')", "'my model' is not a valid name for a model"),
    "no name": (MODELS + "register(None, 'm:M')", "None is not a valid name for a model"),
    "target": (MODELS + "register('mine', 'm.M')", "target must be a class or 'module:Name', not 'm.M'"),
    "unknown keyword": (MODELS + "register('mine', 'm:M', option=3)", "unexpected keyword argument 'option'"),
    "config": (MODELS + "register('mine', 'm:M', config=dict)", "config must be a dataclass"),
    "thawed config": (HEAD + "@dataclass\nclass Config:\n    x: int = option(1, 'x')\n" + CONFIG, "must be frozen"),
    "no help": (HEAD + "@dataclass(frozen=True)\nclass Config:\n    x: int = 1\n" + CONFIG, "option(default, 'help')"),
    "shared option": (
        HEAD + "@dataclass(frozen=True)\nclass Config:\n    ngf: int = option(1, 'width')\n" + CONFIG,
        "declares --ngf, which is an option of every run",
    ),
    "unknown type": (
        HEAD + "@dataclass(frozen=True)\nclass Config:\n    x: 'Sise' = option(1, 'x')\n" + CONFIG,
        "NameError: name 'Sise' is not defined",
    ),
    "unknown keyword of an option": (
        HEAD + "@dataclass(frozen=True)\nclass Config:\n    x: int = option(1, 'x', colour=3)\n" + CONFIG,
        "unexpected keyword argument 'colour'",
    ),
    "defaults": (
        MODELS + "register('mine', 'm:M', defaults={'nfg': 3})",
        "there is no option 'nfg' for its defaults. Did you mean",
    ),
    "defaults of a norm": (
        HEAD + "@hookimpl\ndef register_norms(register): register('n', 'm:N', defaults={'ngf': 3})",
        "only models and data sets have defaults",
    ),
    "role": (
        HEAD + "@hookimpl\ndef register_networks(register): register('n', 'm:N', role='genrator')",
        "needs role='generator' or role='discriminator', not 'genrator'",
    ),
    "no role": (HEAD + "@hookimpl\ndef register_networks(register): register('n', 'm:N')", "needs role="),
    "taken name": (
        MODELS + "register('fresh', 'm:M'); register('pix2pix', 'm:M')",
        "model 'pix2pix' of plugin bad of pixlate-bad 0.3 is already registered by plugin pixlate.models of pixlate",
    ),
    "taken name, spelt otherwise": (MODELS + "register('cycle-gan', 'm:M')", "is already registered by"),
    "twice the same": (
        MODELS + "register('twin', 'm:M'); register('twin', 'm:M')",
        "is already registered by plugin bad",
    ),
    # its options are none
    "raises for options": (OPTIONS + "1 / 0", "ZeroDivisionError: division by zero (pixlate_bad.py, line 8)"),
    "exits for options": (OPTIONS + "exit()", "SystemExit"),
    "returns no options": (OPTIONS + "['--mine']", "returned '--mine', which is no click.Option"),
    "option without help": (OPTIONS + "[click.Option(['--mine'])]", "its option --mine has no help"),
    "taken option": (OPTIONS + "[click.Option(['--lr'], help='rate')]", "it declares --lr, which is an option already"),
    "taken switch": (OPTIONS + "[click.Option(['--no-dropout'], help='x')]", "it declares --no-dropout, which is an"),
    "twice the same option": (
        OPTIONS + "[click.Option(['--mine'], help='x'), click.Option(['--mine'], help='y')]",
        "it declares --mine, which is an option already",
    ),
}

GOOD = HEAD + "@hookimpl\ndef register_norms(register):\n    register('good', 'm:N')\n"


def help_of(model: str, capsys: Said) -> tuple[str, list[str]]:
    """What `train.py --model … --help` says, and its lines on stderr."""
    with pytest.raises(SystemExit) as exit_info:
        main(["--model", model, "--help"])
    assert exit_info.value.code == 0
    output = capsys.readouterr()
    return output.out, output.err.splitlines()


def line_about(capsys: Said, *, entry: str = "bad", distribution: str = "pixlate-bad", version: str = "0.3") -> str:
    """The one line on stderr: the cause, after the plugin's name, distribution and version."""
    help_text, lines = help_of("pix2pix", capsys)
    assert "--lambda_L1" in help_text
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"warning: plugin {entry} of {distribution} {version} is skipped: ")
    return lines[0].partition("is skipped: ")[2]


@pytest.mark.parametrize("fault", SOURCES)
def test_a_broken_plugin_is_one_line(fault: str, installed_plugin: Install, capsys: Said) -> None:
    source, cause = SOURCES[fault]
    installed_plugin(source, entry="bad", version="0.3")
    assert cause in line_about(capsys)
    (info,) = [info for info in get_plugins().infos if info.name == "bad"]
    assert (info.status, info.registered, info.hooks) == ("broken", [], [])
    assert not {"mine", "fresh", "twin"} & set(get_plugins().registry("model").names())


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("pixlate_elsewhere", "ModuleNotFoundError: No module named 'pixlate_elsewhere'"),
        ("pixlate_bad:plugin", "AttributeError: module 'pixlate_bad' has no attribute 'plugin'"),
        ("pixlate_bad:option", "its entry point 'pixlate_bad:option' must name a module"),
        ("pixlate bad", "its entry point 'pixlate bad' names no module"),
    ],
)
def test_entry_points_that_lead_nowhere(value: str, cause: str, installed_plugin: Install, capsys: Said) -> None:
    installed_plugin(GOOD, entry="bad", version="0.3", value=value)
    assert line_about(capsys) == cause


@pytest.mark.parametrize(
    ("requires", "cause"),
    [
        ("pixlate>=99", "it needs pixlate>=99, and this is pixlate "),
        ("pixlate>=0.1.0.1", "it needs pixlate>=0.1.0.1"),
        ("Pixlate[visdom]<0.0.1", "it needs pixlate<0.0.1"),
        ("pixlate (==99)", "it needs pixlate==99"),
        ("pixlate>=99; python_version>='3'", "it needs pixlate>=99"),
        ("pixlate>>1", "InvalidRequirement"),
    ],
)
def test_another_pixlate_is_needed(requires: str, cause: str, installed_plugin: Install, capsys: Said) -> None:
    installed_plugin(GOOD, entry="bad", version="0.3", requires=["numpy", requires])
    assert line_about(capsys).startswith(cause)


@pytest.mark.parametrize(
    "requires",
    [
        "pixlate",
        "pixlate >= 0.1.0.0",
        "pixlate>=0.1a1",
        "pixlate[wandb]",
        "pixlate>=99; extra == 'new'",
        "pixlate>=99; python_version<'3'",
        "pixlate-cut>=99",
        "pixlate_cut>>1",
    ],
)
def test_requirements_that_are_met(requires: str, installed_plugin: Install, capsys: Said) -> None:
    installed_plugin(GOOD, entry="good", requires=[requires])
    assert help_of("pix2pix", capsys)[1] == []
    assert get_plugins().registry("norm").get("good").plugin.status == "loaded"


def test_a_pre_release_of_pixlate_meets_requirements(
    installed_plugin: Install, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setattr(discovery, "__version__", "0.9.0rc1")
    installed_plugin(GOOD, entry="good", requires=["pixlate>=0.1"])
    assert help_of("pix2pix", capsys)[1] == []


def test_other_entry_points_of_a_plugin_s_distribution_are_no_plugins(installed_plugin: Install, capsys: Said) -> None:
    site = installed_plugin(GOOD, entry="good")
    (entry_points,) = site.glob("*.dist-info/entry_points.txt")
    entry_points.write_text(entry_points.read_text() + "\n[console_scripts]\nother = pixlate_good:main\n")
    assert help_of("pix2pix", capsys)[1] == []
    assert [info.name for info in get_plugins().infos if not info.is_builtin] == ["good"]


def test_two_distributions_with_one_plugin_name(installed_plugin: Install, capsys: Said) -> None:
    installed_plugin(GOOD, entry="same", distribution="pixlate-first")
    installed_plugin(GOOD, entry="same", distribution="pixlate-second", module="pixlate_other", version="0.3")
    cause = line_about(capsys, entry="same", distribution="pixlate-second")
    assert cause == "its name is taken by plugin same of pixlate-first 1.0"


def test_two_plugins_with_one_module(installed_plugin: Install, capsys: Said) -> None:
    installed_plugin(GOOD, entry="one", module="pixlate_shared")
    installed_plugin(GOOD, entry="two", module="pixlate_shared", version="0.3")
    cause = line_about(capsys, entry="two", distribution="pixlate-two")
    assert cause == "its module pixlate_shared is already that of plugin one of pixlate-one 1.0"


def test_two_plugins_with_one_component(installed_plugin: Install, capsys: Said) -> None:
    """Plugins are loaded by name, whatever the order of their installation: the first keeps the name."""
    for entry in ("zeta", "alpha"):
        installed_plugin(MODELS + "register('mine', 'm:M')", entry=entry, version="0.3")
    cause = line_about(capsys, entry="zeta", distribution="pixlate-zeta")
    assert "is already registered by plugin alpha of pixlate-alpha 0.3" in cause
    assert get_plugins().registry("model").get("mine").plugin.name == "alpha"


@pytest.mark.parametrize("metadata", ["Metadata-Version: 2.1\n", None])
def test_metadata_without_a_name(metadata: str | None, installed_plugin: Install, capsys: Said) -> None:
    info = installed_plugin("import nothing_here", entry="bad", version="0.3") / "pixlate_bad-0.3.dist-info"
    (info / "METADATA").unlink()
    if metadata:
        (info / "METADATA").write_text(metadata)
    assert "nothing_here" in line_about(capsys, distribution="pixlate_bad")


def test_entry_points_that_cannot_be_read(
    installed_plugin: Install, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    info = installed_plugin(GOOD, entry="bad", version="0.3") / "pixlate_bad-0.3.dist-info"
    (info / "entry_points.txt").write_bytes(b"[pixlate]\nbad = \xff\n")
    monkeypatch.setenv("PIXLATE_PLUGINS", "pixlate-bad")
    assert "entry_points.txt cannot be read" in line_about(capsys, entry="pixlate-bad")


def test_damaged_files_of_other_packages_are_none_of_our_business(installed_plugin: Install, capsys: Said) -> None:
    site = installed_plugin(GOOD, entry="good")
    for number, text in enumerate([b"[console_scripts]\nno equals sign\n", b"\xff\xfe"]):
        info = site / f"other{number}-1.0.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_bytes(text)
    assert help_of("pix2pix", capsys)[1] == []


def test_the_first_of_two_installations_of_one_distribution_counts(
    installed_plugin: Install, tmp_path: Path, capsys: Said
) -> None:
    installed_plugin(GOOD, entry="good", version="2.0")
    sys.path.append(str(install_plugin(tmp_path / "later", GOOD, entry="good", version="1.0")))
    try:
        assert help_of("pix2pix", capsys)[1] == []
        assert [info.version for info in get_plugins().infos if info.name == "good"] == ["2.0"]
    finally:
        sys.path.pop()


def test_a_plugin_file_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    (tmp_path / "broken.py").write_text("import nothing_here")
    with pytest.raises(SystemExit) as exit_info:
        main(["--plugin", str(tmp_path / "broken.py"), "--help"])
    assert exit_info.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"Error: --plugin {tmp_path / 'broken.py'} cannot be loaded: ModuleNotFoundError")


@pytest.mark.parametrize("name", ["plugin.c", "plugin", "plugin.pyc", "plugin.txt", "folder.py"])
def test_only_python_files_are_plugin_files(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    if not (tmp_path / name).exists():
        (tmp_path / name).write_text("raise AssertionError")
    info = get_plugins().load_file(tmp_path / name, quiet=True)
    assert (info.status, info.reason) == ("broken", "it is not a Python file")


def test_files_of_the_plugin_path_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed_plugin: Install, capsys: Said
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "broken.py").write_text("import nothing_here")
    (tmp_path / "files" / "_helper.py").write_text("raise AssertionError")
    monkeypatch.delenv("PIXLATE_PLUGINS")
    monkeypatch.setenv("PIXLATE_PLUGIN_PATH", os.pathsep.join([str(tmp_path / "files"), str(tmp_path / "gone.py")]))
    help_text, lines = help_of("pix2pix", capsys)
    assert "--lambda_L1" in help_text
    assert [line.partition(" is skipped: ")[0] for line in lines] == [
        f"warning: plugin broken in {tmp_path / 'files' / 'broken.py'}",
        f"warning: plugin gone in {tmp_path / 'gone.py'}",
    ]
    assert "there is no such file" in lines[1]


# --- what is lines later ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["--model", "mine"], ["--model", "pix2pix", "--netG", "mine"], ["--mine", "3"], ["--config", "{config}"]]
)
def test_unknown_names_are_followed_by_what_is_broken(
    words: list[str], installed_plugin: Install, tmp_path: Path, capsys: Said
) -> None:
    installed_plugin("import nothing_here", entry="bad", version="0.3")
    (tmp_path / "c.toml").write_text("mine = 3\n")
    get_plugins()
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_info:
        main([word.format(config=tmp_path / "c.toml") for word in words])
    assert exit_info.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert "mine" in " ".join(lines[:-1])
    assert lines[-1].startswith("warning: plugin bad of pixlate-bad 0.3 is skipped: ModuleNotFoundError")


def test_a_component_that_cannot_be_imported_names_its_plugin(installed_plugin: Install) -> None:
    installed_plugin(MODELS + "register('mine', 'pixlate_bad_model:Mine')", entry="bad", version="0.3")
    with pytest.raises(
        OptionError, match=r"model 'mine' of plugin bad of pixlate-bad 0.3 cannot be loaded from .*No mod"
    ):
        get_plugins().registry("model").get("mine").load()


def test_strict_raises(
    installed_plugin: Install, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    installed_plugin("import nothing_here", entry="bad", version="0.3")
    monkeypatch.setenv("PIXLATE_PLUGINS_STRICT", "1")
    with pytest.raises(ModuleNotFoundError):
        get_plugins()
    assert "plugin bad of pixlate-bad 0.3" in caplog.text


def test_a_plugin_that_fails_after_it_was_loaded_leaves_nothing_behind(installed_plugin: Install, capsys: Said) -> None:
    """Its components are registered by then: they go, and with them the name that another plugin may need."""
    hooks = "@hookimpl\ndef register_norms(register):\n    register('mine', 'm:N')\n"
    installed_plugin(HEAD + hooks + OPTIONS.removeprefix(HEAD) + "1 / 0", entry="bad", version="0.3")
    assert "mine" in get_plugins().registry("norm")
    assert line_about(capsys).startswith("ZeroDivisionError")
    assert "mine" not in get_plugins().registry("norm")
    assert not [info for info, _ in get_plugins().implementations("command_options") if info.name == "bad"]
    (info,) = [info for info in get_plugins().infos if info.name == "bad"]
    assert (info.status, info.registered, info.hooks) == ("broken", [], [])


def test_a_training_goes_on_beside_ten_broken_plugins(
    installed_plugin: Install, tiny_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    chosen = [fault for fault in SOURCES if SOURCES[fault][0]][:10]
    for number, fault in enumerate(chosen):
        installed_plugin(SOURCES[fault][0], entry=f"bad{number}", version="0.3")
    words = f"--model pix2pix --dataroot {tiny_dataset('aligned', count=2)} --netG resnet_6blocks --ngf 4 --ndf 4"
    more = "--n_epochs 1 --n_epochs_decay 0 --load_size 64 --crop_size 64 --num_threads 0 --display_id 0 --name trial"
    process = subprocess.run(
        [sys.executable, ROOT / "train.py", *words.split(), *more.split()], cwd=tmp_path, text=True, capture_output=True
    )
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "checkpoints" / "trial" / "latest_net_G.pth").is_file()
    lines = process.stderr.splitlines()
    assert [line.partition(" is skipped")[0] for line in lines] == [
        f"warning: plugin bad{number} of pixlate-bad{number} 0.3" for number in range(10)
    ]
