"""matplotlib pictures as inline SVG: text alternatives, ids of their own, coordinates to a tenth, the same bytes every time.

A picture is drawn twice, once for a page and once for a phone, because text in one drawing scaled to both would be too small in the
second; the style sheet shows the one that fits.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from markupsafe import Markup

from ...core.draw.style import house_style
from ..tables import piece

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Size = tuple[float, float]  # inches
Draw = Callable[["Figure"], None]
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
PLACES = 1  # decimals of coordinates, in points
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_DRAWN = frozenset({"d", "points", "x", "y", "width", "height", "cx", "cy", "r", "viewBox"})
_POINTER = re.compile(r"url\(#([^)]+)\)")
_FAMILY = re.compile(r" ?font-family: [^;]+;?")
_UPRIGHT = re.compile(r"^rotate\(-?0(?:\.0+)? [^)]*\)$")


def picture(draw: Draw, *, id: str, title: str, alt: str, wide: Size, narrow: Size) -> str:
    """The HTML of a picture in two widths.

    Parameters
    ----------
    draw : draws on an empty figure; called once for each size
    id : of the figure in the page; ids inside the drawings begin with it
    title, alt : the name of the picture, and what it shows in words
    wide, narrow : inches
    """
    drawings = {
        name: Markup(inline(drawing(draw, size), prefix=f"{id}-{name}", title=title, alt=alt))
        for name, size in (("wide", wide), ("narrow", narrow))
    }
    return piece("figure", **drawings)


def drawing(draw: Draw, size: Size) -> str:
    """SVG as matplotlib writes it, in the house style and without a date. No figure is left with pyplot."""
    from matplotlib.figure import Figure

    with house_style():
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata=NO_METADATA, transparent=True)
    return stream.getvalue().decode("utf-8")


def inline(svg: str, *, prefix: str, title: str, alt: str) -> str:
    """An SVG document as an accessible part of a page.

    Metadata, style sheet and fixed size go; it becomes an image with title and description; ids that something points
    to are prefixed and the others dropped; coordinates are rounded; text takes the page's font.
    """
    root = ET.fromstring(svg)
    _undress(root)
    pointed = {name for one in root.iter() for name in _targets(one)}
    for one in root.iter():
        _tidy(one, prefix, pointed)
    box = " ".join(_rounded(part) for part in root.attrib["viewBox"].split())
    root.attrib.clear()
    root.attrib.update(
        {
            "viewBox": box,
            "role": "img",
            "aria-labelledby": f"{prefix}-title {prefix}-desc",
            "stroke-linejoin": "round",
            "stroke-linecap": "butt",
        }
    )
    for place, (tag, words) in enumerate((("title", title), ("desc", alt))):
        described = ET.Element(tag, {"id": f"{prefix}-{tag}"})
        described.text = " ".join(words.split())
        root.insert(place, described)
    return ET.tostring(root, encoding="unicode")


def _undress(root: ET.Element) -> None:
    """Names without namespaces; no metadata, no style sheet (its rules would reach the whole page), no bare groups."""
    for one in root.iter():
        one.tag = one.tag.rpartition("}")[2]
        one.attrib.update({name.rpartition("}")[2]: one.attrib.pop(name) for name in list(one.attrib)})
        one.tail = None
        one.text = one.text if one.tag == "text" else None
    _flatten(root)


def _flatten(parent: ET.Element) -> None:
    """Children in the place of groups that only hold them; nothing left of what is empty."""
    kept: list[ET.Element] = []
    for child in list(parent):
        parent.remove(child)
        if child.tag in ("metadata", "style"):
            continue
        _flatten(child)
        if child.tag == "g" and set(child.attrib) <= {"id"}:
            kept.extend(child)
        elif child.tag != "defs" or len(child):
            kept.append(child)
    parent.extend(kept)


def _targets(one: ET.Element) -> list[str]:
    """Ids that an element points to."""
    found = [name for value in one.attrib.values() for name in _POINTER.findall(value)]
    link = one.attrib.get("href", "")
    return [*found, link[1:]] if link.startswith("#") else found


def _tidy(one: ET.Element, prefix: str, pointed: set[str]) -> None:
    given = one.attrib
    if "id" in given:
        name = given.pop("id")
        if name in pointed:
            given["id"] = f"{prefix}-{name}"
    for name, value in given.items():
        if name == "href":
            given[name] = f"#{prefix}-{value[1:]}"
        elif name in _DRAWN or name == "transform":
            given[name] = " ".join(_NUMBER.sub(lambda number: _rounded(number[0]), value).split())
        else:
            given[name] = _FAMILY.sub("", _POINTER.sub(rf"url(#{prefix}-\1)", value))  # the page's own font
    if _UPRIGHT.match(given.get("transform", "")):
        del given["transform"]


def _rounded(number: str) -> str:
    words = f"{float(number):.{PLACES}f}".rstrip("0").rstrip(".")
    return "0" if words == "-0" else words
