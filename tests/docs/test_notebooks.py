"""The notebooks of the documentation: they hold no outputs, and run from beginning to end on the demo data."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
MINUTES = 15  # of one notebook, on a busy machine


def sources(notebook: Path) -> list[str]:
    """The source of each cell."""
    return ["".join(cell["source"]) for cell in json.loads(notebook.read_text("utf-8"))["cells"]]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(notebook: Path) -> None:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)
    assert len(cells) <= 20


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_command_of_a_notebook_is_valid(notebook: Path) -> None:
    from pixlate import get_plugins
    from pixlate.options.command.resolve import resolve

    (command,) = [source for source in sources(notebook) if source.startswith("!pixlate train")]
    words = command.replace("\\\n", " ").split()[2:]
    assert resolve("train", words, get_plugins()).values["name"] in ("houses", "day2night")


@pytest.mark.notebook
@pytest.mark.timeout(60 * MINUTES)
@pytest.mark.filterwarnings("ignore")  # those of the kernel's libraries
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    content = nbformat.read(notebook, 4)
    place = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(content, timeout=60 * MINUTES, kernel_name="python3", resources=place).execute()
    cells = [cell for cell in content.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    (training,) = [cell for cell in cells if cell.source.startswith("!")]
    _check_lines("".join(output.text for output in training.outputs))
    shown = [output.data for output in outputs if "data" in output]
    assert sum("<svg" in data.get("text/html", "") for data in shown) == 1  # the run
    assert any("data:image/webp" in data.get("text/html", "") for data in shown)
    assert sum("image/png" in data for data in shown) >= 2
    assert len(json.dumps(content)) < 2_000_000


def _check_lines(text: str) -> None:
    """Plain lines, although the command of a cell runs on a pseudo-terminal: nothing is drawn again."""
    lines: Any = text.replace("\r\n", "\n")
    assert not [character for character in lines if ord(character) < 32 and character not in "\n\t"]
    assert "End of epoch" in lines
    assert "Traceback" not in lines
