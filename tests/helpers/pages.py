"""Reading pages in tests: a parser for tags and texts, and a headless browser where one is installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

CHROMIUM = Path("/usr/bin/chromium")
needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium")


class Page(HTMLParser):
    """The tags of a page with their attributes, and its texts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.texts.append((self.tags[-1][0] if self.tags else "", data))

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every tag of that name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag: str) -> list[str]:
        """The texts after each opening tag of that name."""
        return [text for name, text in self.texts if name == tag]

    def files(self) -> list[Path]:
        """The files that its images show."""
        return [self.path.parent / unquote(image["src"]) for image in self.all("img")]

    def refreshes(self) -> bool:
        """Whether browsers load the page again by themselves."""
        return any(meta.get("http-equiv") == "refresh" for meta in self.all("meta")) and bool(self.all("script"))


def size_of(file: Path) -> tuple[int, int]:
    """Width and height of an image file."""
    with Image.open(file) as image:
        return image.size


def colour_of(file: Path) -> int:
    """The brightness of an image file of one colour."""
    with Image.open(file) as image:
        return int(image.convert("L").getpixel((0, 0)))  # type: ignore[arg-type]


@contextmanager
def browser(path: Path, *, width: int = 1280, dark: bool = False, scripts: bool = True) -> Iterator[Any]:
    """The page in a headless chromium, without a network; without `scripts` as in a browser that runs none."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        scheme = "dark" if dark else "light"
        size = {"width": width, "height": 800}
        context = chromium.new_context(viewport=size, color_scheme=scheme, offline=True, java_script_enabled=scripts)
        yield _opened(context, path)
        chromium.close()


@contextmanager
def beside(page: Any, path: Path, **settings: Any) -> Iterator[Any]:
    """Another page in the browser of an open one, without a network; `settings` are those of a browser's context."""
    context = page.context.browser.new_context(viewport={"width": 1280, "height": 800}, offline=True, **settings)
    yield _opened(context, path)
    context.close()


def _opened(context: Any, path: Path) -> Any:
    """A page whose attribute `requested` lists what it loads."""
    page = context.new_page()
    page.requested = []
    page.on("request", lambda request: page.requested.append(request.url))
    page.goto(path.as_uri())
    return page
