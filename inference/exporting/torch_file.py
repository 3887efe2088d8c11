"""Writes the graph of a generator as a file of torch.export.

pixlate does not load such files: `torch.export.load` reads tensors with pickle where they are marked so, evaluates
expressions of sizes with sympy, and loads compiled libraries, each of which can execute code of the file's author.
"""

import io
import json
from collections.abc import Mapping

import torch
from torch.export import ExportedProgram

from .program import quiet

#: The file inside of the archive that holds the facts, as JSON.
FACTS = "facts.json"


def program_file(program: ExportedProgram, texts: Mapping[str, str]) -> bytes:
    """The content of a file, with texts by name in it."""
    buffer = io.BytesIO()
    with quiet():
        torch.export.save(program, buffer, extra_files={FACTS: json.dumps(dict(texts), indent=2)})
    return buffer.getvalue()


def read_program(content: bytes) -> ExportedProgram:
    """The graph in a file that this process has written."""
    with quiet():
        return torch.export.load(io.BytesIO(content))
