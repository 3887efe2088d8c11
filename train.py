"""Trains an image-translation model on a folder of pictures.

    python train.py --model pix2pix --dataroot ./datasets/facades
    python train.py --model cycle_gan --dataroot ./datasets/horse2zebra

The run is kept in checkpoints/<name>: its options, its weights, its logs, and web/index.html, a page of pictures.
`--continue_train` goes on exactly where it stopped; `python test.py --name <name>` lays out a gallery.
"""

import sys

import click

from pixlate.options.choice import Choice
from pixlate.options.help import run_and_exit
from pixlate.options.resolve import resolve


def train(choice: Choice) -> None:
    """Run the training loop. Raises PixlateError for what a person can mend, Interrupted when asked to stop."""
    from pixlate.runs.session import open_run  # torch is imported from here on: `--help` answers without it
    from pixlate.runs.signals import stop_on_signals
    from pixlate.runs.trainer import Trainer

    with stop_on_signals() as stop, open_run(choice) as (run, tell):
        trainer = Trainer(choice, run, tell, stop)
        model, options = trainer.model, trainer.options
        at = trainer.restore()
        tell("run_started", run=run)

        for epoch in range(at.epoch, run.n_epochs + 1):
            model.start_epoch(epoch)
            for batch in trainer.batches(at):
                before = at
                result = model.training_step(batch, group=trainer.begin_step(at))
                at = trainer.end_step(at, batch)

                if at.crossed(options.print_freq, before):
                    trainer.log_losses(at, result.losses)
                if at.crossed(options.display_freq, before):
                    trainer.show(at, result.images)
                if trainer.save_is_due(at, before):
                    trainer.save(at)
                trainer.stop_if_asked(at)

            model.end_epoch()
            tell("epoch_ended", run=run, at=at)
            at = at.next_epoch()
            if epoch % options.save_epoch_freq == 0 or epoch == run.n_epochs:
                trainer.save(at, str(epoch))
            trainer.stop_if_asked(at)

        trainer.finish(at)
    click.echo(f"The training page is {run.folder / 'web' / 'index.html'}")
    click.echo(f"Next: python test.py --name {run.name}")


def main(args: list[str] | None = None) -> None:
    """The command `train`: parse, train, exit with 0, 1, 2, 130 or 143."""
    run_and_exit(lambda given: train(resolve("train", given)), sys.argv[1:] if args is None else args)


if __name__ == "__main__":
    main()
