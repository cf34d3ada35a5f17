"""Layer three: a search of words and of rendered pages for what should never be there.

It looks for kinds of thing (an identifier, a postcode, a full date, a request to another machine), and it says
which kind and where, never what it found. It is the last net and not the gate: it knows no person's name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from html.parser import HTMLParser

_DATE = r"\b(?:19|20)\d{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!\d)"
IDENTIFIERS: dict[str, re.Pattern[str]] = {
    "a synthetic person's identifier": re.compile(r"\bSYN-[A-Z0-9-]*\d", re.IGNORECASE),
    "a Police National Computer identifier": re.compile(r"(?<![\d/.])(?:\d{2}|\d{4})/\d{4,7}[A-HJ-NP-RT-Z]\b"),
    "a postcode": re.compile(r"\b[A-PR-UWYZ][A-HK-Y]?\d[A-HJKMNP-Y\d]? ?\d[ABD-HJLNP-UW-Z]{2}\b"),
    "an NHS number": re.compile(r"(?<!\d)\d{3}[ -]\d{3}[ -]\d{4}(?!\d)"),
    "a National Insurance number": re.compile(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?(?:\d{2} ?){3}[A-D]\b"),
    "a full date": re.compile(_DATE + r"|\b\d{1,2}/\d{1,2}/(?:19|20)\d{2}\b"),
    "a path of somebody's folder": re.compile(r"/(?:home|Users)/[\w.-]+|[A-Za-z]:\\Users\\|\bfile://|/root/"),
}
DRAWN = frozenset(
    {"style", "d", "points", "transform", "viewbox", "fill", "stroke", "class", "for", "integrity"}
)
LOADING = {  # attributes that make a browser ask another machine
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
    "form": ("action",),
    "input": ("src",),
    "body": ("background",),
    "base": ("href",),
}
_ELSEWHERE = re.compile(r"(?:^|[\s,])(?:https?:)?//", re.IGNORECASE)
_STYLE_REQUEST = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])(?:https?:)?//", re.IGNORECASE)
_SCRIPT_REQUEST = re.compile(
    r"\bfetch\s*\(|XMLHttpRequest|\bimport\s*\(|importScripts|sendBeacon", re.IGNORECASE
)
_SCRIPT_DATA = re.compile(r"[\"']datasets?[\"']\s*:|vegaEmbed|Plotly\.newPlot|Bokeh\.", re.IGNORECASE)
_WHOLE = re.compile(r"\d+")


def identifiers(text: str, *, allowed: Collection[str] = ()) -> list[str]:
    """Kinds of identifier that a text holds, apart from the strings that are `allowed` (a study's own dates)."""
    for word in sorted(allowed, key=len, reverse=True):
        text = text.replace(word, " ")
    return [kind for kind, pattern in IDENTIFIERS.items() if pattern.search(text)]


def dates_in(text: str) -> set[str]:
    """Full ISO dates in a text that is the study's own, such as the protocol's window: these may be printed."""
    return set(re.findall(_DATE, text))


def scan_html(
    text: str, *, allowed: Collection[str] = (), threshold: int | None = None, engine_scripts: bool = False
) -> list[str]:
    """Problems with a rendered page, each a kind and a line; empty where the page may be published.

    Text, comments and attributes are searched for :data:`IDENTIFIERS`; scripts and styles are left out of
    that (hex colours look like postcodes) and searched for requests and embedded data instead. Links that a
    reader may follow are not requests.

    Parameters
    ----------
    text : the page
    allowed : strings to pass over, such as the dates of the protocol
    engine_scripts : the page has scripts of the engine that rendered it (Quarto's menus and tooltips), which hold
        code that could make requests; only data in scripts is then refused
    threshold : where given, a table cell with ``data-kind="count"`` may not hold 1 .. threshold - 1
    """
    page = _Page(allowed, threshold, engine_scripts)
    page.feed(text)
    page.close()
    return page.problems


class _Page(HTMLParser):
    def __init__(self, allowed: Collection[str], threshold: int | None, engine_scripts: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self._allowed = allowed
        self._threshold = threshold
        self._engine_scripts = engine_scripts
        self._raw: str | None = None  # "script" or "style" while inside one
        self._cell: list[str] | None = None  # the words of a count cell while inside one

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = [(name, value or "") for name, value in attrs]
        self._raw = tag if tag in ("script", "style") else self._raw
        for name, value in values:
            inline = value.lstrip().lower().startswith("data:")
            if name in LOADING.get(tag, ()) and not inline and _ELSEWHERE.search(value):
                self._say(f"a request to another machine (<{tag} {name}>)")
            if name == "style" and _STYLE_REQUEST.search(value):
                self._say(f"a request to another machine (<{tag} style>)")
            if name not in DRAWN and not inline:
                self._search(value, f"attribute {name} of <{tag}>")
        if tag in ("td", "th") and ("data-kind", "count") in values:
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag == self._raw:
            self._raw = None
        if tag in ("td", "th") and self._cell is not None:
            self._check_count("".join(self._cell))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._raw == "style":
            if _STYLE_REQUEST.search(data):
                self._say("a request to another machine (a style)")
        elif self._raw == "script":
            for kind, pattern in (
                ("data in a script", _SCRIPT_DATA),
                ("a request from a script", _SCRIPT_REQUEST),
            ):
                if pattern.search(data) and not (self._engine_scripts and pattern is _SCRIPT_REQUEST):
                    self._say(kind)
        else:
            self._search(data, "text")
            if self._cell is not None:
                self._cell.append(data)

    def handle_comment(self, data: str) -> None:
        self._search(data, "a comment")

    def _check_count(self, words: str) -> None:
        whole = _WHOLE.fullmatch(words.strip().replace(",", ""))
        if whole and self._threshold is not None and 0 < int(whole.group()) < self._threshold:
            self._say("a count under the threshold")

    def _search(self, text: str, where: str) -> None:
        for kind in identifiers(text, allowed=self._allowed):
            self._say(f"{kind} ({where})")

    def _say(self, what: str) -> None:
        self.problems.append(f"line {self.getpos()[0]}: {what}")


def strings(value: object) -> Iterator[str]:
    """Every string in nested lists and dictionaries, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from strings(key)
            yield from strings(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from strings(part)
