"""What this environment is and can do, in plain text."""

from __future__ import annotations

import shutil

from .. import __version__
from ..core.methods import MATCHING, POOLING
from .environment import package_versions, source_sha


def doctor_text() -> str:
    """Versions, report engines with the reason for the automatic choice, and the methods there are."""
    from ..report.engine import choose_engine

    lines = [f"pdd-outcomes {__version__} (source {source_sha()[:12]})"]
    lines += [f"  {name} {version}" for name, version in package_versions().items()]
    lines += [f"report {choose_engine('auto')}"]
    lines += [f"make: {'found' if shutil.which('make') else 'not found; use `pdd run STUDY`'}"]
    lines += [
        "matching methods",
        *(f"  {m.name}: {', '.join(sorted(m.estimands))} ({m.cite})" for m in MATCHING.values()),
    ]
    lines += ["pooling methods", *(f"  {m.name} ({m.cite})" for m in POOLING.values())]
    return "\n".join(lines)
