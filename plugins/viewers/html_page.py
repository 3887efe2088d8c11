"""The HTML page: web/index.html in the run's folder shows what is learnt, while it is learnt and after."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import Progress, Run, RunLog, Sample
from pixlate.util.files import make_folder
from pixlate.util.html import Shown
from pixlate.util.image_io import save_png, to_image
from pixlate.util.names import ResultNames, safe_name

from .history import History
from .options import HtmlPageOptions
from .training_page import Epoch, Row, TrainingPage


class HtmlPage:
    """Keeps the page and its images, images/epoch<n>_<label>.png, up to date.

    An epoch's training images change with the first display of the epoch and whenever `update_html_freq`
    images have passed, those that are not trained on at every display. What the page shows is kept line by
    line in web/shown.jsonl, so that a continued run continues its page.
    """

    def __init__(self, config: HtmlPageOptions) -> None:
        self._config = config
        self._page: TrainingPage | None = None
        self._log: RunLog | None = None
        self._epoch = Epoch(0)
        self._history = History(1)
        self._shown_at = 0
        self._last: Progress | None = None

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Create the page, or take up that of earlier sessions."""
        if not self._config.html:
            return
        make_folder(run.folder / "web" / "images")
        self._log = run.open_log("web/shown.jsonl")
        self._history = History(run.epoch_size).read(run.folder, until=run.start.images)
        self._page = TrainingPage(run.name, self._history, self._config.display_winsize)
        self._shown_at = run.start.images
        for epoch in earlier_epochs(run.folder / "web" / "shown.jsonl", run.start.images):
            self._page.show(epoch)
            self._epoch = epoch
        self._save(run, run.start)

    @hookimpl
    def losses_logged(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        """Lengthen the curves."""
        self._history.add(progress.epoch, progress.epoch_images, losses)

    @hookimpl
    def images_shown(self, run: Run, progress: Progress, images: Mapping[str, Tensor]) -> None:
        """Show the step's images, when they are due."""
        if self._page is None:
            return
        epoch = self._at(progress)
        every = self._config.update_html_freq
        if not epoch.trained or progress.images // every > self._shown_at // every:
            epoch.trained = [Row("training images", "", self._images(run, progress, "", images))]
            self._keep(run, progress)
        self._shown_at = progress.images

    @hookimpl
    def samples_shown(self, run: Run, progress: Progress, samples: Sequence[Sample]) -> None:
        """Show what the model makes of images that it does not learn from."""
        if self._page is None:
            return
        names = ResultNames()
        rows = self._at(progress).unseen = []
        for sample in samples:
            name = names.name(f"{sample.phase}_{safe_name(sample.name)}.png")
            images = self._images(run, progress, f"{name}_", sample.images)
            rows.append(Row(f"not trained on ({sample.phase})", sample.name, images))
        self._keep(run, progress)

    @hookimpl
    def metrics_measured(self, run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Show what was measured beside the epoch's images."""
        if self._page is not None:
            self._at(progress).metrics.update(metrics)
            self._keep(run, progress)

    @hookimpl
    def epoch_ended(self, run: Run, progress: Progress) -> None:
        """Bring curves and position up to date."""
        self._save(run, progress)

    @hookimpl
    def run_finished(self, run: Run, error: BaseException | None) -> None:
        """Write the page that stays: it says how the run ended, and browsers leave it alone."""
        self._save(run, None, state=ending(error))

    def _at(self, progress: Progress) -> Epoch:
        if self._epoch.number != progress.epoch:
            self._epoch = Epoch(progress.epoch)
        self._epoch.images = progress.images
        return self._epoch

    def _images(self, run: Run, progress: Progress, name: str, images: Mapping[str, Tensor]) -> list[Shown]:
        shown = []
        for label, tensor in images.items():
            image = to_image(tensor)
            file = f"images/epoch{progress.epoch:03d}_{name}{safe_name(label)}.png"
            save_png(image, run.folder / "web" / file)
            shown.append(Shown(label, file, width=image.shape[1], height=image.shape[0]))
        return shown

    def _keep(self, run: Run, progress: Progress) -> None:
        if self._log is not None and self._page is not None:
            self._log.write(self._epoch.to_json())
            self._page.show(self._epoch)
            self._save(run, progress)

    def _save(self, run: Run, progress: Progress | None, state: str = "training") -> None:
        self._last = progress or self._last
        if self._page is None or self._last is None:
            return
        facts = {
            "state": state,
            "epoch": f"{self._last.epoch} of {run.n_epochs}",
            "images seen": f"{self._last.images:,}",
            "model": str(run.options.get("model", "")),
        }
        shown = {name: fact for name, fact in facts.items() if fact}
        self._page.save(run.folder / "web" / "index.html", shown, running=progress is not None)


def earlier_epochs(file: Path, until: int) -> list[Epoch]:
    """The epochs that earlier sessions showed, in order, each as it was shown last."""
    found: dict[int, Epoch] = {}
    if file.is_file():
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            epoch = Epoch.from_json(line)
            if epoch is not None and epoch.images <= until:
                found[epoch.number] = epoch
    return [found[number] for number in sorted(found)]


def ending(error: BaseException | None) -> str:
    """How a run ended, in a few words."""
    if error is None:
        return "finished"
    return "stopped" if isinstance(error, KeyboardInterrupt | SystemExit) else f"ended by an error: {error}"
