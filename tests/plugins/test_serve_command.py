"""`pixlate serve` where its libraries are not installed."""

from pathlib import Path

from trainings import run


def test_what_it_needs_is_said(tmp_path: Path) -> None:
    missing = """
from pixlate.util import optional
found = optional.find_spec
optional.find_spec = lambda name: None if name == "fastapi" else found(name)
"""
    served = run("serve", "nothing", before=missing, cwd=tmp_path)
    assert (served.code, served.output) == (2, "Error: pixlate serve needs fastapi: pip install 'pixlate[serve]'.\n")
