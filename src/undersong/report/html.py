"""One self-contained page: styles and figures are inside it, it asks no network for anything, and runs no script.

Whatever is shown was written by strangers (a model, a corpus, a folder's name), so everything is escaped by default,
what would not show is written as its escape, and a Content-Security-Policy forbids all but the page's own style sheet,
by its hash, and images that are in it. Knows nothing of models.
"""

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from undersong.errors import UserError
from undersong.files import reason, write_atomically
from undersong.report.tables import Table
from undersong.text import visible

GENERATOR = "undersong report"
_POLICY = "default-src 'none'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Notice:
    """Something that must not be missed; ``warning`` where it limits what the page may be read to say."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure for light pages and the same for dark ones, as SVG or PNG.

    Attributes:
        light, dark: the files' bytes.
        caption: stands below.
        alt: what it shows, for those who do not see it.
    """

    light: bytes
    dark: bytes
    caption: str
    alt: str

    @staticmethod
    def uri(image: bytes) -> str:
        """The image as a data URI."""
        kind = "png" if image.startswith(b"\x89PNG") else "svg+xml"
        return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


Block = Paragraph | Notice | Picture | Table


@dataclass(frozen=True)
class Section:
    """A part of the page under its own heading."""

    title: str
    blocks: tuple[Block, ...]


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The page as HTML.

    Args:
        title: its heading.
        lead: one paragraph below the heading.
        sections: those without blocks are left out.
    """
    style = (resources.files("undersong.report") / "templates" / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=title,
            lead=lead,
            sections=[section for section in sections if section.blocks],
            style=Markup(style),  # our own file; escaped, it would not be the text that was hashed
            policy=_POLICY.format(digest),
            generator=GENERATOR,
        )
    )


def check_place(out: Path, force: bool = False) -> None:
    """Refuse a place where a report must not go, before any work is done.

    A report is made from runs and can be made again, so an older report is replaced; any other file is not.

    Raises:
        UserError: there is something else, or no folder to write in.
    """
    if out.is_dir():
        raise UserError(f"{out} is a folder: name a file in it, such as {out / 'report.html'}.")
    parent = out.resolve().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"{out} cannot be written: {parent} is not a folder that you may write in.")
    if out.exists() and not force and GENERATOR.encode() not in _start(out):
        raise UserError(
            f"{out} exists and is no report of undersong: choose another --out, or replace it with --force."
        )


def save(made: str, out: Path) -> None:
    """Write a page, whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, made.encode("utf-8"))
    except OSError as error:
        raise UserError(f"{out} cannot be written ({reason(error)}): choose another --out.") from None


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2048)


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("undersong.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    for kind in (Paragraph, Notice, Picture, Table):
        made.tests[kind.__name__.lower()] = lambda value, kind=kind: isinstance(value, kind)
    return made


def _shown(value: object) -> object:
    """Applied to everything the template prints, before it is escaped."""
    return value if isinstance(value, Markup) else visible(str(value))
