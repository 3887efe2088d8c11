"""The progress bar of commands: where stderr is a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(label: str, noun: str = "") -> Iterator[Callable[[int, int], None]]:
    """Within this block the function that is given shows how many of all files are done.

    - noun: "images" to show how many of them are done in a second; empty not to.
    """
    # Imported here, because `pixlate --help` imports this module, and rich would slow it down.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console, start = Console(stderr=True), time.monotonic()
    # Without markup, because a label may be the name of a file.
    columns = [TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    if noun:
        columns.append(TextColumn("{task.fields[rate]:.1f} " + f"{noun} a second"))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(label, total=None, rate=0.0)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, rate=done / max(1e-9, time.monotonic() - start))

        yield show
