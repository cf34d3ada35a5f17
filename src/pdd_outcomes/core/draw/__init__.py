"""Drawing functions: a frame in, a matplotlib Axes out, and alt text from the same frame."""

from .curves import curves_alt, draw_curves
from .ecdf import draw_ecdf, ecdf_alt
from .forest import draw_forest, forest_alt
from .love import draw_love, love_alt
from .overlap import draw_overlap, overlap_alt
from .style import ArmStyle, arm_style, house_style

__all__ = [
    "ArmStyle",
    "arm_style",
    "curves_alt",
    "draw_curves",
    "draw_ecdf",
    "draw_forest",
    "draw_love",
    "draw_overlap",
    "ecdf_alt",
    "forest_alt",
    "house_style",
    "love_alt",
    "overlap_alt",
]
