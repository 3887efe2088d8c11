"""Which tests run which lines, measured once: a mutant is then tested by those alone, quick ones first."""

import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import coverage
import pytest


class Recorder:
    """A pytest plugin that records each test: its lines, its seconds, and whether it starts processes."""

    def __init__(self, cover: coverage.Coverage) -> None:
        self.cover = cover
        self.seconds: dict[str, float] = {}
        self.starting: set[str] = set()
        self.failed: set[str] = set()
        self.current = ""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self.current = item.nodeid
        self.cover.switch_context(item.nodeid)
        start = time.monotonic()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.monotonic() - start
            self.cover.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or report.skipped:
            self.failed.add(report.nodeid)

    def watch(self) -> None:
        """Note the test that starts a process, or asks the fork server for one."""
        popen = subprocess.Popen.__init__

        def started(*arguments: Any, **keywords: Any) -> None:
            self.starting.add(self.current)
            popen(*arguments, **keywords)

        subprocess.Popen.__init__ = started  # type: ignore[method-assign]
        import trainings

        ask = trainings.Server.ask

        def asked(server: Any, order: Any) -> Any:
            self.starting.add(self.current)
            return ask(server, order)

        trainings.Server.ask = asked  # type: ignore[method-assign]


def measure(folder: Path, tests: list[str], modules: Iterable[str]) -> dict[str, Any]:
    """Run these test files under coverage.

    Returns "lines": the tests of each line of each module, by node id; "seconds": of each test that passes; "starting":
    the tests that start processes, whose lines coverage cannot tell.
    """
    cover = coverage.Coverage(data_file=None, include=[str(folder / module) for module in modules])
    recorder = Recorder(cover)
    os.chdir(folder)
    cover.start()
    recorder.watch()
    pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", "--assert=plain", *tests], plugins=[recorder])
    cover.stop()
    data = cover.get_data()
    good = recorder.seconds.keys() - recorder.failed
    lines = {
        module: {
            line: sorted(good.intersection(contexts))
            for line, contexts in data.contexts_by_lineno(str(folder / module)).items()
        }
        for module in modules
    }
    seconds = {name: value for name, value in recorder.seconds.items() if name in good}
    return {"lines": lines, "seconds": seconds, "starting": sorted(recorder.starting & good)}


class Chosen:
    """A pytest plugin that runs the chosen tests alone, file by file, quick ones first."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self.seconds]
        quickest: dict[Any, float] = {}
        for item in chosen:
            quickest[item.path] = min(quickest.get(item.path, 1e9), self.seconds[item.nodeid])
        items[:] = sorted(chosen, key=lambda item: (quickest[item.path], str(item.path), self.seconds[item.nodeid]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = f"{report.nodeid} (cannot be imported)"
