"""What the training loop does besides looping: building its parts, logging, showing, saving."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping

from torch import Tensor

from pixlate.data.batches import fetch
from pixlate.data.check import check_dataset
from pixlate.data.create import make_dataset
from pixlate.data.demo.demo import FOLDER as DEMO_FOLDER
from pixlate.data.loading import BatchLoader
from pixlate.errors import PixlateError
from pixlate.models.base import Batch
from pixlate.models.context import ModelContext
from pixlate.models.create import make_model
from pixlate.models.describe import description
from pixlate.models.execution.device import choose_device
from pixlate.models.execution.plan import keep_freed_memory
from pixlate.models.updater import Group
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.shared import DataOptions, ModelOptions, TrainingOptions
from pixlate.plugins.run import Progress
from pixlate.runs.checkpoints.checkpoints import Checkpoints, Saved, check_space
from pixlate.runs.checkpoints.fingerprint import data_identity, machine
from pixlate.util.randomness import reseed

from .events import Events
from .guard import Guard
from .held_out import Samples
from .memory import report
from .resume import where_to_begin
from .run import Run
from .signals import StopRequest

log = logging.getLogger(__name__)


class Trainer:
    """The parts of one training: data, model, checkpoints, listeners."""

    def __init__(self, resolved: ResolvedOptions, run: Run, events: Events, stop: StopRequest) -> None:
        self.resolved, self.run, self.events, self.stop = resolved, run, events, stop
        self.options = resolved.options(TrainingOptions)
        self.data_options = resolved.options(DataOptions)
        self.shared = resolved.options(ModelOptions)
        stop.at_once = True  # until the first step there is nothing to lose
        keep_freed_memory()
        device = choose_device(str(resolved.values["device"]), str(resolved.values["gpu_ids"]))

        if self.data_options.dataroot == "demo" and not DEMO_FOLDER.is_dir():
            log.info(f"Drawing the demo data in {DEMO_FOLDER}.")
        self.dataset = make_dataset(resolved.components["dataset_mode"], resolved.values)
        context = ModelContext(device, train=True, components=resolved.components)
        self.model = make_model(resolved.components["model"], resolved.values, context)
        self.run.model = self.model
        log.info(description(self.model.networks, layers=bool(resolved.values["verbose"])))
        for problem in check_dataset(self.dataset, self.data_options, self.model.networks):
            log.warning(f"{problem} It is replaced by others.")
        self.samples = Samples(resolved, self.dataset)
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
        """Where to begin: at the first image, or at the position of the continued state."""
        check_space(self.run.folder, self.model)
        first, _ = fetch(self.dataset, [(1, 0)])
        self.model.prepare_once(self.model.directed(first))
        if self.options.memory:
            log.info(report(self.model, first, self.data_options.batch_size))
        progress = where_to_begin(self.resolved, self.run, self.model, self.checkpoints, self.options)
        self.guard.resume()
        size = len(self.dataset)
        n_epochs = self.shared.n_epochs + self.shared.n_epochs_decay
        left = (n_epochs - progress.epoch + 1) * size - progress.epoch_images
        self.run.begin(progress, n_epochs=n_epochs, epoch_size=size, total_images=progress.images + left)
        self.loader = BatchLoader(
            self.dataset,
            self.data_options,
            start=(progress.epoch, progress.epoch_images),
            epochs=n_epochs,
            device=self.model.device,
        )
        self.stop.at_once = False
        return progress

    def batches(self, progress: Progress) -> Iterator[Batch]:
        """The batches that are left of an epoch. What was learnt is saved before an error in loading ends the run."""
        self.run.moved(progress)
        try:
            yield from self.loader.epoch(progress.epoch)
        except PixlateError:
            self._rescue()
            raise

    def begin_step(self, progress: Progress) -> Group:
        """Reseed every generator for this step, and say where it stands among accumulated batches."""
        self.run.clock.waited(self.loader.take_wait())
        reseed(self.shared.seed, "step", progress.images, 0)
        begun = self.run.start.epoch_images if progress.epoch == self.run.start.epoch else 0  # saves lie between groups
        batches = -(-(self.run.epoch_size - begun) // self.data_options.batch_size)
        index = (progress.epoch_images - begun) // self.data_options.batch_size
        first = index - index % self.shared.accumulate
        size = min(self.shared.accumulate, batches - first)
        group = Group(size, index + 1 == first + size)
        self._stepped = group.last
        return group

    def end_step(self, progress: Progress, batch: Batch) -> Progress:
        """The position after a batch; tells the listeners."""
        progress = progress.after(len(batch["A"]), stepped=self._stepped)
        self.guard.note(batch)
        self.run.moved(progress)
        self._report_bad_images()
        self.events("step_ended", run=self.run, progress=progress)
        self._report(self.checkpoints.ended())
        return progress

    def log_losses(self, progress: Progress, losses: Mapping[str, Tensor]) -> None:
        """Tell the listeners the losses of the step just taken; the only place where the device is waited for."""
        values = {name: float(loss) for name, loss in losses.items()}
        self.events("losses_logged", run=self.run, progress=progress, losses=values)
        self.run.timing(restart=True)
        self.guard.check(progress, self.checkpoints)

    def show(self, progress: Progress, images: Mapping[str, Tensor]) -> None:
        """Show the step's images, and images that are not trained on."""
        self.events("images_shown", run=self.run, progress=progress, images=images)
        self.show_samples(progress)

    def show_samples(self, progress: Progress) -> None:
        """Translate images that are not trained on and show them."""
        samples = self.samples.translated(self.model)
        if samples:
            self.events("samples_shown", run=self.run, progress=progress, samples=samples)

    def save_is_due(self, progress: Progress, before: Progress) -> bool:
        """Whether to save now: asked for by images or minutes, and possible."""
        minutes = self.options.save_every_minutes
        late = minutes > 0 and time.monotonic() - self._save_time >= 60 * minutes
        self._save_wanted |= late or progress.crossed(self.options.save_latest_freq, before)
        return self._save_wanted and self._may_save(progress)

    def save(self, progress: Progress, *tags: str) -> None:
        """Save the latest state, and under each tag. A failure is said later, and training goes on."""
        if self.options.save_by_iter and not tags:
            tags = (f"iter_{progress.images}",)
        self._save_wanted, self._save_time, self._saved_at = False, time.monotonic(), progress
        self.checkpoints.save(progress, self.run.log_sizes, *tags)

    def stop_if_asked(self, progress: Progress) -> None:
        """Save and raise Interrupted where a signal has come and the position can be saved."""
        if self.stop and self._may_save(progress):
            if self._saved_at != progress:
                self.save(progress)
            self.finish(progress)
            self.stop.raise_if_set("Everything is saved: the same command with --continue_train goes on.")

    def finish(self, progress: Progress) -> None:
        """Show what was learnt, and wait for the last save. Raises DataError if it failed."""
        self.loader.close()
        if not self.stop and progress != self.run.start:
            self.show_samples(self.run.progress)
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
            log.warning(f"{problem} It is replaced by another.")

    def _report(self, ended: Iterable[Saved]) -> None:
        for saved in ended:
            if saved.error is not None:
                log.warning(f"{saved.error} The checkpoint before it is whole, and training goes on.")
            else:
                self.events("checkpoint_saved", run=self.run, progress=saved.progress, paths=saved.paths)

    def _rescue(self) -> None:
        progress = self.run.progress
        if self._may_save(progress) and progress not in (self.run.start, self._saved_at):
            self.save(progress)
        self.checkpoints.close()
        ended = self.checkpoints.ended()
        self._report(ended)
        if ended and ended[-1].error is None:
            log.warning(
                f"saved at {ended[-1].progress.images} images: the same command with --continue_train resumes there"
            )

    def _may_save(self, progress: Progress) -> bool:
        """Not between accumulated batches; and an epoch's last batch is saved with the epoch's end."""
        return self._stepped and progress.epoch_images < self.run.epoch_size
