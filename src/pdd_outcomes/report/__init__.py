"""Pages from released findings only."""

from .source import page_source

__all__ = ["page_source"]
