"""The way in which a user started this process, for hints that name another command of pixlate."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import PurePath

SCRIPTS = ("train", "test")  # train.py and test.py, the commands with a script of their own


def program(command: str) -> str:
    """How the user types another command of pixlate: "pixlate test", "python test.py", "uv run test.py".

    - command: train, test, or another one of the group, as "download facades".
    """
    module = getattr(sys.modules.get("__main__"), "__spec__", None)
    python = sys.orig_argv[0] if sys.orig_argv else "python"
    return spelled(command, sys.argv[0], python=python, module=module.name if module else "", environ=os.environ)


def spelled(command: str, script: str, *, python: str, module: str, environ: Mapping[str, str]) -> str:
    """The text of `program`.

    - script: `sys.argv[0]`; python: the interpreter as the user named it; module: that of `python -m`, else empty.
    """
    uv = "uv run " if "UV_RUN_RECURSION_DEPTH" in environ else ""  # set by `uv run`, not by `uvx`
    python = f"{uv}python" if uv else shlex.quote(python)
    file = PurePath(script)
    if module.startswith("pixlate.") and module.removeprefix("pixlate.") in SCRIPTS and command in SCRIPTS:
        return f"{python} -m pixlate.{command}"
    if module.startswith("pixlate."):
        return f"{python} -m pixlate {command}"
    if not module and file.name in (f"{name}.py" for name in SCRIPTS):
        if command not in SCRIPTS:  # the scripts run without an installation, which has the command pixlate
            return f"{python} -m pixlate {command}"
        path = shlex.quote(str(file.with_name(f"{command}.py")))
        return f"{uv}{path}" if uv else f"{python} {path}"
    return f"{uv}pixlate {command}"
