"""Drawing functions: a frame in, a matplotlib Axes out, and alt text from the same frame."""

from .at_risk import draw_at_risk
from .curves import curves_alt, draw_curves
from .ecdf import draw_ecdf, ecdf_alt
from .forest import draw_forest, forest_alt
from .incidence import draw_incidence, draw_stacked, incidence_alt, stacked_alt
from .love import draw_love, love_alt
from .over_time import draw_over_time, over_time_alt
from .overlap import draw_overlap, overlap_alt
from .style import ArmStyle, arm_style, house_style

__all__ = [
    "ArmStyle",
    "arm_style",
    "curves_alt",
    "draw_at_risk",
    "draw_curves",
    "draw_ecdf",
    "draw_forest",
    "draw_incidence",
    "draw_love",
    "draw_over_time",
    "draw_overlap",
    "draw_stacked",
    "ecdf_alt",
    "forest_alt",
    "house_style",
    "incidence_alt",
    "love_alt",
    "over_time_alt",
    "overlap_alt",
    "stacked_alt",
]
