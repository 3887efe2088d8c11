"""Mutation testing: `python tests/mutation MODULES… [--tests FILES…]`.

Puts single faults into a copy of the working tree, one at a time, and runs the tests that run the faulty line. Prints
the faults that no test notices, and the share of those that are noticed or explained in `explained.toml`.
"""

import argparse
import contextlib
import gc
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXPLAINED = Path(__file__).with_name("explained.toml")
QUICK = ("-q", "--no-header", "--assert=plain", *(f"-pno:{name}" for name in ("cacheprovider", "unraisableexception")))
MEMORY = 12 << 30  # bytes of address space, so that a fault that allocates without end fails alone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+", help="files, or folders of them, relative to the root")
    parser.add_argument("--tests", nargs="*", default=[], help="test files [default: those of the modules' folders]")
    parser.add_argument("--sample", type=int, default=100, help="number of faults")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=60, help="the most seconds of tests for one fault")
    parser.add_argument("--again", action="store_true", help="only the faults that survived before, by the file --out")
    parser.add_argument("--out", default="build/mutants.jsonl", help="file with a line for each fault, appended to")
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "PIXLATE_PLUGINS": ""}
    modules = [file for name in options.modules for file in files(name)]
    tests = options.tests or sorted({test for module in modules for test in tests_of(module)})
    out = ROOT / options.out
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        folder = copy_tree(Path(scratch) / "tree")
        preload(folder)
        import mutants
        import selection

        mutations = mutants.sample(folder, modules, options.sample, options.seed)
        if options.again:
            mutations = [mutant for mutant in mutations if mutant.key in survivors(out)]
        measured = in_child(lambda: selection.measure(folder, tests, modules), Path(scratch), 1800)
        if not measured or "seconds" not in measured:
            sys.exit(f"the tests cannot be run:\n{(Path(scratch) / 'output.txt').read_text('utf-8')[-2000:]}")
        sys.dont_write_bytecode = True  # the first run has; a mutant's code must not be kept
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        print(f"{len(mutations)} faults in {len(modules)} modules, {len(measured['seconds'])} tests", flush=True)
        outcomes: Counter[str] = Counter()
        for number, mutant in enumerate(mutations):
            start = time.monotonic()
            outcome, test = notice(folder, Path(scratch), mutant, measured, options.budget)
            if outcome == "survived" and mutant.key in explained():
                outcome = "explained"
            outcomes[outcome] += 1
            row = {"module": mutant.module, "line": mutant.line, "operator": mutant.operator, "outcome": outcome}
            row |= {"before": mutant.before, "after": mutant.after, "test": test}
            out.parent.mkdir(parents=True, exist_ok=True)
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**row, "seconds": round(time.monotonic() - start, 1)}) + "\n")
            if outcome == "survived":
                print(f"survived: {mutant.module}:{mutant.line} {mutant.operator}", flush=True)
                print(f"    - {mutant.before}\n    + {mutant.after}", flush=True)
            if number % 20 == 19:
                print(f"  … {number + 1}: {dict(outcomes)}", flush=True)
    share = 1 - outcomes["survived"] / max(1, sum(outcomes.values()))
    print(f"{dict(outcomes)}: {share:.1%} noticed or explained")


def files(name: str) -> list[str]:
    """The modules that a name on the command line stands for."""
    path = ROOT / name
    found = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return [str(file.relative_to(ROOT)) for file in found if file.stat().st_size and "template" not in file.parts]


def tests_of(module: str) -> list[str]:
    """The test files of a module's folder."""
    folder = ROOT / "tests" / Path(module).parts[0]
    return [str(path.relative_to(ROOT)) for path in sorted(folder.rglob("test_*.py"))]


def copy_tree(folder: Path) -> Path:
    """A copy of the files that git knows, or would add."""
    listing = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, text=True)
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def preload(folder: Path) -> None:
    """Import what every test needs, except pixlate: each mutant is tested in a fork of this process."""
    sys.path[:0] = [str(folder), str(folder / "tests" / "helpers"), str(folder / "tests" / "mutation")]
    os.environ["PYTHONPATH"] = str(folder)  # of the processes that tests start
    import hypothesis.strategies  # noqa: F401
    import torchvision.transforms  # noqa: F401
    from torch import zeros
    from torch.optim import Adam

    Adam([zeros(1, requires_grad=True)])  # imports the larger part of PyTorch
    assert "pixlate" not in sys.modules
    gc.freeze()


def notice(folder: Path, scratch: Path, mutant: Any, measured: dict[str, Any], budget: float) -> tuple[str, str]:
    """What becomes of a mutant, and the test that fails: "killed", "timeout", "survived" or "uncovered"."""
    covering = set(measured["lines"][mutant.module].get(str(mutant.line), ()))
    if not mutant.in_function:  # runs at import: every test depends on it
        covering = set(measured["seconds"])
    path = folder / mutant.module
    original = path.read_bytes()
    path.write_text(mutant.source, "utf-8")
    starting = set(measured["starting"])
    # What runs once in a process, such as a registration, is covered by its first test alone: the others come last.
    others = set(measured["seconds"]) - covering - starting
    try:
        for names in (covering - starting, starting, others):
            chosen = affordable({name: measured["seconds"][name] for name in names}, budget)
            if not chosen:
                continue
            result = in_child(lambda chosen=chosen: run(folder, chosen), scratch, 60 + 8 * sum(chosen.values()))
            if result is None:
                return "timeout", ""
            if result["code"]:
                return "killed", result["failed"]
    finally:
        path.write_bytes(original)
    return "survived", ""


def affordable(seconds: dict[str, float], budget: float) -> dict[str, float]:
    """The quickest tests whose sum is within the budget."""
    chosen: dict[str, float] = {}
    for name, value in sorted(seconds.items(), key=lambda item: item[1]):
        if sum(chosen.values()) + value > budget:
            break
        chosen[name] = value
    return chosen


def run(folder: Path, chosen: dict[str, float]) -> dict[str, Any]:
    """In a child: run the chosen tests up to the first that fails."""
    import pytest
    import selection

    os.chdir(folder)
    plugin = selection.Chosen(chosen)
    tests = sorted({name.split("::")[0] for name in chosen})
    code = pytest.main([*QUICK, "-x", "--tb=no", *tests], plugins=[plugin])
    return {"code": int(code), "failed": plugin.failed}


def in_child(function: Callable[[], Any], scratch: Path, seconds: float) -> Any:
    """A function's result, computed in a fork of this process; None where it takes longer, or dies."""
    answer = scratch / "answer.json"
    answer.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        output = os.open(scratch / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ["TMPDIR"] = str(scratch)
        tempfile.tempdir = None
        try:
            answer.write_text(json.dumps(function()), "utf-8")
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(70)
    end = time.monotonic() + seconds
    code = None
    while code is None and time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if done else None
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # with the processes that it started
    if code is None:
        os.waitpid(child, 0)
        return None
    if code:
        return {"code": code, "failed": "the process died"}
    return json.loads(answer.read_text("utf-8"))


def survivors(out: Path) -> set[str]:
    """The faults that survived when they were last tested."""
    rows = {}
    for line in out.read_text("utf-8").splitlines():
        row = json.loads(line)
        rows[f"{row['module']}: {row['before']} -> {row['after']}"] = row["outcome"]
    return {key for key, outcome in rows.items() if outcome == "survived"}


def explained() -> dict[str, str]:
    """The faults that no test needs to notice, with the reason of each."""
    return dict(tomllib.loads(EXPLAINED.read_text("utf-8"))) if EXPLAINED.exists() else {}


if __name__ == "__main__":
    main()
