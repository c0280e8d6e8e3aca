"""The page holds what it was given and nothing else: no script, no address, no mark that hides."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from undersong.errors import UserError
from undersong.report.figures import DARK, LIGHT, Series, over_training, png, svg
from undersong.report.html import Notice, Paragraph, Picture, Section, check_place, page
from undersong.report.tables import Cell, Table

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}",
    "{{ 7 * 7 }}{% raw %}",
    "</title><base href=//evil.example>",
    "javascript:alert(1)",
    "\x00\x1b[2J\u202egnp.exe\u2028",
    "\ud800 lone",
]
VOID = {"meta", "img", "source"}


class Reader(HTMLParser):
    """The tags, the attributes and the text of a page, as a browser would take them; balanced, or it fails."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def everywhere(text: str) -> str:
    """A page with a text in every place that takes one."""
    picture = Picture(svg(over_training([Series(text, [1, 2], [1, 2])], text, text)), b"\x89PNG", text, text)
    cells = ((Cell(text, detail=text, best=True, mark=text), Cell(1.0, best=True)), (Cell(None, detail=text), Cell(2)))
    table = Table(text, (text, text), cells, (text,), prose=True)
    return page(text, text, [Section(text, (Paragraph(text), Notice(text, True), picture, table))])


PLAIN = Reader(everywhere("plain"))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text: str) -> None:
    made = everywhere(text)
    read = Reader(made.encode("utf-8").decode("utf-8"))
    assert [tag for tag, _ in read.tags] == [tag for tag, _ in PLAIN.tags]
    assert [list(given) for _, given in read.tags] == [list(given) for _, given in PLAIN.tags]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]", made)


def test_the_text_itself_is_shown() -> None:
    assert Reader(everywhere(HOSTILE[0])).text.count(HOSTILE[0]) >= 9
    assert "\\x1b[2J\\u202egnp.exe" in Reader(everywhere(HOSTILE[7])).text


def test_nothing_is_asked_of_a_network() -> None:
    for text in ("plain", "see http://evil.example/x.png"):
        for tag, given in Reader(everywhere(text)).tags:
            assert tag not in {"script", "link", "iframe", "object", "form", "base"}
            assert not any(name.startswith("on") or name == "style" for name in given)
            for name in ("src", "srcset", "href"):
                assert (given.get(name) or "#").startswith(("#", "data:image/"))
    style = re.search(r"<style>(.*?)</style>", everywhere("plain"), re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_the_policy_allows_our_style_sheet_and_no_other() -> None:
    made = everywhere("plain")
    style = re.search(r"<style>(.*?)</style>", made, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    (policy,) = [given["content"] for tag, given in PLAIN.tags if given.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_figures_come_in_two_brightnesses() -> None:
    light, dark = (png(over_training([Series("a", [1], [2])], "x", "y", theme)) for theme in (LIGHT, DARK))
    tags = dict(Reader(page("t", "l", [Section("s", (Picture(light, dark, "c", "a"),))])).tags)
    assert base64.b64decode(str(tags["img"]["src"]).partition(",")[2]) == light
    assert base64.b64decode(str(tags["source"]["srcset"]).partition(",")[2]) == dark
    assert tags["source"]["media"] == "(prefers-color-scheme: dark)"


def test_what_is_not_known_is_a_dash_and_a_section_without_content_is_left_out() -> None:
    made = page("t", "l", [Section("empty", ()), Section("s", (Table("t", ("a",), ((Cell(None),),)),))])
    assert "–" in made
    assert "None" not in made
    assert "empty" not in made


def test_only_a_report_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    check_place(out)
    out.write_text(page("t", "l", []), encoding="utf-8")
    check_place(out)
    out.write_text("my thesis", encoding="utf-8")
    with pytest.raises(UserError, match="no report of undersong"):
        check_place(out)
    check_place(out, force=True)
    with pytest.raises(UserError, match="is a folder"):
        check_place(tmp_path, force=True)
    with pytest.raises(UserError, match="not a folder"):
        check_place(out / "below.html")
