"""The plugin's registrations. This module imports no torch, so that `--help` stays fast."""

from pixlate.plugins import Register, hookimpl


@hookimpl
def register_metrics(register: Register) -> None:
    register("example", "pixlate_example.metric:ExampleMetric", help="share of pixels that are nearly right")
