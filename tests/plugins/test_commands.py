"""`pixlate plugins`, the lists of components, and `pixlate new-plugin`."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from paths import ROOT

from pixlate import get_plugins
from pixlate.__main__ import main
from pixlate.errors import OptionError
from pixlate.plugins.commands.scaffold import COMMON, TEMPLATES, package_files, template_files, write_package
from pixlate.plugins.commands.scaffold import KINDS as EXAMPLES
from pixlate.plugins.registry import KINDS
from pixlate.plugins.testing import check_model

Install = Callable[..., Path]
Output = pytest.CaptureFixture[str]

GOOD = """
    from pixlate.plugins import hookimpl

    @hookimpl
    def register_norms(register):
        register("frn", "nowhere:Norm", help="filter response normalisation")

    @hookimpl
    def run_started(run):
        pass
"""
BROKEN = "import nothing_of_that_name"


def pixlate(*args: str) -> int:
    with pytest.raises(SystemExit) as exited:
        main(list(args))
    return int(exited.value.code or 0)


def test_plugins_are_listed_with_what_they_do(installed_plugin: Install, capsys: Output) -> None:
    installed_plugin(GOOD, entry="good", version="1.2")
    installed_plugin(BROKEN, entry="broken", distribution="pixlate-bad", version="0.3")
    assert pixlate("plugins") == 0
    output = capsys.readouterr()
    lines = {line.split()[0]: line for line in output.out.splitlines()}
    assert lines["good"].split(None, 4)[1:] == ["pixlate-good", "1.2", "loaded", "norm frn; hooks run_started"]
    assert "pixlate-bad 0.3" in lines["broken"]
    assert "nothing_of_that_name" in lines["broken"]
    assert "model cycle_gan, pix2pix, colorization, distillation, test" in lines["pixlate.models"]
    assert output.err.count("\n") == 1


def test_plugins_are_listed_for_programs(
    installed_plugin: Install, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed_plugin(GOOD, entry="good")
    installed_plugin(GOOD, entry="idle")
    installed_plugin(BROKEN, entry="broken")
    monkeypatch.setenv("PIXLATE_PLUGINS", "good,broken")
    assert pixlate("plugins", "--json") == 0
    listed = {plugin["name"]: plugin for plugin in json.loads(capsys.readouterr().out)}
    assert listed["good"] == {
        "name": "good",
        "distribution": "pixlate-good",
        "version": "1.0",
        "file": "",
        "status": "loaded",
        "reason": "",
        "components": [{"kind": "norm", "name": "frn"}],
        "hooks": ["register_norms", "run_started"],
    }
    assert listed["idle"]["status"] == "disabled"
    assert listed["broken"]["status"] == "broken"
    assert "nothing_of_that_name" in listed["broken"]["reason"]


@pytest.mark.parametrize("kind", KINDS)
def test_components_are_listed_a_line_each(kind: str, capsys: Output) -> None:
    assert pixlate(KINDS[kind].removeprefix("register_").replace("_", "-")) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    registry = get_plugins().registry(kind)
    assert sorted(line.split()[0] for line in lines) == registry.names()
    for line in lines:
        component = registry.get(line.split()[0])
        assert component.help in line
        assert component.plugin.name in line


def test_a_plugin_file_can_be_looked_at(tmp_path: Path, capsys: Output, installed_plugin: Install) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from pixlate.plugins import hookimpl\n\n@hookimpl\ndef register_norms(register):\n    register('frn', print)\n"
    )
    assert pixlate("norms", "--plugin", str(file)) == 0
    assert str(file) in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("frn"))
    assert pixlate("norms", "--plugin", str(tmp_path / "other.py")) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_a_command_of_a_plugin(installed_plugin: Install, capsys: Output) -> None:
    installed_plugin("""
        import click
        from pixlate.plugins import hookimpl

        @hookimpl
        def register_commands(cli):
            @cli.command()
            def greet():
                click.echo("good day")
    """)
    assert pixlate("greet") == 0
    assert capsys.readouterr().out == "good day\n"


def test_no_plugin_takes_a_command_that_exists(installed_plugin: Install, capsys: Output) -> None:
    installed_plugin(
        """
        import click
        from pixlate.plugins import hookimpl

        @hookimpl
        def register_commands(cli):
            cli.add_command(click.Command("train"))
        """,
        entry="greedy",
    )
    assert pixlate("train", "--help") == 0
    output = capsys.readouterr()
    assert "--n_epochs" in output.out
    assert output.err.count("\n") == 1
    assert "plugin greedy" in output.err
    assert "'train' exists already" in output.err


# --- new-plugin ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Mine", "1st", "a b", "../x", "x/y", "a--b", "a" * 41, "pixlate-", "-x", "émail"])
def test_invalid_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="not a valid name for a plugin"):
        write_package(get_plugins(), name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_names_that_are_taken_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="there is a model named 'cycle_gan' already"):
        write_package(get_plugins(), "cycle-gan", tmp_path)


def test_nothing_is_overwritten(tmp_path: Path, capsys: Output) -> None:
    assert pixlate("new-plugin", "mine", "--folder", str(tmp_path / "new")) == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(before) == 9
    assert pixlate("new-plugin", "pixlate-mine", "--folder", str(tmp_path / "new")) == 2
    assert "exists already and is not overwritten" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "file").write_text("")
    assert pixlate("new-plugin", "mine", "--folder", str(tmp_path / "file")) != 0
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_file_of_the_template_is_written_under_the_new_name(kind: str) -> None:
    files = package_files(get_plugins(), "mine", kind)
    assert set(files) == {
        ".github/workflows/test.yml",
        "LICENSE",
        "README.md",
        "pixlate_mine/__init__.py",
        f"pixlate_mine/{kind}.py",
        "pixlate_mine/py.typed",
        "pyproject.toml",
        "tests/conftest.py",
        "tests/test_mine.py",
    }
    assert not [path for path, text in files.items() if "example" in text.lower()]


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_tests_of_a_new_package_pass(kind: str, installed_plugin: Install, tmp_path: Path) -> None:
    """As its author runs them, with warnings as errors."""
    package = write_package(get_plugins(), "mine", tmp_path, kind)
    installed_plugin("", module="nothing", value="pixlate_mine")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(package), os.environ["PYTHONPATH"]])}
    strict = [sys.executable, "-m", "pytest", str(package), "-q", "-W", "error", "-p", "no:cacheprovider"]
    ended = subprocess.run(strict, cwd=package, env=environment, text=True, capture_output=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_file_of_the_template_is_packaged() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    patterns = settings["package-data"]["pixlate.plugins.commands"]
    folder = ROOT / settings["package-dir"]["pixlate.plugins.commands"]
    packaged = {path for pattern in patterns for path in folder.glob(pattern)}
    for kind in (COMMON, *EXAMPLES):
        files = {name.removeprefix(".") for name in template_files(kind)}
        assert packaged >= {TEMPLATES / kind / name for name in files}


def test_a_name_may_contain_the_placeholder() -> None:
    files = package_files(get_plugins(), "my-example")
    assert 'name = "pixlate-my-example"' in files["pyproject.toml"]
    assert 'my_example = "pixlate_my_example"' in files["pyproject.toml"]
    assert "class MyExampleModel(BaseModel[MyExampleConfig])" in files["pixlate_my_example/model.py"]


def test_what_tools_leave_in_the_template_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixlate.plugins.commands.scaffold.TEMPLATES", tmp_path)
    for name in ("a.py", ".pytest_cache/README.md", "__pycache__/a.pyc"):
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_text("")
    assert list(template_files("model")) == ["a.py"]


def test_the_plugin_module_needs_no_torch() -> None:
    plugin = package_files(get_plugins(), "my-model")["pixlate_my_model/__init__.py"]
    ours = [line for line in plugin.splitlines() if line.startswith(("import", "from"))]
    assert ours == [
        "from dataclasses import dataclass",
        "from pixlate.plugins import FiniteFloat, Register, hookimpl, option",
    ]


def test_a_new_plugin_of_two_words_keeps_its_contract(tmp_path: Path, installed_plugin: Install) -> None:
    """docs/plugins.md has the tests of one that are written with it."""
    files = package_files(get_plugins(), "pixlate-my-model")
    site = installed_plugin(
        "", entry="my_model", distribution="pixlate-my-model", module="nothing", value="pixlate_my_model"
    )
    (site / "pixlate_my_model").mkdir()
    for module in ("__init__", "model"):
        (site / "pixlate_my_model" / f"{module}.py").write_text(files[f"pixlate_my_model/{module}.py"])
    assert 'name = "pixlate-my-model"' in files["pyproject.toml"]
    assert 'my_model = "pixlate_my_model"' in files["pyproject.toml"]
    assert "class MyModelModel(BaseModel[MyModelConfig])" in files["pixlate_my_model/model.py"]
    check_model("my_model")
