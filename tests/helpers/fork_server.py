"""A process that has imported everything and forks a fresh command for every line that it reads.

Each line is JSON: {"args": ["train", …], "before": "source run first", "cwd": …, "out": file} is answered with the
new process's number; {"wait": number, "seconds": …} with its exit status, negative for a signal, null while it runs.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

from pixlate import __main__ as pixlate_command
from pixlate import get_plugins
from pixlate.runs import opening, testing

PRELOADED = (opening, testing)


def run(order: dict[str, Any]) -> None:
    """In the new process: the command, with its output in a file."""
    out = os.open(order["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(order["cwd"])
    os.environ |= order.get("environment", {})
    exec(order.get("before", ""), {})
    sys.argv = ["pixlate", *order["args"]]
    try:
        pixlate_command.main()
    except SystemExit as exit_request:
        leave(exit_request.code)
    except BaseException:
        import traceback

        traceback.print_exc()
        leave(70)
    leave(0)


def leave(code: Any) -> None:
    """Exit as Python does, with threads joined and exit handlers called; a forked child must not return to `main`."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if sys.stdout is not None:
        sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 1)


def status(number: int, seconds: float) -> int | None:
    """The exit status of a process; None where it still runs after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        process, code = os.waitpid(number, os.WNOHANG)
        if process:  # 0 while it runs
            return os.waitstatus_to_exitcode(code)
        time.sleep(0.005)
    return None


def main() -> None:
    """Answer orders until the input ends."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests were started with nohup
    torch.set_num_threads(1)
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # imports the larger part of PyTorch
    for viewer in get_plugins().registry("viewer"):
        viewer.load()
    for line in sys.stdin:
        order = json.loads(line)
        answer: int | None
        if "wait" in order:
            answer = status(order["wait"], order["seconds"])
        else:
            answer = os.fork()
            if answer == 0:
                run(order)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
