"""The length of a run: `--n_images`, and `--minutes`, which fixes it once, after the first minute."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pixlate.models.lr_policies import LearningRate, Schedule
from pixlate.options.command.listing import FILE as LISTING
from pixlate.options.command.listing import write_listing
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.command.stored import read_stored, write_stored
from pixlate.options.shared import ModelOptions, TrainingOptions
from pixlate.plugins.run import Progress

from .run import Run

log = logging.getLogger(__name__)

MEASURED = 60.0  # seconds after which the length is fixed, or a tenth of the time where that is less
OPEN_END = 2**31  # epochs at the full learning rate, as long as the length is not known
MIN_STEPS = 5  # that are measured
LATE = 1.05  # of the time; a run that takes longer says so
SOURCE = "--minutes"  # of the options that it sets
ROUNDS = 8  # in which images and validations agree


def with_length(resolved: ResolvedOptions, epoch_size: int) -> ResolvedOptions:
    """The options with the numbers of epochs that follow from `--n_images`.

    Numbers of epochs that the command gives replace the length that is stored with the run.
    """
    epochs_given = resolved.is_given("n_epochs") or resolved.is_given("n_epochs_decay")
    length_given = resolved.is_given("n_images") or resolved.is_given("minutes")
    if epochs_given and not length_given:
        return resolved.with_values({"n_images": 0, "minutes": 0.0, "decay_share": None})
    images, minutes = int(resolved.values["n_images"]), resolved.values["minutes"]
    stored = resolved.stored.options.get("minutes") if resolved.stored else None
    if images and resolved.is_given("minutes") and not resolved.is_given("n_images") and minutes != stored:
        log.warning(
            f"--minutes {minutes:g} has no effect: the length of the run is fixed at {images:,} images, which "
            "--n_images changes."
        )
    if images or minutes:
        resolved = resolved.with_values({"decay_share": _decay_share(resolved, epochs_given=epochs_given)})
    return resolved.with_values(length_options(resolved, images, epoch_size))


def _decay_share(resolved: ResolvedOptions, *, epochs_given: bool) -> float:
    schedule = resolved.options(ModelOptions)
    if schedule.decay_share is not None and (resolved.is_given("decay_share") or not epochs_given):
        return schedule.decay_share
    return schedule.n_epochs_decay / max(1, schedule.n_epochs + schedule.n_epochs_decay)


def length_options(resolved: ResolvedOptions, images: int, epoch_size: int) -> dict[str, Any]:
    """The options of a run of so many images, of which the last epoch may be a part; none for 0 images."""
    if not images:
        return {}
    share = resolved.options(ModelOptions).decay_share or 0.0
    total = -(-images // epoch_size)
    n_epochs_decay = min(round(share * total), total - 1 if share < 1 else total)
    return {"n_images": images, "n_epochs": total - n_epochs_decay, "n_epochs_decay": n_epochs_decay}


def last_epoch(progress: Progress, images: int, epoch_size: int) -> int:
    """The epoch in which a run that is at a position has trained so many images."""
    return progress.epoch - 1 + max(0, -(-(images - progress.images + progress.epoch_images) // epoch_size))


class Budget:
    """The time of a run.

    As long as its length is not known, the learning rate stays at its full value, and the run's number of epochs is an
    estimate. Once fixed, the length is among the run's options, so that a resumed run does not measure again.

    - validations: how many there are from an epoch to the last one.
    """

    def __init__(self, resolved: ResolvedOptions, run: Run, validations: Callable[[int, int], int]) -> None:
        self.is_open = resolved.options(TrainingOptions).minutes > 0 and not resolved.options(ModelOptions).n_images
        self._seconds = 60 * resolved.options(TrainingOptions).minutes
        self._resolved, self._run, self._validations = resolved, run, validations
        self._started = time.monotonic()
        self._fixed = False  # by this process

    def start(self, learning_rate: LearningRate) -> None:
        """Keep the learning rate at its full value until the length is fixed."""
        if self.is_open:
            learning_rate.use(replace(learning_rate.schedule, n_epochs=OPEN_END, n_epochs_decay=0))
            self._run.set_length(self._run.start.epoch + 1)
        self._count_validations(self._run.start)

    def follow(self, progress: Progress, step_images: int) -> bool:
        """Estimate the length before a step, and fix it when that is due; returns whether it was fixed now."""
        if not self.is_open:
            return False
        run, elapsed = self._run, self._elapsed()
        # The first step does not count; where a step takes long, those in half of the time are enough to know.
        steps = run.clock.steps
        measured = steps >= MIN_STEPS or (steps > 1 and elapsed >= self._seconds / 2)
        due = measured and elapsed >= min(MEASURED, self._seconds / 10)
        images = max(progress.images + step_images, self._images_in_time(progress))
        last = last_epoch(progress, images, run.epoch_size)
        if due:
            run.set_length(last, images)
            self.is_open, self._fixed = False, True
        else:
            run.set_length(max(progress.epoch + 1, last))
        self._count_validations(progress)
        return due

    def store(self, schedule: Schedule) -> Schedule:
        """Write the length among the run's options; returns the schedule of this length."""
        run = self._run
        options = length_options(self._resolved, run.n_images, run.epoch_size)
        run.options = {**run.options, **options}
        stored = read_stored(run.folder)
        if stored is not None:
            sources = {**stored.sources, **dict.fromkeys(options, SOURCE)}
            write_stored(run.folder, replace(stored, options={**stored.options, **options}, sources=sources))
            write_listing(run.folder / LISTING, self._resolved.with_values(options))
        n_epochs, n_epochs_decay = options["n_epochs"], options["n_epochs_decay"]
        log.info(
            f"--minutes {self._seconds / 60:g}: the run ends after {run.n_images:,} images, "
            f"{run.n_images / run.epoch_size:.1f} epochs; the learning rate falls over the last "
            f"{schedule.decay_share:.0%}."
        )
        return replace(schedule, n_epochs=n_epochs, n_epochs_decay=n_epochs_decay, images=run.n_images)

    def finish(self) -> None:
        """Say by how much the run was late."""
        late = self._elapsed() - self._seconds
        if self._fixed and self._elapsed() > LATE * self._seconds:
            log.warning(
                f"The run took {late / 60:.1f} minutes longer than --minutes {self._seconds / 60:g}, because the "
                "machine became slower than it was when the length was fixed."
            )

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _images_in_time(self, progress: Progress) -> int:
        """How many images the run has trained when its time is over, validations included."""
        run, clock = self._run, self._run.clock
        left, rate = self._seconds - self._elapsed(), clock.rate(progress)
        images = progress.images + int(max(0.0, left) * rate)
        for _ in range(ROUNDS):
            count = self._validations(progress.epoch, last_epoch(progress, images, run.epoch_size))
            images = progress.images + int(max(0.0, left - count * clock.validation_seconds) * rate)
        return images

    def _count_validations(self, progress: Progress) -> None:
        self._run.clock.validations = self._validations(progress.epoch, self._run.n_epochs)
