"""What the training loop does besides looping: building its parts, logging, showing, saving."""

import time
from collections.abc import Mapping
from typing import Any

import click
from torch import Tensor

from pixlate.data.check import check_dataset
from pixlate.data.create import make_dataset
from pixlate.data.loader import BatchLoader
from pixlate.errors import OptionError, PixlateError
from pixlate.models.base import BaseModel, Batch
from pixlate.models.device import choose_device
from pixlate.models.updater import Group
from pixlate.options.choice import Choice
from pixlate.options.shared import DataOptions, ModelOptions, TrainingOptions
from pixlate.util.randomness import reseed

from .checkpoints import Checkpoints, check_space
from .drift import check_data, machine_changes
from .events import Events
from .guard import Guard
from .identity import data_identity
from .progress import Progress
from .run import Run
from .samples import Samples
from .session import continues, has_checkpoints, machine, store, warn
from .signals import StopRequest
from .weights import load_networks


class Trainer:
    """The parts of one training: data, model, checkpoints, listeners."""

    def __init__(self, choice: Choice, run: Run, tell: Events, stop: StopRequest) -> None:
        self.choice, self.run, self.tell, self.stop = choice, run, tell, stop
        self.options = choice.options(TrainingOptions)
        self.data_options = choice.options(DataOptions)
        self.shared = choice.options(ModelOptions)
        device = choose_device(str(choice.values["device"]), str(choice.values["gpu_ids"]))

        self.dataset = make_dataset(
            choice.components["dataset_mode"], choice.config_of("dataset_mode"), self.data_options
        )
        self.model: BaseModel[Any] = choice.components["model"].load()(
            choice.config_of("model"), self.shared, train=True, device=device
        )
        self.run.model = self.model
        for problem in check_dataset(self.dataset, self.data_options, self.model.networks):
            warn(f"warning: {problem} It is replaced by others.")
        self.samples = Samples(choice, self.dataset)
        self.facts = {"data": data_identity(self.dataset), "machine": machine(str(device))}
        self.checkpoints = Checkpoints(run.folder, self.model, facts=self.facts, keep=self.options.keep)
        self.loader: BatchLoader
        self.guard = Guard(self.model, str(self.shared.nonfinite))
        self._stepped = True
        self._bad_images: dict[str, str] = {}
        self._save_wanted = False
        self._save_time = time.monotonic()

    def restore(self) -> tuple[Progress, BatchLoader]:
        """Where to begin, the first picture or the position of the continued state, and the batches from there."""
        check_space(self.run.folder, self.model)
        self.model.prepare_once(self.model.directed(self.dataset.first_batch()))
        first_epoch = self.options.epoch_count or 1
        at = Progress(epoch=first_epoch)
        if continues(self.choice):
            at = self._continued(at)
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
        store(self.choice, self.run.folder)
        return at, self.loader

    def begin_step(self, at: Progress) -> Group:
        """Reseed every generator for this step, and say where it stands among accumulated batches."""
        self.run.clock.waited(self.loader.take_wait())
        reseed(self.shared.seed, "step", at.images, 0)
        per_epoch = -(-self.run.epoch_size // self.data_options.batch_size)
        index = at.epoch_images // self.data_options.batch_size
        size = self.shared.accumulate
        first = index - index % size
        group = Group(min(size, per_epoch - first), index + 1 in (first + size, per_epoch))
        self._stepped = group.last
        return group

    def end_step(self, at: Progress, batch: Batch) -> Progress:
        """The position after a batch; tells the listeners."""
        at = at.after(len(batch["A"]), stepped=self._stepped)
        self.guard.note(batch)
        self.run.moved(at)
        self._report_bad_images()
        self.tell("step_ended", run=self.run, at=at)
        self._report_saves()
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
        """Save the latest state, and under each tag."""
        if self.options.save_by_iter and not tags:
            tags = (f"iter_{at.images}",)
        self.checkpoints.save(at, self.run.log_sizes(), *tags)
        self._save_wanted, self._save_time = False, time.monotonic()

    def stop_if_asked(self, at: Progress) -> None:
        """Save and raise Interrupted where a signal has come and the position can be saved."""
        if self.stop and self._may_save(at):
            self.save(at)
            self.finish(at)
            self.stop.raise_if_set("Everything is saved: the same command with --continue_train goes on.")

    def finish(self, at: Progress) -> None:
        """Show what was learnt, and wait for the last save. Raises DataError if it failed."""
        if not self.stop:
            self.show_samples(at)
        self.checkpoints.wait()
        saved = self.checkpoints.finished()
        self.checkpoints.close()
        if saved is not None:
            self.tell("checkpoint_saved", run=self.run, at=saved[0], paths=saved[1])

    def _report_bad_images(self) -> None:
        known = len(self._bad_images)
        self._bad_images |= self.loader.bad_images
        for problem in list(self._bad_images.values())[known:]:
            warn(f"warning: {problem} It is replaced by another.")

    def _report_saves(self) -> None:
        try:
            saved = self.checkpoints.finished()
        except PixlateError as error:
            warn(f"warning: {error} The checkpoint before it is whole, and training goes on.")
            return
        if saved is not None:
            self.tell("checkpoint_saved", run=self.run, at=saved[0], paths=saved[1])

    def _continued(self, at: Progress) -> Progress:
        if not self.checkpoints.exists():
            if has_checkpoints(self.run.folder):
                return self._from_weights(at)
            click.echo(f"Nothing was saved in '{self.run.folder}' yet: starting at the first step.")
            return at
        if self.options.epoch_count is not None:
            raise OptionError("--epoch_count contradicts the stored position of the run: leave it out.")
        if self.options.epoch != "latest" or self.options.load_iter:
            raise OptionError("a run with a stored state is continued from its latest state: leave --epoch out.")
        state, fallback = self.checkpoints.read()
        if fallback:
            warn(f"warning: {fallback}")
        check_data(state["facts"], self.facts, self.run.name)
        for change in machine_changes(state["facts"], self.facts):
            warn(f"warning: {change} since the run was saved, so its continuation is not bit for bit the same")
        at = self.checkpoints.restore(state)
        self.run.cut_logs(state["logs"])
        click.echo(f"Continuing '{self.run.name}' at epoch {at.epoch}, {at.images} pictures seen.")
        return at

    def _from_weights(self, at: Progress) -> Progress:
        tag = f"iter_{self.options.load_iter}" if self.options.load_iter else self.options.epoch
        load_networks(self.model, self.run.folder, tag)
        warn("warning: this folder holds weights without a state: optimizers and schedules start afresh")
        return at

    def _may_save(self, at: Progress) -> bool:
        """Not between accumulated batches; and an epoch's last batch is saved with the epoch's end."""
        return self._stepped and at.epoch_images < self.run.epoch_size
