"""Trains an image-translation model on a folder of images.

    python train.py --model pix2pix --dataroot ./datasets/facades
    python train.py --model cycle_gan --dataroot ./datasets/horse2zebra

The run's options, weights, logs and the page web/index.html are written to checkpoints/<name>. `--continue_train`
resumes the run exactly where it stopped; `python test.py --name <name>` translates images with it.
"""

import sys

from pixlate.data.folders import require_dataroot
from pixlate.default_plugins import get_plugins
from pixlate.entry import run_and_exit
from pixlate.options.command.hints import test_command
from pixlate.options.command.requirements import require_epochs, require_run
from pixlate.options.command.resolve import resolve
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.plugins.manager import Plugins
from pixlate.util.output import optional_output, say


def train(resolved: ResolvedOptions, plugins: Plugins) -> None:
    """Run the training loop. Raises PixlateError for a user's mistake, Interrupted after a signal."""
    # Imported here, because these import torch, which `--help` does without.
    from pixlate.runs.opening import open_training
    from pixlate.runs.signals import stop_on_signals

    with stop_on_signals() as stop, open_training(resolved, plugins, stop) as trainer:
        run, model, options, events = trainer.run, trainer.model, trainer.options, trainer.events
        progress = run.start
        events("run_started", run=run)

        while (epoch := progress.epoch) <= run.n_epochs:
            model.start_epoch(epoch)
            for batch, group in trainer.batches(progress):
                previous = progress
                trainer.start_step(progress)
                result = model.training_step(batch, group=group)
                progress = trainer.end_step(progress, batch, group, result.losses)

                if progress.crossed(options.print_freq, previous):
                    trainer.log_losses(progress, result.losses)
                if progress.crossed(options.display_freq, previous):
                    trainer.show(progress, result.images)
                if trainer.save_is_due(progress, previous):
                    trainer.save(progress)
                trainer.stop_if_requested(progress)

            model.end_epoch()
            events("epoch_ended", run=run, progress=progress, losses=trainer.mean_losses.take())
            trainer.validate(progress)
            progress = progress.next_epoch()
            if epoch % options.save_epoch_freq == 0 or epoch == run.n_epochs:
                trainer.save(progress, str(epoch))
            elif trainer.save_is_requested:
                trainer.save(progress)
            trainer.stop_if_requested(progress)

        trainer.finish(progress)
    if resolved.values["html"]:
        say(f"The training page is {run.folder / 'web' / 'index.html'}")
    say(f"Next: {test_command(resolved)}")


def main(args: list[str] | None = None) -> None:
    """The command `train`: parse, train, exit with 0, 1, 2, 130 or 143."""
    run_and_exit(command, sys.argv[1:] if args is None else args)


def command(args: list[str]) -> None:
    """Parse and train; raises instead of exiting."""
    plugins = get_plugins()
    resolved = resolve("train", args, plugins)
    if resolved.values["continue_train"]:
        require_run(resolved)
    require_epochs(resolved)
    if resolved.components["dataset_mode"].plugin.is_builtin:  # others may read their images from elsewhere
        require_dataroot(str(resolved.values["dataroot"]))
    with optional_output():
        train(resolved, plugins)


if __name__ == "__main__":
    main()
