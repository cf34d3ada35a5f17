"""Invented suspects: who they are, where they were arrested, and whether they were diverted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import optimize, special

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.errors import UsageError
from .parameters import COMPARISON, SCHEME, Settings

OFFENCES = ("possession_class_a", "possession_class_b", "possession_other")
ETHNICITIES = ("Asian", "Black", "Mixed", "Other", "White")


@dataclass(slots=True)
class People:
    """Arrays of one length n, a place for each suspect."""

    force: IntArray  # place in SCHEME + COMPARISON
    age: IntArray
    male: BoolArray
    ethnicity: IntArray
    imd_decile: IntArray
    offence: IntArray
    prior_offences: IntArray
    prior_drug: IntArray
    prior_treatment: BoolArray
    hidden: FloatArray  # a trait that no record holds
    risk: FloatArray  # log hazard of reoffending relative to the average, without force and treatment
    need: FloatArray  # log hazard of entering treatment relative to the average
    started: BoolArray | None = (
        None  # whether the force's scheme ran on the day of the arrest; None: every scheme did
    )
    officer: IntArray | None = None  # number of the officer within the force
    leniency: FloatArray | None = None  # the officer's log odds of diverting; None: all alike

    @property
    def in_scheme(self) -> BoolArray:
        """Arrested in a force that runs a scheme, since it started."""
        there = self.force < len(SCHEME)
        return np.asarray(there if self.started is None else there & self.started)


@dataclass(frozen=True, slots=True)
class Population:
    """What a part of a large world must not work out from its own people: averages over all of them."""

    shares: FloatArray  # (13,) of the suspects by force
    risk: float  # mean of the log hazard of reoffending, before it is centred
    need: float  # the same of entering treatment
    score: tuple[float, float] = (0.0, 1.0)  # mean and SD of what an officer sees


def draw_people(
    rng: np.random.Generator, n: int, settings: Settings, population: Population | None = None
) -> People:
    """n suspects. Risk rises with priors and deprivation, falls with age; all of it stands in the records but `hidden`.

    `population`: what they are a part of; None if they are all that there are.
    """
    shares = sizes(rng, settings) if population is None else population.shares
    force = rng.choice(len(SCHEME) + len(COMPARISON), size=n, p=shares)
    age = np.clip(np.round(18 + rng.gamma(1.9, 6.4, n)), 18, 80).astype(np.int64)
    male = rng.random(n) < 0.86
    ethnicity = rng.choice(5, n, p=[0.08, 0.09, 0.04, 0.02, 0.77])
    imd = np.clip(np.ceil(10 * rng.beta(1.0, 1.6, n)), 1, 10).astype(np.int64)
    offence = rng.choice(3, n, p=[0.27, 0.65, 0.08])
    burden = rng.gamma(0.55, 1.0, n) * np.where(male, 1.1, 0.7) * np.where(offence == 0, 1.35, 0.9)
    priors = np.minimum(rng.poisson(2.4 * burden), 40)
    prior_drug = rng.binomial(priors, 0.3)
    prior_treatment = rng.random(n) < special.expit(-3.6 + 0.55 * np.log1p(priors) + 0.8 * (offence == 0))
    hidden = rng.standard_normal(n)
    risk = (
        0.48 * np.log1p(priors)
        + 0.12 * np.log1p(prior_drug)
        - 0.024 * (np.minimum(age, 55) - 28)
        + 0.22 * male
        + 0.16 * (offence == 0)
        - 0.035 * (imd - 4)
        + 0.15 * prior_treatment
        + (0.5 * hidden if settings.hidden_selection else 0.0)
    )
    need = (
        0.5 * np.log1p(priors)
        + 1.0 * (offence == 0)
        + 1.2 * prior_treatment
        + 0.02 * (np.minimum(age, 50) - 28)
    )
    return People(
        force,
        age,
        male,
        ethnicity,
        imd,
        offence,
        priors,
        prior_drug,
        prior_treatment,
        hidden,
        risk - (risk.mean() if population is None else population.risk),
        need - (need.mean() if population is None else population.need),
    )


def population_of(people: People, shares: FloatArray, settings: Settings) -> Population:
    """The averages of these people, drawn with `shares` and with a centre of nought: what a further draw is a part of."""
    shown = _shown(people, settings)
    return Population(
        shares,
        float(people.risk.mean()),
        float(people.need.mean()),
        (float((shown - people.risk.mean()).mean()), float(shown.std())),
    )


def centred(people: People, population: Population) -> People:
    """The same people with log hazards measured from the averages of `population`."""
    return replace(people, risk=people.risk - population.risk, need=people.need - population.need)


def sizes(rng: np.random.Generator, settings: Settings) -> FloatArray:
    """Shares of the suspects by force: scheme forces together hold `scheme_share`."""
    scheme, comparison = rng.uniform(0.6, 1.4, len(SCHEME)), rng.uniform(0.8, 1.2, len(COMPARISON))
    shares = np.concatenate(
        [
            settings.scheme_share * scheme / scheme.sum(),
            (1 - settings.scheme_share) * comparison / comparison.sum(),
        ]
    )
    return np.asarray(shares)


def _shown(people: People, settings: Settings) -> FloatArray:
    """What the records show an officer of a suspect's risk, and what officers make of it."""
    return np.asarray(
        people.risk
        - (0.5 * people.hidden if settings.hidden_selection else 0.0)
        + 0.25 * (people.offence == 0)
        + 0.15 * np.isin(people.ethnicity, (0, 1))
        + 0.3 * (people.prior_offences > 0)
    )


