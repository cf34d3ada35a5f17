"""Figures as accessible inline SVG, drawn from released frames only."""

from .picture import Picture

__all__ = ["Picture"]
