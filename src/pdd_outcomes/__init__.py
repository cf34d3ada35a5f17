"""Does police drug diversion work? Matched comparisons, survival analysis of reoffending, and reports.

Import from the rooms: ``pdd_outcomes.design``, ``.survival``, ``.effects``, ``.synthesis``,
``.robustness``. Importing this package alone loads nothing heavy.
"""

__version__ = "0.1.0"
