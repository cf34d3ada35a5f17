"""Figures as accessible inline SVG, drawn from released frames."""
