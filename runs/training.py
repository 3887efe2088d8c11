"""The services of the training loop: batches, logging, displays, saving, stopping."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping

from torch import Tensor

from pixlate.data.loading import BatchLoader
from pixlate.errors import PixlateError, StoppedEarly
from pixlate.models.batch import Batch
from pixlate.models.updater import Group
from pixlate.options.shared import TrainingOptions
from pixlate.plugins.run import Progress
from pixlate.util.randomness import reseed

from .budget import Budget
from .checkpoints.store import CheckpointStore, Saved
from .events import Events
from .held_out import HeldOutSamples
from .mean_losses import MeanLosses
from .nonfinite import NonFiniteGuard
from .run import Run
from .signals import StopRequest
from .validation import Validation

log = logging.getLogger(__name__)

SHARES_FREQ = 100  # steps, at least, between two measurements of the gradients' shares: each costs two to six steps
RANK = 0  # of this process in a distributed run: part of the seed of every step, so that ranks draw different numbers


class Trainer:
    """One training, ready for its first step.

    - run: with a new or restored model.
    - events: calls the hooks of viewers and plugins.
    - stop: true once a signal has requested the end of the training.
    - loader: starts at the run's position.
    """

    def __init__(
        self,
        run: Run,
        events: Events,
        stop: StopRequest,
        *,
        options: TrainingOptions,
        loader: BatchLoader,
        batch_size: int,
        checkpoints: CheckpointStore,
        held_out: HeldOutSamples,
        validation: Validation,
        budget: Budget,
    ) -> None:
        self.run, self.events, self.stop = run, events, stop
        self.options = options
        self.model = run.model
        self.loader = loader
        self.batch_size = batch_size
        self.checkpoints = checkpoints
        self.held_out, self.validation, self.budget = held_out, validation, budget
        self.guard = NonFiniteGuard(run.model, str(run.model.shared.nonfinite), run.start)
        self._accumulating = False  # gradients of earlier batches are not applied yet
        self._bad_images: dict[str, str] = {}
        self._save_pending = False
        self._save_time = time.monotonic()
        self._last_saved: Progress | None = None
        self._last_losses: Mapping[str, Tensor] = {}
        self.mean_losses = MeanLosses()

    def batches(self, progress: Progress) -> Iterator[tuple[Batch, Group]]:
        """The remaining batches of an epoch, each with its position in a group of accumulated batches.

        When loading fails, the state is saved before the error ends the training.
        """
        self.run.progress = progress
        # Groups start anew at the position of a resumed run: it is saved between groups only.
        remaining = self.run.epoch_size - progress.epoch_images
        groups = accumulation_groups(remaining, self.batch_size, self.model.shared.accumulate)
        try:
            # Not strict: the loader's generator would have to run past the last batch to see that there is none.
            for batch, group in zip(self.loader.epoch(progress.epoch), groups, strict=False):
                self.run.clock.add_wait(self.loader.take_wait())
                yield batch, group
                if self.run.is_complete and not self._accumulating:
                    return
        except PixlateError:
            self._save_before_error()
            raise

    def start_step(self, progress: Progress) -> None:
        """Prepare the next step: its learning rate, and the global generators.

        What the step draws depends on the run's seed and the position alone, whatever the hook `step_started` draws.
        """
        if not self._accumulating and self.budget.follow(progress, self.batch_size * self.model.shared.accumulate):
            self._use_length(progress)
        self.events("step_started", run=self.run, progress=progress)
        self.model.start_step(progress)
        if self._shares_are_due(progress):
            self.model.gradient_shares.request()
        reseed(self.model.shared.seed, "step", progress.images, RANK)

    def end_step(self, progress: Progress, batch: Batch, group: Group, losses: Mapping[str, Tensor]) -> Progress:
        """The position after a batch; calls the hook `step_ended`, and reports finished saves."""
        progress = progress.after(len(batch["A"]), stepped=group.last)
        self.run.clock.step(progress)
        self._accumulating = not group.last
        self.mean_losses.add(losses)
        self._last_losses = losses
        self.guard.step_ended(batch)
        self.run.progress = progress
        if shares := self.model.gradient_shares.take():
            self.run.report({f"share_{name}": share for name, share in shares.items()})
        self._report_bad_images()
        self.events("step_ended", run=self.run, progress=progress)
        self._report_saves(self.checkpoints.finished())
        return progress

    def log_losses(self, progress: Progress, losses: Mapping[str, Tensor]) -> None:
        """Call the hook `losses_logged` with the losses of the last step."""
        # Reading a loss waits for the device: no other place in a step does, so that a GPU always has work queued.
        values = {name: float(loss) for name, loss in losses.items()}
        self.events("losses_logged", run=self.run, progress=progress, losses=values)
        self.run.timing(restart=True)
        self.guard.check(progress, self.checkpoints)

    def show(self, progress: Progress, images: Mapping[str, Tensor]) -> None:
        """Show the images of the last step, and the held-out samples."""
        self.events("images_shown", run=self.run, progress=progress, images=images)
        self.show_held_out(progress)

    def show_held_out(self, progress: Progress) -> None:
        """Translate the held-out samples and show them."""
        samples = self.held_out.translated(self.model)
        if samples:
            self.events("samples_shown", run=self.run, progress=progress, samples=samples)

    def validate(self, progress: Progress) -> None:
        """Measure the model on held-out images, where that is due after this epoch."""
        if self.validation.is_due(progress.epoch, self.run.n_epochs):
            with self.run.clock.validating():
                self.validation.run(self.run, progress)

    def save_is_due(self, progress: Progress, previous: Progress) -> bool:
        """Whether to save now: a save is due by images or minutes or requested, and possible at this position."""
        minutes = self.options.save_every_minutes
        overdue = minutes > 0 and time.monotonic() - self._save_time >= 60 * minutes
        self._save_pending |= overdue or progress.crossed(self.options.save_latest_freq, previous)
        return (self._save_pending or self.save_is_requested) and self._can_save(progress)

    @property
    def save_is_requested(self) -> bool:
        """Whether a plugin has asked for a checkpoint since the last one."""
        return bool(self.run.requested_tags)

    def save(self, progress: Progress, *tags: str) -> None:
        """Save the latest state, and each tag, in the background. A later step warns if it has failed."""
        if self.options.save_by_iter and not tags:
            tags = (f"iter_{progress.images}",)
        self._save_pending, self._save_time, self._last_saved = False, time.monotonic(), progress
        with_state = tuple(self.run.requested_tags)
        self.run.requested_tags.clear()
        self.checkpoints.save(progress, self.run.logs, *tags, with_state=with_state)

    def stop_if_requested(self, progress: Progress) -> None:
        """Save and raise Interrupted after a signal, or StoppedEarly for a plugin, if the position can be saved."""
        if not (self.stop or self.run.stop_reason) or not self._can_save(progress):
            return
        if self._last_saved != progress or self.save_is_requested:
            self.save(progress)
        self.finish(progress)
        self.stop.raise_if_set("Everything is saved: the same command with --continue_train resumes the run.")
        raise StoppedEarly(f"Stopped at {progress.images} images: {self.run.stop_reason.rstrip('.')}.")

    def finish(self, progress: Progress) -> None:
        """Show the held-out samples a last time, and wait for the last save.

        Raises DataError if it failed, or if the run has learnt nothing.
        """
        self.loader.close()
        if not self.stop and progress != self.run.start:
            self.show_held_out(self.run.progress)
        self.checkpoints.close()
        saves = self.checkpoints.finished()
        error = saves[-1].error if saves else None
        self._report_saves(saves[:-1] if error else saves)
        if error:
            raise error
        if not self.stop:
            self.budget.finish()
            self.guard.finish(self.run.progress, self._last_losses)

    def close(self) -> None:
        """End the loading, and wait for a save under way. Needed after an error, harmless after `finish`."""
        self.loader.close()
        self.checkpoints.close()
        self._report_saves(self.checkpoints.finished())

    def _shares_are_due(self, progress: Progress) -> bool:
        """Whether to measure the gradients' shares: a function of the position, which is the same in a resumed run."""
        frequency = max(self.options.display_freq, SHARES_FREQ * self.batch_size)
        return progress.images >= frequency and progress.images % frequency < self.batch_size

    def _use_length(self, progress: Progress) -> None:
        """Train on with the length that `--minutes` has fixed.

        Only once the position is saved is the length stored: a run that is killed before resumes without it.
        """
        self.save(progress)
        self.checkpoints.wait()
        learning_rate = self.model.learning_rate
        learning_rate.use(self.budget.store(learning_rate.schedule))

    def _report_bad_images(self) -> None:
        reported = len(self._bad_images)
        self._bad_images |= self.loader.bad_images
        for problem in list(self._bad_images.values())[reported:]:
            log.warning(f"{problem} It is replaced by another.")

    def _report_saves(self, saves: Iterable[Saved]) -> None:
        for saved in saves:
            if saved.error is not None:
                log.warning(f"{saved.error} The previous checkpoint is intact.")
            else:
                self.events("checkpoint_saved", run=self.run, progress=saved.progress, paths=saved.paths)

    def _save_before_error(self) -> None:
        """Save the state after the last step, if possible and not done yet, before an error ends the training."""
        progress = self.run.progress
        if self._can_save(progress) and progress not in (self.run.start, self._last_saved):
            self.save(progress)
        self.checkpoints.close()
        saves = self.checkpoints.finished()
        self._report_saves(saves)
        if saves and saves[-1].error is None:
            images = saves[-1].progress.images
            log.warning(f"Saved at {images} images: the same command with --continue_train resumes the run there.")

    def _can_save(self, progress: Progress) -> bool:
        """Whether a state saved now could be resumed exactly.

        Not between accumulated batches, whose gradients are not part of a state. Nor after the last batch of an epoch:
        the position after it is the start of the next epoch, once the learning rate has been updated.
        """
        return not (self._accumulating or self.run.is_complete) and progress.epoch_images < self.run.epoch_size


def accumulation_groups(images: int, batch_size: int, accumulate: int) -> Iterator[Group]:
    """The group of each batch of an epoch, where each group of `accumulate` batches makes one update.

    - images: the images in the (rest of the) epoch.

    The last group may be shorter; its gradients are averaged over the batches that it has.
    """
    batches = -(-images // batch_size)
    for index in range(batches):
        first = index - index % accumulate
        size = min(accumulate, batches - first)
        yield Group(size, last=index + 1 == first + size)
