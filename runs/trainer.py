"""What the training loop does besides looping: building its parts, logging, showing, saving."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click
from torch import Tensor

from pixlate.data import demo
from pixlate.data.check import check_dataset
from pixlate.data.create import make_dataset
from pixlate.data.loader import BatchLoader
from pixlate.errors import PixlateError
from pixlate.models.base import BaseModel, Batch
from pixlate.models.describe import description
from pixlate.models.device import choose_device
from pixlate.models.execution import keep_freed_memory
from pixlate.models.updater import Group
from pixlate.options.choice import Choice
from pixlate.options.shared import DataOptions, ModelOptions, TrainingOptions
from pixlate.util.randomness import reseed

from .checkpoints import Checkpoints, Saved, check_space
from .events import Events
from .guard import Guard
from .identity import data_identity, machine
from .memory import report
from .progress import Progress
from .resume import where_to_begin
from .run import Run
from .samples import Samples
from .session import warn
from .signals import StopRequest


class Trainer:
    """The parts of one training: data, model, checkpoints, listeners."""

    def __init__(self, choice: Choice, run: Run, tell: Events, stop: StopRequest) -> None:
        self.choice, self.run, self.tell, self.stop = choice, run, tell, stop
        self.options = choice.options(TrainingOptions)
        self.data_options = choice.options(DataOptions)
        self.shared = choice.options(ModelOptions)
        stop.at_once = True  # until the first step there is nothing to lose
        keep_freed_memory()
        device = choose_device(str(choice.values["device"]), str(choice.values["gpu_ids"]))

        if self.data_options.dataroot == "demo" and not demo.FOLDER.is_dir():
            click.echo(f"Drawing the demo data in {demo.FOLDER}.")
        self.dataset = make_dataset(
            choice.components["dataset_mode"], choice.config_of("dataset_mode"), self.data_options
        )
        self.model: BaseModel[Any] = choice.components["model"].load()(
            choice.config_of("model"), self.shared, train=True, device=device
        )
        self.run.model = self.model
        click.echo(description(self.model.networks, layers=bool(choice.values["verbose"])))
        for problem in check_dataset(self.dataset, self.data_options, self.model.networks):
            warn(f"warning: {problem} It is replaced by others.")
        self.samples = Samples(choice, self.dataset)
        self.checkpoints = Checkpoints(
            run.folder,
            self.model,
            facts={"data": data_identity(self.dataset), "machine": machine(str(device))},
            keep=self.options.keep,
            before_commit=run.sync_logs,
        )
        self.loader: BatchLoader
        self.guard = Guard(self.model, str(self.shared.nonfinite))
        self._stepped = True
        self._bad_images: dict[str, str] = {}
        self._save_wanted = False
        self._save_time = time.monotonic()
        self._saved_at: Progress | None = None

    def restore(self) -> Progress:
        """Where to begin: at the first picture, or at the position of the continued state."""
        check_space(self.run.folder, self.model)
        first = self.dataset.first_batch()
        self.model.prepare_once(self.model.directed(first))
        if self.options.memory:
            click.echo(report(self.model, first, self.data_options.batch_size))
        at = where_to_begin(self.choice, self.run, self.model, self.checkpoints, self.options)
        self.guard.resume()
        size = len(self.dataset)
        n_epochs = self.shared.n_epochs + self.shared.n_epochs_decay
        left = (n_epochs - at.epoch + 1) * size - at.epoch_images
        self.run.begin(at, n_epochs=n_epochs, epoch_size=size, total_images=at.images + left)
        self.loader = BatchLoader(
            self.dataset,
            self.data_options,
            start=(at.epoch, at.epoch_images),
            epochs=n_epochs,
            device=self.model.device,
        )
        self.stop.at_once = False
        return at

    def batches(self, at: Progress) -> Iterator[Batch]:
        """The batches that are left of an epoch. What was learnt is saved before an error in loading ends the run."""
        self.run.moved(at)
        try:
            yield from self.loader.epoch(at.epoch)
        except PixlateError:
            self._rescue()
            raise

    def begin_step(self, at: Progress) -> Group:
        """Reseed every generator for this step, and say where it stands among accumulated batches."""
        self.run.clock.waited(self.loader.take_wait())
        reseed(self.shared.seed, "step", at.images, 0)
        begun = self.run.start.epoch_images if at.epoch == self.run.start.epoch else 0  # saves lie between groups
        batches = -(-(self.run.epoch_size - begun) // self.data_options.batch_size)
        index = (at.epoch_images - begun) // self.data_options.batch_size
        first = index - index % self.shared.accumulate
        size = min(self.shared.accumulate, batches - first)
        group = Group(size, index + 1 == first + size)
        self._stepped = group.last
        return group

    def end_step(self, at: Progress, batch: Batch) -> Progress:
        """The position after a batch; tells the listeners."""
        at = at.after(len(batch["A"]), stepped=self._stepped)
        self.guard.note(batch)
        self.run.moved(at)
        self._report_bad_images()
        self.tell("step_ended", run=self.run, at=at)
        self._report(self.checkpoints.ended())
        return at

    def log_losses(self, at: Progress, losses: Mapping[str, Tensor]) -> None:
        """Tell the listeners the losses of the step just taken; the only place where the device is waited for."""
        values = {name: float(loss) for name, loss in losses.items()}
        self.tell("losses_logged", run=self.run, at=at, losses=values)
        self.run.timing(restart=True)
        self.guard.check(at, self.checkpoints)

    def show(self, at: Progress, images: Mapping[str, Tensor]) -> None:
        """Show the step's pictures, and pictures that are not trained on."""
        self.tell("images_shown", run=self.run, at=at, images=images)
        self.show_samples(at)

    def show_samples(self, at: Progress) -> None:
        """Translate pictures that are not trained on and show them."""
        samples = self.samples.translated(self.model)
        if samples:
            self.tell("samples_shown", run=self.run, at=at, samples=samples)

    def save_is_due(self, at: Progress, before: Progress) -> bool:
        """Whether to save now: asked for by pictures or minutes, and possible."""
        minutes = self.options.save_every_minutes
        late = minutes > 0 and time.monotonic() - self._save_time >= 60 * minutes
        self._save_wanted |= late or at.crossed(self.options.save_latest_freq, before)
        return self._save_wanted and self._may_save(at)

    def save(self, at: Progress, *tags: str) -> None:
        """Save the latest state, and under each tag. A failure is said later, and training goes on."""
        if self.options.save_by_iter and not tags:
            tags = (f"iter_{at.images}",)
        self._save_wanted, self._save_time, self._saved_at = False, time.monotonic(), at
        self.checkpoints.save(at, self.run.log_sizes, *tags)

    def stop_if_asked(self, at: Progress) -> None:
        """Save and raise Interrupted where a signal has come and the position can be saved."""
        if self.stop and self._may_save(at):
            if self._saved_at != at:
                self.save(at)
            self.finish(at)
            self.stop.raise_if_set("Everything is saved: the same command with --continue_train goes on.")

    def finish(self, at: Progress) -> None:
        """Show what was learnt, and wait for the last save. Raises DataError if it failed."""
        self.loader.close()
        if not self.stop and at != self.run.start:
            self.show_samples(self.run.at)
        self.checkpoints.close()
        ended = self.checkpoints.ended()
        failure = ended[-1].error if ended else None
        self._report(ended[:-1] if failure else ended)
        if failure:
            raise failure

    def _report_bad_images(self) -> None:
        known = len(self._bad_images)
        self._bad_images |= self.loader.bad_images
        for problem in list(self._bad_images.values())[known:]:
            warn(f"warning: {problem} It is replaced by another.")

    def _report(self, ended: Iterable[Saved]) -> None:
        for saved in ended:
            if saved.error is not None:
                warn(f"warning: {saved.error} The checkpoint before it is whole, and training goes on.")
            else:
                self.tell("checkpoint_saved", run=self.run, at=saved.at, paths=saved.paths)

    def _rescue(self) -> None:
        at = self.run.at
        if self._may_save(at) and at not in (self.run.start, self._saved_at):
            self.save(at)
        self.checkpoints.close()
        ended = self.checkpoints.ended()
        self._report(ended)
        if ended and ended[-1].error is None:
            warn(f"Saved at {ended[-1].at.images} pictures: the same command with --continue_train goes on from there.")

    def _may_save(self, at: Progress) -> bool:
        """Not between accumulated batches; and an epoch's last batch is saved with the epoch's end."""
        return self._stepped and at.epoch_images < self.run.epoch_size
