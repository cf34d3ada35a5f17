"""Where the pages' own source lies: beside the code in a wheel, in reports/ in a checkout."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import UsageError

_INSTALLED = Path(__file__).parent / "pages"
_CHECKOUT = Path(__file__).parents[3] / "reports"


def page_source(name: str = "study.qmd") -> Path:
    """The path of a page's source ('study.qmd', 'theme.css'), with its style sheet and settings beside it.

    Raises
    ------
    UsageError
        There is no page of that name.
    """
    found = next((folder / name for folder in (_CHECKOUT, _INSTALLED) if (folder / name).is_file()), None)
    if found is None:
        known = sorted(
            {p.name for folder in (_CHECKOUT, _INSTALLED) if folder.is_dir() for p in folder.glob("*.qmd")}
        )
        raise UsageError(f"name={name!r} is not a page of the report. Pages: {known}.")
    return found
