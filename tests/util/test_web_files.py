"""The scripts of pages: they are read without an error, and make no HTML of texts."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from paths import ROOT

from pixlate.util.web import script, web_file

FILES = sorted(path.name for path in (ROOT / "util" / "web_files").glob("*.js"))


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
@pytest.mark.parametrize("name", FILES)
def test_a_script_is_valid(tmp_path: Path, name: str) -> None:
    (tmp_path / "script.js").write_text(script(name), encoding="utf-8")
    checked = subprocess.run(["node", "--check", tmp_path / "script.js"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("name", FILES)
def test_no_script_makes_html_of_texts(name: str) -> None:
    """Texts come from the names of files: they become elements as text alone."""
    assert not re.search(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval)\b", web_file(name))


@pytest.mark.parametrize("path", sorted((ROOT / "util" / "web_files").glob("*.*s*")), ids=lambda path: path.name)
def test_a_file_ends_no_element_of_the_page_and_loads_nothing(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "</script" not in text.lower()
    assert "</style" not in text.lower()
    assert "@import" not in text
    assert not re.search(r"url\(|https?://(?!www\.w3\.org/)", text)  # that of namespaces is a name
