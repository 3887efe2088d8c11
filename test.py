"""Translates images with a trained model and writes a gallery of the results.

    python test.py                               # the newest run
    python test.py --name facades_pix2pix        # options are read from the run
    python test.py --model test --dataroot ./photos --name horse2zebra_cycle_gan --model_suffix _A --no_dropout

The gallery is results/<name>/<phase>_<epoch>/index.html, its images in images/ beside it.
"""

import sys

from pixlate.data.folders import require_dataroot
from pixlate.default_plugins import get_plugins
from pixlate.entry import run_and_exit
from pixlate.options.command.requirements import require_output_names, require_run
from pixlate.options.command.resolve import resolve
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.plugins.manager import Plugins
from pixlate.util.output import optional_output, say


def test(resolved: ResolvedOptions, plugins: Plugins) -> None:
    """Translate the images of the test phase. Raises PixlateError for a user's mistake, Interrupted after a signal."""
    # Imported here, because these import torch, which `--help` does without.
    from pixlate.runs.signals import stop_on_signals
    from pixlate.runs.testing import Tester

    tester = Tester(resolved, plugins)
    with tester.gallery() as gallery, stop_on_signals() as stop, (run := tester.run(gallery)).finishing():
        for batch in tester.batches():
            images = tester.model.translate(batch, running_statistics=tester.options.eval)
            run.translated(batch, images)
            metrics = tester.measurement.add(batch, images)
            shown = tester.shown(images)
            for i, path in enumerate(tester.input_paths(batch)):
                gallery.add(path, {label: batched[i] for label, batched in shown.items()}, metrics[i])
            tester.report_progress(batch)
            stop.raise_if_set("The gallery shows what was translated.")
            if run.stop_reason:
                break
        tester.finish(gallery)
    if run.stop_reason:
        say(f"Stopped after {run.progress.images} images: {run.stop_reason.rstrip('.')}.")
    say(f"The gallery is {gallery.page}")


def main(args: list[str] | None = None) -> None:
    """The command `test`: parse, translate, exit with 0, 1, 2, 130 or 143."""
    run_and_exit(command, sys.argv[1:] if args is None else args)


def command(args: list[str]) -> None:
    """Parse and translate; raises instead of exiting."""
    plugins = get_plugins()
    resolved = resolve("test", args, plugins)
    require_output_names(resolved)
    require_run(resolved)
    if resolved.components["dataset_mode"].plugin.is_builtin:  # others may read their images from elsewhere
        require_dataroot(str(resolved.values["dataroot"]))
    with optional_output():
        test(resolved, plugins)


if __name__ == "__main__":
    main()
