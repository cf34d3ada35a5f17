"""Which officer a suspect meets, and whether the force's scheme runs by then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.columns import FloatArray, IntArray
from .parameters import COMPARISON, SCHEME, Settings
from .people import People

NEVER = 10**6


def leniencies(rng: np.random.Generator, settings: Settings) -> FloatArray:
    """(13, officers) log odds of diverting, of each officer of each force."""
    shape = (len(SCHEME) + len(COMPARISON), settings.officers)
    return np.asarray(settings.officer_leniency * rng.standard_normal(shape))


def meet(
    rng: np.random.Generator, people: People, leniency: FloatArray, settings: Settings
) -> tuple[People, IntArray | None]:
    """The people with their officers, met at random; and days (n,) to the index incident where schemes start one after
    another (else None: the day is drawn with the tables, and every scheme has started).
    """
    n = len(people.force)
    officer = rng.integers(0, settings.officers, n)
    met = replace(
        people,
        officer=officer,
        leniency=leniency[people.force, officer] if settings.officer_leniency else None,
    )
    if not settings.staggered:
        return met, None
    index = rng.integers(0, settings.index_days, n)
    starts = np.concatenate([settings.scheme_starts(), np.full(len(COMPARISON), NEVER)])
    return replace(met, started=index >= starts[people.force]), index
