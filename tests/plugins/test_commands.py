"""`pixlate plugins`, the lists of components, and `pixlate new-plugin`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pixlate import get_plugins
from pixlate.__main__ import main
from pixlate.errors import OptionError
from pixlate.plugins.commands.scaffold import package_files, write_package
from pixlate.plugins.registry import KINDS
from pixlate.plugins.testing import check_model

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
        write_package(get_plugins(), name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_names_that_are_taken(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="a model is named 'cycle_gan' already"):
        write_package(get_plugins(), "cycle-gan", tmp_path)


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
    plugin = package_files(get_plugins(), "my-model")["pixlate_my_model.py"]
    ours = [line for line in plugin.splitlines() if line.startswith(("import", "from"))]
    assert ours == [
        "from dataclasses import dataclass",
        "from pixlate.plugins import FiniteFloat, Register, hookimpl, option",
    ]


def test_a_new_plugin_of_two_words_keeps_its_contract(tmp_path: Path, installed_plugin: Install) -> None:
    """docs/plugins.md has the tests of one that are written with it."""
    files = package_files(get_plugins(), "pixlate-my-model")
    site = installed_plugin(files["pixlate_my_model.py"], entry="my_model", distribution="pixlate-my-model")
    (site / "pixlate_my_model_model.py").write_text(files["pixlate_my_model_model.py"])
    assert 'name = "pixlate-my-model"' in files["pyproject.toml"]
    assert 'my_model = "pixlate_my_model"' in files["pyproject.toml"]
    assert "class MyModelModel(BaseModel[MyModelConfig])" in files["pixlate_my_model_model.py"]
    check_model("my_model")
