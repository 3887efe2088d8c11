"""`pixlate plugins`, the lists of components, and `pixlate new-plugin`."""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from pixlate.__main__ import main
from pixlate.errors import OptionError
from pixlate.plugins import get_plugins
from pixlate.plugins.registry import KINDS
from pixlate.plugins.scaffold import package_files, write_package

ROOT = Path(__file__).parents[1]
Install = Callable[..., Path]
Said = pytest.CaptureFixture[str]

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


def pixlate(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def test_plugins_are_listed_with_what_they_do(installed_plugin: Install, capsys: Said) -> None:
    installed_plugin(GOOD, entry="good", version="1.2")
    installed_plugin(BROKEN, entry="broken", distribution="pixlate-bad", version="0.3")
    assert pixlate("plugins") == 0
    said = capsys.readouterr()
    lines = {line.split()[0]: line for line in said.out.splitlines()}
    assert lines["good"].split(None, 4)[1:] == ["pixlate-good", "1.2", "loaded", "norm frn; hooks run_started"]
    assert "pixlate-bad 0.3" in lines["broken"]
    assert "nothing_of_that_name" in lines["broken"]
    assert "model cycle_gan, pix2pix, test" in lines["pixlate.models"]
    assert said.err.count("\n") == 1


def test_plugins_are_listed_for_programs(
    installed_plugin: Install, capsys: Said, monkeypatch: pytest.MonkeyPatch
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
def test_components_are_listed_a_line_each(kind: str, capsys: Said) -> None:
    assert pixlate(KINDS[kind].removeprefix("register_").replace("_", "-")) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    registry = get_plugins().registry(kind)
    assert sorted(line.split()[0] for line in lines) == registry.names()
    for line in lines:
        made = registry.get(line.split()[0])
        assert made.help in line
        assert made.plugin.name in line


def test_a_plugin_file_can_be_looked_at(tmp_path: Path, capsys: Said, installed_plugin: Install) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from pixlate.plugins import hookimpl\n\n@hookimpl\ndef register_norms(register):\n    register('frn', print)\n"
    )
    assert pixlate("norms", "--plugin", str(file)) == 0
    assert str(file) in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("frn"))
    assert pixlate("norms", "--plugin", str(tmp_path / "other.py")) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_a_command_of_a_plugin(installed_plugin: Install, capsys: Said) -> None:
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


def test_no_plugin_takes_a_command_that_exists(installed_plugin: Install, capsys: Said) -> None:
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
    said = capsys.readouterr()
    assert "--n_epochs" in said.out
    assert said.err.count("\n") == 1
    assert "plugin greedy" in said.err
    assert "'train' is there already" in said.err


# --- new-plugin ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Mine", "1st", "a b", "../x", "x/y", "a--b", "a" * 41, "pixlate-", "-x", "émail"])
def test_names_that_cannot_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no name for a plugin"):
        write_package(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_names_that_are_taken(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="a model is named 'cycle_gan' already"):
        write_package("cycle-gan", tmp_path)


def test_nothing_is_overwritten(tmp_path: Path, capsys: Said) -> None:
    assert pixlate("new-plugin", "mine", "--folder", str(tmp_path / "new")) == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    assert len(before) == 6
    assert pixlate("new-plugin", "pixlate-mine", "--folder", str(tmp_path / "new")) == 2
    assert "nothing is overwritten" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "file").write_text("")
    assert pixlate("new-plugin", "mine", "--folder", str(tmp_path / "file")) != 0
    assert capsys.readouterr().err.count("\n") == 1


def test_the_plugin_module_needs_no_torch() -> None:
    plugin = package_files("my-model")["pixlate_my_model.py"]
    ours = [line for line in plugin.splitlines() if line.startswith(("import", "from"))]
    assert ours == [
        "from dataclasses import dataclass",
        "from pixlate.plugins import FiniteFloat, Register, hookimpl, option",
    ]


def test_a_new_plugin_passes_its_own_tests(tmp_path: Path, installed_plugin: Install) -> None:
    package = write_package("my-model", tmp_path)
    site = installed_plugin(
        (package / "pixlate_my_model.py").read_text(), entry="my_model", distribution="pixlate-my-model"
    )
    (site / "pixlate_my_model_model.py").write_text((package / "pixlate_my_model_model.py").read_text())
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", package], cwd=tmp_path, text=True, capture_output=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 passed" in ended.stdout


@pytest.mark.slow
def test_a_new_plugin_installs_with_pip(tmp_path: Path) -> None:
    """In an environment of its own, which borrows this one's packages, as the generated README says."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    (site,) = (tmp_path / "venv" / "lib").glob("*/site-packages")
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    lines = [f"import site, sys; site.addsitedir({path!r}); sys.path.insert(0, {path!r})" for path in borrowed]
    (site / "borrowed.pth").write_text("\n".join(lines))  # before the new environment's own, older setuptools
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PIXLATE_")}
    package = write_package("mine", tmp_path)
    for words in (
        ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", package],
        ["-m", "pytest", "-q", package],
    ):
        ended = subprocess.run([python, *words], cwd=tmp_path, env=environ, text=True, capture_output=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