def selection_score(people: People, settings: Settings, population: Population | None = None) -> FloatArray:
    """What makes an officer less ready to divert, in standard deviations of what the records show."""
    shown = _shown(people, settings)
    centre, spread = (shown.mean(), shown.std()) if population is None else population.score
    return np.asarray((shown - centre) / spread)


@dataclass(frozen=True, slots=True)
class Selection:
    """How officers choose: how strongly on what they see, and how readily in each force."""

    strength: float
    shift: FloatArray  # (9,) log odds of diverting an average suspect

    def probability(
        self, people: People, settings: Settings, population: Population | None = None
    ) -> FloatArray:
        """(n,) probability of being diverted; 0 where no scheme runs."""
        score = _reluctance(people, self.strength, settings, population)
        shift = np.append(self.shift, np.zeros(len(COMPARISON)))[people.force]
        return np.asarray(np.where(people.in_scheme, special.expit(shift - score), 0.0))


def _reluctance(
    people: People, strength: float, settings: Settings, population: Population | None = None
) -> FloatArray:
    score = strength * selection_score(people, settings, population) + settings.hidden_selection * people.hidden
    return np.asarray(score if people.leniency is None else score - people.leniency)


def select(
    rng: np.random.Generator, people: People, strength: float, draw: FloatArray, settings: Settings
) -> tuple[BoolArray, Selection]:
    """Who is diverted, and how they were chosen: in scheme forces, fewer of those at higher risk. `draw` (n,) uniform
    numbers are given, so that another strength of selection moves the same people.
    """
    uptake = np.linspace(-0.09, 0.09, len(SCHEME)) + settings.uptake
    uptake = rng.permutation(uptake)
    score = _reluctance(people, strength, settings)
    exposed = people.in_scheme
    diverted = np.zeros(len(draw), dtype=bool)
    shifts = np.zeros(len(SCHEME))
    for f in range(len(SCHEME)):
        here = np.flatnonzero((people.force == f) & exposed)
        if not len(here):
            continue
        theirs, wanted = score[here], uptake[f]
        shifts[f] = root(partial(_miss, theirs, wanted), -9.0, 9.0)
        diverted[here] = draw[here] < special.expit(shifts[f] - score[here])
    return diverted, Selection(strength, shifts)


def _miss(score: FloatArray, wanted: float, shift: float) -> float:
    return float(special.expit(shift - score).mean() - wanted)


def root(miss: Callable[[float], float], low: float, high: float, *, xtol: float = 2e-12) -> float:
    """Where `miss` is 0 between `low` and `high`; a UsageError where these settings cannot give the published risks."""
    if miss(low) * miss(high) > 0:
        raise UsageError(
            "these settings cannot give the published risks: no strength of selection or of effect meets them. "
            "Move uptake or hidden_selection nearer to its default."
        )
    return float(optimize.brentq(miss, low, high, xtol=xtol))
