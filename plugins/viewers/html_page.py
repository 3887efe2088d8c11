"""The HTML page viewer: web/index.html in the run's folder, with losses and images of a training."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from pixlate.data.field_values import displayed, field_of
from pixlate.errors import Interrupted
from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import HealthWarning, Progress, Run, RunLog, Sample
from pixlate.util.files import make_folder
from pixlate.util.html import PageImage
from pixlate.util.image_io import save_image, to_saved_image
from pixlate.util.names import ResultNames, safe_name

from .epoch_record import EpochRecord, HealthRecord, ImageRow, best_validated, earlier_records
from .history import RunHistory
from .loss_log import images_per_second, learning_rates
from .plugin import HtmlPageOptions
from .run_facts import files_of, given_options, lasting_facts, position_facts, validated
from .training_page import Position, RunDescription, TrainingPage

PAGE = "web/index.html"
TRAINING, FINISHED = "training", "finished"  # states of a run
SHOWN = "web/shown.jsonl"  # an EpochRecord or a HealthRecord a line
VALIDATION = "validation.jsonl"
BEST = "best_"  # the beginning of the names of the files of the best checkpoint


class HtmlPage:
    """Writes the page and its images: images/epoch<n>_<label>.png, and held_out_epoch<n>_… of held-out samples.

    An epoch's training images change at the first display of the epoch and after every `update_html_freq` images, the
    held-out images at every display. The content of the page is recorded in web/shown.jsonl, a log that is truncated
    to the checkpoint on resume, so that a resumed run continues its page; its curves continue from the other logs.
    """

    def __init__(self, config: HtmlPageOptions) -> None:
        self._config = config
        self._page: TrainingPage | None = None  # None with --no_html
        self._log: RunLog | None = None
        self._epoch = EpochRecord(0)
        self._history = RunHistory(1)
        self._best: float | None = None  # the epochs after which the checkpoint "best" was saved
        self._images_at_display = 0

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Create the page, or continue the page of earlier sessions."""
        if not self._config.html:
            return
        make_folder(run.folder / "web" / "images")
        self._log = run.open_log(SHOWN)
        until = run.start.images
        self._history = RunHistory(run.epoch_size).read(run.folder, until)
        self._best = best_validated(run.folder / VALIDATION, until)
        description = RunDescription(given_options(run.folder), lasting_facts(run))
        self._page = TrainingPage(run.name, self._history, self._config.display_winsize, description)
        self._images_at_display = until
        epochs, self._page.health = earlier_records(run.folder / SHOWN, until)
        for epoch in epochs:
            self._page.show(epoch)
            self._epoch = epoch
        self._save(run, run.start)

    @hookimpl
    def losses_logged(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        """Extend the curves; the page is written at the next display."""
        position = (progress.epoch, progress.epoch_images)
        self._history.losses.add(*position, losses)
        self._history.rates.add(*position, learning_rates(run))
        self._history.speed.add(*position, images_per_second(run.timing()))

    @hookimpl
    def images_shown(self, run: Run, progress: Progress, images: Mapping[str, Tensor]) -> None:
        """Show the step's images, if they are due."""
        if self._page is None:
            return
        epoch = self._epoch_of(progress)
        frequency = self._config.update_html_freq
        if not epoch.trained or progress.images // frequency > self._images_at_display // frequency:
            epoch.trained = [ImageRow("training images", "", self._save_images(run, progress, images))]
            self._update(run, progress)
        self._images_at_display = progress.images

    @hookimpl
    def samples_shown(self, run: Run, progress: Progress, samples: Sequence[Sample]) -> None:
        """Show the translations of held-out samples, a row each."""
        if self._page is None:
            return
        names = ResultNames()
        rows = []
        for sample in samples:
            name = names.name(f"{sample.phase}_{safe_name(sample.name)}.png")
            images = self._save_images(run, progress, sample.images, held_out=name)
            rows.append(ImageRow(f"held-out images ({sample.phase})", sample.name, images))
        self._epoch_of(progress).unseen = rows
        self._update(run, progress)

    @hookimpl
    def metrics_measured(self, run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Extend the curves, and show the metrics above the epoch's images."""
        self._history.metrics.add(progress.epoch, progress.epoch_images, metrics)
        if self._page is not None:
            self._epoch_of(progress).metrics.update(metrics)
            self._update(run, progress)

    @hookimpl
    def health_checked(self, run: Run, progress: Progress, warnings: Sequence[HealthWarning]) -> None:
        """Show the warnings at the top of the page, in place of those of the check before."""
        if self._page is not None and self._log is not None:
            self._page.health = HealthRecord(progress.epoch, progress.images, list(warnings))
            self._log.write(self._page.health.to_json())
            self._save(run, progress)

    @hookimpl
    def checkpoint_saved(self, run: Run, progress: Progress, paths: Sequence[Path]) -> None:
        """Mark the epoch of the best checkpoint; the page is written at the next display."""
        if any(path.name.startswith(BEST) for path in paths):
            self._best = progress.epoch - 1 + progress.epoch_images / max(1, run.epoch_size)

    @hookimpl
    def epoch_ended(self, run: Run, progress: Progress) -> None:
        """Write the page with the current curves and position."""
        self._save(run, progress)

    @hookimpl
    def run_finished(self, run: Run, error: BaseException | None) -> None:
        """Write the final page, which shows how the run ended and no longer reloads itself."""
        self._save(run, run.progress, state=final_state(error))

    def _epoch_of(self, progress: Progress) -> EpochRecord:
        if self._epoch.number != progress.epoch:
            self._epoch = EpochRecord(progress.epoch)
        self._epoch.images = progress.images
        return self._epoch

    def _save_images(
        self, run: Run, progress: Progress, images: Mapping[str, Tensor], *, held_out: str = ""
    ) -> list[PageImage]:
        prefix = f"epoch{progress.epoch:03d}_"
        if held_out:  # the reference has none: scripts that collect epoch*_fake_B.png expect training images
            prefix = f"held_out_{prefix}{held_out}_"
        page_images = []
        for label, tensor in images.items():
            image = to_saved_image(displayed(tensor, field_of(label, run.fields)))
            file = f"images/{prefix}{safe_name(label)}.png"
            save_image(image, run.claim_file(f"web/{file}"))
            page_images.append(PageImage(label, file, width=image.shape[1], height=image.shape[0]))
        return page_images

    def _update(self, run: Run, progress: Progress) -> None:
        """Record the current epoch, and write the page."""
        if self._log is not None and self._page is not None:
            self._log.write(self._epoch.to_json())  # the epoch's later lines replace earlier ones, see `earlier_epochs`
            self._page.show(self._epoch)
            self._save(run, progress)

    def _save(self, run: Run, progress: Progress, state: str = TRAINING) -> None:
        if self._page is None:
            return
        running = state == TRAINING
        model = {"model": str(run.options.get("model", ""))}
        facts = position_facts(run, progress, state, running=running) | model | validated(self._history, self._best)
        # The last epoch of a run with --n_images or --minutes is a part of one.
        done = 1.0 if state == FINISHED else progress.images / max(1, run.n_epochs * run.epoch_size)
        position = Position(facts, running, min(1.0, done), self._best, files_of(run.folder))
        self._page.save(run.claim_file(PAGE), position)


def final_state(error: BaseException | None) -> str:
    """The state of an ended run, as the page shows it: "finished", "stopped", or the error."""
    if error is None:
        return FINISHED
    stopped_on_purpose = isinstance(error, Interrupted | KeyboardInterrupt | SystemExit)
    return "stopped" if stopped_on_purpose else f"ended by an error: {error}"
