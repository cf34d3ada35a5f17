"""The parts of a plan that a study may leave out: for whom, engagement, equity, economics, roll-out, instrument, forces.

A part that is not there is not estimated, and has no heading in the report.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .parts import AtLeastOne, Flag, Ident, Number, Part, Positive, Text, Whole

Bands = dict[Text, tuple[Number, ...]]


class Moderators(Part):
    """Groups in which the headline's effect is estimated, named before anybody looked."""

    by: tuple[Text, ...] = Field(min_length=1)
    bands: Bands = Field(default_factory=dict)
    horizon: Positive | None = None
    minimum: AtLeastOne = 30
    exploratory: Flag = False


class Engagement(Part):
    """The stages of a scheme, in order; the last of them is completion."""

    stages: tuple[Text, ...] = ("referred", "assessed", "attended", "completed")
    horizon: Positive | None = None


class Equity(Part):
    """Groups whose chances of being diverted, and of completing, are compared."""

    by: tuple[Text, ...] = Field(min_length=1)
    bands: Bands = Field(default_factory=dict)
    adjust: tuple[Text, ...] = ()
    minimum: AtLeastOne = 30
    net_widening: Flag = False


class Uprating(Part):
    """The index by which unit costs of other years are brought to one year's prices."""

    index: Text
    file: Text
    to: Annotated[Whole, Field(ge=1990, le=2100)]


class Economics(Part):
    """Unit costs, in a file beside the protocol, and what is counted for each.

    A count is "diverted", "not diverted", "custody days", or "events of" an outcome.
    """

    costs: Text
    counts: dict[Ident, Text] = Field(min_length=1)
    horizon: Positive | None = None
    uprating: Uprating | None = None
    replicates: Annotated[Whole, Field(ge=200, le=100_000)] = 999


class RollOut(Part):
    """Schemes that start one after another, compared over calendar time."""

    period: Literal["month", "quarter"] = "quarter"
    horizon: Positive | None = None
    control: Literal["never", "not_yet"] = "not_yet"
    replicates: Annotated[Whole, Field(ge=200, le=100_000)] = 1999


class Instrument(Part):
    """The officer who decided, as an instrument for being diverted."""

    minimum: Annotated[Whole, Field(ge=2, le=10_000)] = 20
    horizon: Positive | None = None
    adjust: tuple[Text, ...] = ()


class Forces(Part):
    """What is known of each scheme, and how inference over few forces is done.

    `residual_sd` is the SD of the log hazard by which forces differ anyway, where an outside source gives one, and
    `comparison_forces` the number of those that the scheme forces were compared with.
    """

    features: dict[Text, dict[Text, Number]] = Field(default_factory=dict)
    replicates: Annotated[Whole, Field(ge=200, le=100_000)] = 1999
    residual_sd: Positive | None = None
    comparison_forces: AtLeastOne | None = None
