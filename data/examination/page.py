"""The report of an examination as one HTML file: findings with their images, and facts of each phase."""

import base64
import io
from pathlib import Path

from dominate import tags
from dominate.dom_tag import dom_tag

from pixlate.data.reading import BadImageError, Reading, read_image
from pixlate.util.html import page, save_page, visible

from .findings import SEVERITIES, Finding, PhaseFacts, Report

HEIGHT = 160  # pixels of an image on the page
WIDTH = 1200
CONTACTS = 12  # images of a phase


def save_report(report: Report, contacts: dict[str, list[Path]], path: Path, how: Reading) -> None:
    """Write the page; images are embedded, so that it can be sent to somebody.

    - contacts: files of each phase to be shown as a contact sheet. Raises DataError where it cannot be written.
    """
    counts = {severity: sum(f.severity == severity for f in report.findings) for severity in SEVERITIES}
    facts = {"data": report.dataroot, "read as": report.dataset_mode}
    facts |= {f"{severity}s": str(count) for severity, count in counts.items()}
    sections = [_finding(finding, how) for finding in report.findings]
    sections += [_phase(facts, contacts.get(facts.phase, []), how) for facts in report.phases]
    title = f"Data set {visible(report.dataroot)}"
    save_page(page(title, title, {name: visible(text) for name, text in facts.items()}, *sections, width=WIDTH), path)


def _finding(finding: Finding, how: Reading) -> dom_tag:
    section = tags.section(
        tags.h2(f"{finding.severity} in {finding.phase}"),
        tags.p(visible(finding.text)),
        tags.p(visible(finding.advice)),
    )
    groups = [list(group) for group in finding.images]
    # Images that are compared share a row; others stand in one.
    rows = groups if any(len(group) > 1 for group in groups) else [[path for group in groups for path in group]]
    for row in rows:
        section.add(_row(row, how))
    return section


def _phase(facts: PhaseFacts, files: list[Path], how: Reading) -> dom_tag:
    table = tags.table(cls="facts")
    table.add(tags.tr(*(tags.th(name) for name in ("side", "images", "width x height", "values", "brightness"))))
    for side, own in facts.sides.items():
        sizes = ", ".join(f"{w} x {h} ({n})" for (w, h), n in list(own.sizes.items())[:4])
        more = f" and {len(own.sizes) - 4} more" if len(own.sizes) > 4 else ""
        kinds = ", ".join(f"{kind} ({n})" for kind, n in own.kinds.items())
        mean, deviation = own.levels
        cells = (side, f"{own.images:,}", f"{sizes}{more}", kinds, f"{mean:.2f} ± {deviation:.2f}")
        table.add(tags.tr(*(tags.td(cell) for cell in cells)))
    return tags.section(tags.h2(facts.phase), tags.p(visible(facts.inventory)), table, _row(files, how))


def _row(files: list[Path], how: Reading) -> dom_tag:
    row = tags.div(style="display: flex; flex-wrap: wrap; gap: 8px; margin: 8px 0")
    for file in files:
        try:
            data = _embedded(file, how)
        except BadImageError:
            continue
        image = tags.img(src=data, alt=visible(file.name), height=HEIGHT, style="max-width: 100%")
        row.add(tags.figure(image, tags.figcaption(visible(file.name)), style="margin: 0"))
    return row


def _embedded(file: Path, how: Reading) -> str:
    image = read_image(file, how)
    image.thumbnail((4 * HEIGHT, HEIGHT))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
