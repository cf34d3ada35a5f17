"""The flow of exclusions: every row that came in is in the cohort or left out by a named rule."""

from __future__ import annotations

import pandas as pd

COLUMNS = ("stream", "step", "label", "rule", "n_in", "n_excluded", "n_out")


class Flow:
    """Steps of one stream; each takes what the one before left."""

    def __init__(self, stream: str, n: int) -> None:
        self._stream, self._n = stream, n
        self._rows: list[tuple[str, int, str, str, int, int, int]] = []

    def exclude(self, label: str, rule: str, excluded: int) -> None:
        """Note that `excluded` of those left are excluded by `rule`; `label` says who remains."""
        left = self._n - excluded
        if left < 0:
            raise ValueError(f"{self._stream}: more are excluded by '{rule}' than are left")
        self._rows.append((self._stream, len(self._rows) + 1, label, rule, self._n, excluded, left))
        self._n = left

    def frame(self) -> pd.DataFrame:
        """The steps, a row each; n_in - n_excluded = n_out, and n_out is the next n_in."""
        return pd.DataFrame(self._rows, columns=list(COLUMNS))
