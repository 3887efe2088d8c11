"""The HTML page: web/index.html in the run's folder shows what is learnt, while it is learnt and after."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from pixlate.runs.history import History
from pixlate.runs.training_page import Epoch, Row, TrainingPage
from pixlate.util.files import make_folder
from pixlate.util.html import Shown
from pixlate.util.names import ResultNames, safe_name
from pixlate.util.pictures import save_png, to_picture

from .hookspecs import hookimpl
from .viewer_options import HtmlPageOptions

if TYPE_CHECKING:
    from pixlate.runs.logs import RunLog
    from pixlate.runs.progress import Progress, Sample
    from pixlate.runs.run import Run


class HtmlPage:
    """Keeps the page and its pictures, images/epoch<n>_<label>.png, up to date.

    An epoch's training pictures change with the first display of the epoch and whenever `update_html_freq`
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
    def run_started(self, run: "Run") -> None:
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
    def losses_logged(self, run: "Run", at: "Progress", losses: Mapping[str, float]) -> None:
        """Lengthen the curves."""
        self._history.add(at.epoch, at.epoch_images, losses)

    @hookimpl
    def images_shown(self, run: "Run", at: "Progress", images: Mapping[str, Tensor]) -> None:
        """Show the step's pictures, when they are due."""
        if self._page is None:
            return
        epoch = self._at(at)
        every = self._config.update_html_freq
        if not epoch.trained or at.images // every > self._shown_at // every:
            epoch.trained = [Row("training pictures", "", self._pictures(run, at, "", images))]
            self._keep(run, at)
        self._shown_at = at.images

    @hookimpl
    def samples_shown(self, run: "Run", at: "Progress", samples: "Sequence[Sample]") -> None:
        """Show what the model makes of pictures that it does not learn from."""
        if self._page is None:
            return
        names = ResultNames()
        rows = self._at(at).unseen = []
        for sample in samples:
            name = names.name(f"{sample.phase}_{safe_name(sample.name)}.png")
            pictures = self._pictures(run, at, f"{name}_", sample.images)
            rows.append(Row(f"not trained on ({sample.phase})", sample.name, pictures))
        self._keep(run, at)

    @hookimpl
    def metrics_measured(self, run: "Run", at: "Progress", metrics: Mapping[str, float]) -> None:
        """Show what was measured beside the epoch's pictures."""
        if self._page is not None:
            self._at(at).metrics.update(metrics)
            self._keep(run, at)

    @hookimpl
    def epoch_ended(self, run: "Run", at: "Progress") -> None:
        """Bring curves and position up to date."""
        self._save(run, at)

    @hookimpl
    def run_finished(self, run: "Run", error: BaseException | None) -> None:
        """Write the page that stays: it says how the run ended, and browsers leave it alone."""
        self._save(run, None, state=ending(error))

    def _at(self, at: "Progress") -> Epoch:
        if self._epoch.number != at.epoch:
            self._epoch = Epoch(at.epoch)
        self._epoch.images = at.images
        return self._epoch

    def _pictures(self, run: "Run", at: "Progress", name: str, images: Mapping[str, Tensor]) -> list[Shown]:
        shown = []
        for label, tensor in images.items():
            picture = to_picture(tensor)
            file = f"images/epoch{at.epoch:03d}_{name}{safe_name(label)}.png"
            save_png(picture, run.folder / "web" / file)
            shown.append(Shown(label, file, width=picture.shape[1], height=picture.shape[0]))
        return shown

    def _keep(self, run: "Run", at: "Progress") -> None:
        if self._log is not None and self._page is not None:
            self._log.write(self._epoch.to_json())
            self._page.show(self._epoch)
            self._save(run, at)

    def _save(self, run: "Run", at: "Progress | None", state: str = "training") -> None:
        self._last = at or self._last
        if self._page is None or self._last is None:
            return
        facts = {
            "state": state,
            "epoch": f"{self._last.epoch} of {run.n_epochs}",
            "images seen": f"{self._last.images:,}",
            "model": str(run.options.get("model", "")),
        }
        shown = {name: fact for name, fact in facts.items() if fact}
        self._page.save(run.folder / "web" / "index.html", shown, running=at is not None)


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
