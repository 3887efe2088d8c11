"""One side of a measurement in its own process: it prepares its work once, and does it for every line of its input.

In separate processes, sides share neither memory nor settings, and the peak memory of each can be measured.
"""

import contextlib
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .measure import Round

ROOT = Path(__file__).resolve().parents[1]


class SideEnded(Exception):
    """The process of a side ended unexpectedly."""


class Worker:
    """The running process of a side. Calling it does the work once."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._side = spec["side"]
        command = [sys.executable, "-m", "benchmarks.worker", json.dumps(spec)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __call__(self) -> Round:
        assert self._process.stdin
        assert self._process.stdout
        answer = ""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            code = self._process.wait()
            raise SideEnded(f"{self._side} ended with {code}; -9 means that memory was exhausted.")
        return Round(*json.loads(answer))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve(work: Callable[[], object]) -> None:
    """Do the work for every line of the input, and write the round as a line of the output."""
    output = sys.stdout
    for _ in sys.stdin:
        gc.collect()
        with contextlib.redirect_stdout(sys.stderr):
            wall, cpu = time.perf_counter(), time.process_time()
            afterwards = work()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if callable(afterwards):
                afterwards()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # KiB on Linux
        print(json.dumps([wall, cpu, peak]), file=output, flush=True)


def main() -> None:
    """Prepare the side that the first argument describes, and serve."""
    from . import sides

    spec = json.loads(sys.argv[1])
    with contextlib.redirect_stdout(sys.stderr):
        if spec.get("threads"):
            import torch

            torch.set_num_threads(spec["threads"])
        work = getattr(sides, spec["work"])(spec)
    serve(work)


if __name__ == "__main__":
    main()
