"""Engagement: what being offered, being diverted and completing each do, side by side, each with what it assumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray
from ..core.draw.forest import draw_forest, forest_alt
from ..core.errors import PddError, UsageError, rows_phrase
from ..core.formula import model_matrix
from ..core.results import TIDY, Shown, check_level, critical, tidy_frame
from ..design import Design
from .engagement_contrasts import (
    Contrast,
    People,
    as_treated,
    check_design,
    complier,
    of_design,
    plain,
    selection,
    strength,
)


@dataclass(frozen=True, slots=True, eq=False)
class Engagement(Shown):
    """Effects of the offer, of diversion and of completing, and the naive comparison of completers.

    Attributes
    ----------
    contrasts : in the order intention to treat, matched ATT, complier (and complier of starting), as treated, naive
    selection : the naive risk difference less the complier one, its standard error, and why there is none
    instrument : the column used as instrument
    first_stage : difference in completing between the instrument's 1 and 0, and its standard error
    counts : people exposed, offered, started, completed
    level : of the intervals, unless `.tidy` is asked for another
    """

    contrasts: tuple[Contrast, ...]
    selection: tuple[float, float, str]
    instrument: str
    first_stage: tuple[float, float]
    n: int
    counts: dict[str, int]
    level: float

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """Standard rows, led by estimand and measure.

        `measure` is risk_treated, risk_control, risk_difference and risk_ratio (std_error on the log scale). `term` is
        the column whose 1 is compared with its 0, `assumes` what makes the row an effect, `status` "ok" or
        "not_estimable", `reason` why there is no estimate or interval, `note` what weakens one. The last row, "naive minus
        complier", is how much of the naive contrast is selection.
        """
        wanted = self.level if level is None else check_level(level)
        frame = pd.concat([one.rows(wanted) for one in self.contrasts], ignore_index=True)
        value, error, reason = self.selection
        last = tidy_frame([self.contrasts[-1].term], value, error, level=wanted)
        last = last.assign(
            estimand="naive minus complier",
            measure="risk_difference",
            reason=reason,
            note="",
            n_treated=self.contrasts[-1].n_treated,
            n_control=self.contrasts[-1].n_control,
            assumes="what the complier effect assumes; what the naive contrast has beyond it is then selection",
        )
        frame = pd.concat([frame, last], ignore_index=True)
        status = np.where(frame["estimate"].isna(), "not_estimable", "ok")
        frame = frame.assign(status=status)
        return frame[
            ["estimand", "measure", *TIDY, "n_treated", "n_control", "status", "reason", "note", "assumes"]
        ]

    def glance(self) -> pd.DataFrame:
        """One row: people at each step, the instrument, and how strongly it moves completing."""
        step, error = self.first_stage
        return pd.DataFrame(
            [
                {
                    "n": self.n,
                    **{f"n_{k}": v for k, v in self.counts.items()},
                    "instrument": self.instrument,
                    "first_stage": step,
                    "first_stage_f": strength(step, error),
                }
            ]
        )

    @property
    def _effect(self) -> Contrast:
        return next(one for one in self.contrasts if one.estimand == "complier")

    @property
    def bias_explained(self) -> str:
        """How much of the difference between completers and non-completers is who completes, in words."""
        naive, effect = self.contrasts[-1], self._effect
        value, error, reason = self.selection
        if naive.reason:
            return f"The naive contrast of completers cannot be estimated: {naive.reason}."
        crude = _points(naive.difference)
        said = (
            f"Completers' risk less that of diverted people who did not complete is {crude} percentage points."
        )
        if np.isnan(value):
            return f"{said} How much of that is selection cannot be estimated: {reason}."
        half = float(critical(self.level)) * error
        between = "" if np.isnan(error) else f" ({_points(value - half)} to {_points(value + half)})"
        size = _points(effect.difference)
        return (
            f"{said} The effect of completing on those whom the offer brings to complete is {size}. The rest, "
            f"{_points(value)}{between}, is not effect but who completes, "
            "if the offer is as good as random and acts only through completing."
        )

    def words(self) -> str:
        """A line for each estimand: the risk difference in percentage points, its interval, and what it assumes."""
        table = self.tidy()
        rows = table.loc[table["measure"] == "risk_difference"].to_dict("records")
        lines = []
        for one, row in zip(self.contrasts, rows):
            if one.reason:
                said = f"not estimable: {one.reason}"
            else:
                said = f"risk difference {_points(row['estimate'])} percentage points"
                if not np.isnan(row["conf_low"]):
                    said += f" ({_points(row['conf_low'])} to {_points(row['conf_high'])})"
                said += f"; {row['reason']}" if row["reason"] else ""
                said += f"; {one.note}" if one.note else ""
            lines.append(
                f"{one.estimand[0].upper()}{one.estimand[1:]} ({one.term}): {said}. It assumes {one.assumes}."
            )
        return "\n".join([*lines, self.bias_explained])

    def _forest(self) -> pd.DataFrame:
        table = self.tidy()
        table = table.loc[
            (table["measure"] == "risk_difference") & (table["estimand"] != "naive minus complier")
        ]
        gone = table["conf_low"].isna()
        kind = np.where(gone, "not_estimable", "study")
        return table.assign(label=table["estimand"], kind=kind)

    def plot(self, ax: Any = None) -> Any:
        """Risk differences with their intervals, one under another; takes and returns a matplotlib Axes."""
        return draw_forest(self._forest(), ax, null=0.0, log=False, measure="Risk difference", digits=3)

    def alt_text(self) -> str:
        """The picture in words, from its own numbers."""
        return forest_alt(self._forest(), null=0.0, log=False, digits=3) + " " + self.bias_explained


def engagement(
    data: pd.DataFrame,
    outcome: str,
    *,
    offered: str,
    completed: str,
    started: str | None = None,
    exposed: str | None = None,
    design: Design | None = None,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    level: float = 0.95,
) -> Engagement:
    r"""Intention to treat, matched ATT, complier, as-treated and naive contrasts of a yes/no outcome, side by side.

    With `Z` the instrument (`exposed`, or else `offered`), `D` completing and `Y` the outcome, in differences between the
    two groups of `Z`: the intention to treat is :math:`\Delta Y`, and the complier effect the Wald ratio

    .. math:: \hat\tau = \frac{\Delta Y}{\Delta D}, \qquad
              \psi_i(\hat\tau) = \frac{\psi_i(\Delta Y) - \hat\tau\,\psi_i(\Delta D)}{\Delta D},

    whose influence :math:`\psi` (the delta method) gives its clustered variance. Where nobody completes without the offer it is
    the effect on completers (Bloom). The compliers' two risks are :math:`\Delta(YD)/\Delta D` and
    :math:`-\Delta(Y(1-D))/\Delta D`. As treated compares completers with everybody not diverted, whose outcomes a logistic model
    of the covariates carries over to the completers. Naive compares diverted people who completed with those who did not.
    Diverted means `started` where that is named, else `offered`.

    Parameters
    ----------
    data : one row a person, everybody eligible, offered or not
    outcome : 0/1 column, known for everyone
    offered, started, completed : 0/1 columns of the steps
    exposed : 0/1 column of where or when the offer could be made, such as arrest in a force with a scheme
    design : matched or weighted on `offered` or `started`, for the ATT; it brings its own weights and clusters
    covariates, formula : of the as-treated comparison; none leaves it crude, and the row says so
    weights : column of weights of the contrasts other than the ATT, taken as given; such as ones that balance `exposed`
    cluster : column, or two, of what varies together, such as the force; the ATT's sets are clustered on it as well

    Returns
    -------
    Engagement
        A contrast that cannot be estimated is a row with its reason: no design, an instrument that does not move
        completing, a model that separates.

    Raises
    ------
    UsageError, DataError
        Columns that are not 0/1; completing without starting; an empty arm; a design that is not of these people.

    References
    ----------
    Bloom (1984) Evaluation Review 8:225-246. Angrist, Imbens and Rubin (1996) JASA 91:444-455. Imbens and Rubin (1997) Review
    of Economic Studies 64:555-574, for the compliers' risks. Lulham (2009), for the same programme read two ways.
    """
    check_level(level)
    names = {"exposed": exposed, "offered": offered, "started": started, "completed": completed}
    take = Columns(data)
    y = take.binary("outcome", outcome, both=False).astype(float)
    steps = {role: take.binary(role, column) for role, column in names.items() if column is not None}
    weight = take.weights("weights", weights)
    clusters = _clusters(take, cluster)
    values = _values(take, data, covariates, formula)
    if "started" in steps:
        late = np.flatnonzero(steps["completed"] & ~steps["started"])
        if len(late):
            take.problem(
                f"completed={completed!r} is 1 and started={started!r} is 0 for {rows_phrase(late.tolist(), len(data))}. "
                "Who completes has started: correct one of the two."
            )
    take.check()
    people = People(y, weight, clusters)
    contrasts, stage = _contrasts(people, steps, names, design, data, values, level)
    effect = next(one for one in contrasts if one.estimand == "complier")
    return Engagement(
        contrasts,
        selection(people, contrasts[-1], effect),
        str(exposed or offered),
        stage,
        len(data),
        {role: int(step.sum()) for role, step in steps.items()},
        level,
    )


def _contrasts(
    people: People,
    steps: dict[str, BoolArray],
    names: Mapping[str, str | None],
    design: Design | None,
    data: pd.DataFrame,
    values: FloatArray | None,
    level: float,
) -> tuple[tuple[Contrast, ...], tuple[float, float]]:
    """Every contrast in its order, and the first stage."""
    z, said = (
        (steps["exposed"], "the chance of an offer") if "exposed" in steps else (steps["offered"], "the offer")
    )
    everyone = np.ones(len(z), bool)
    done, term = steps["completed"], str(names["completed"])
    diverted = steps.get("started", steps["offered"])
    alike = f"that {said} is as good as random; nothing about who starts or completes"
    made = [
        plain(people, z, everyone, "intention to treat", str(names.get("exposed") or names["offered"]), alike)
    ]
    if design is None:
        of = str(names["started"] or names["offered"])
        shared = "that the design's covariates are all that being diverted and the outcome share"
        made.append(Contrast("matched ATT", of, shared, reason="no design was given: match or weight first"))
    else:
        made.append(of_design(people, design, str(names[check_design(design, data, steps)])))
    effect, stage = complier(people, z, done, term=term, said=said, level=level)
    made.append(effect)
    if "started" in steps:
        begun, of = steps["started"], str(names["started"])
        made.append(
            complier(people, z, begun, term=of, said=said, level=level, estimand="complier, starting")[0]
        )
    made.append(as_treated(people, done, diverted, term, values))
    chance = "that who completes is chance: it is shown for its bias, and is no effect"
    made.append(plain(people, done, diverted | done, "naive", term, chance))
    return tuple(made), stage


def _values(
    take: Columns, data: pd.DataFrame, covariates: Sequence[str] | None, formula: str | None
) -> FloatArray | None:
    """The covariates (n, p), None where there are none; what is wrong with them is noted with the rest."""
    if covariates is None and formula is None:
        return None
    try:
        return model_matrix(data, covariates=covariates, formula=formula).values
    except PddError as error:
        for problem in error.problems:
            take.problem(problem)
        return None


def _clusters(take: Columns, cluster: str | Sequence[str] | None) -> tuple[Any, ...]:
    names = [cluster] if isinstance(cluster, str) else list(cluster or ())
    if len(names) > 2:
        raise UsageError(f"cluster names {len(names)} columns; at most two are supported.")
    return tuple(take.codes("cluster", name) for name in names)


def _points(value: float) -> str:
    """A difference of risks in percentage points, with a true minus sign."""
    said = f"{abs(100 * value):.1f}"
    return ("\N{MINUS SIGN}" if value < 0 and float(said) else "") + said
