"""One side of a measurement in its own process: prepares once, then does its work for every line it is sent.

Apart from each other, sides share neither memory nor settings, and peak memory is each one's own.
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
    """A side ended by itself."""


class Worker:
    """A side, started: calling it does its work once."""

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
            raise SideEnded(f"{self._side} ended with {code}; -9 says that memory ran out.")
        return Round(*json.loads(answer))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve(work: Callable[[], object]) -> None:
    """Do the work for every line of the input, and answer with its round."""
    answers = sys.stdout
    for _ in sys.stdin:
        gc.collect()
        with contextlib.redirect_stdout(sys.stderr):
            wall, cpu = time.perf_counter(), time.process_time()
            rest = work()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if callable(rest):
                rest()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps([wall, cpu, peak]), file=answers, flush=True)


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
