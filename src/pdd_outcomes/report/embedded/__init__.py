"""Renders a .qmd without Quarto: nbclient runs the cells, pandoc makes the page."""
