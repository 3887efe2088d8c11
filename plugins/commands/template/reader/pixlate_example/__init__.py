"""The plugin's registrations. This module imports neither torch nor NumPy, so that `--help` stays fast."""

from pixlate.plugins import Register, hookimpl


@hookimpl
def register_readers(register: Register) -> None:
    register("example", "pixlate_example.reader:ExampleReader", help="grey images as text")
