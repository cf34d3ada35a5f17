"""Officers' leniency as an instrument, what can be checked of an instrument, and the effect in those who comply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ..core.columns import Columns, FloatArray, IntArray
from ..core.errors import DataError, UsageError
from ..core.formula import covariate_matrix, model_matrix
from ..core.results import TIDY, HypothesisTest, Shown, check_level, tidy_frame
from ..core.sandwich import cluster_codes
from . import weak_instruments as weak
from .certainty import NOUGHT, without_error


def leave_one_out_leniency(
    data: pd.DataFrame,
    treatment: str,
    officer: str,
    *,
    within: str | Sequence[str] | None = None,
    minimum: int = 20,
) -> pd.DataFrame:
    r"""How much more often than their peers an officer diverts everyone but this person.

    .. math:: \ell_i = \frac{1}{n_o - 1} \sum_{j \in o,\ j \neq i} \big(d_j - \bar d^{(-i)}_{c(j)}\big)

    over the other cases j of the officer o, with :math:`\bar d^{(-i)}_c` the mean of the cell c (say force and month) that j
    came up in. The person's own decision is left out of the cell's mean too, so the leniency does not depend on it at all.
    Hold the cells fixed in `instrumental` as well: at best, officers are as good as random within them.

    Parameters
    ----------
    treatment : 0/1 column, the officer's decision
    officer : column of labels (an officer or custody suite)
    within : columns whose combinations are the cells; None is one cell
    minimum : cases an officer must have

    Returns
    -------
    DataFrame (n rows, the index of `data`)
        `leniency`, in probability above the peers' (NaN where there is none); `cases` of the officer; `reason` why there is
        none: too few cases, or no colleague in any of the officer's cells. ``.value_counts("reason")`` counts them.

    References
    ----------
    Dobbie, Goldin and Yang (2018) American Economic Review 108:201-240, section II.B; their cell means keep i in.

    Examples
    --------
    Ann diverts three in four and Bo one in four. Left out of it, the one whom Ann did not divert met the more lenient officer.

    >>> frame = pd.DataFrame({"officer": list("aaaabbbb"), "diverted": [1, 1, 1, 0, 1, 0, 0, 0]})
    >>> leave_one_out_leniency(frame, "diverted", "officer", minimum=4)["leniency"].round(3).tolist()[2:5]
    [0.238, 0.429, -0.429]
    """
    if isinstance(minimum, bool) or not isinstance(minimum, (int, np.integer)) or minimum < 2:
        raise UsageError(f"minimum={minimum!r} must be a whole number of at least 2: one case leaves no other.")
    take = Columns(data)
    d = take.binary("treatment", treatment, both=False).astype(float)
    who = take.labels("officer", officer)[0]
    cell = take.crossed("within", [within] if isinstance(within, str) else list(within or ()))[0]
    take.check()
    pair = cluster_codes(who, cell)
    cases, in_cell, in_pair = (np.bincount(code)[code].astype(float) for code in (who, cell, pair))
    total, cell_total = (np.bincount(code, weights=d)[code] for code in (who, cell))
    mean = cell_total / in_cell
    expected = np.bincount(who, weights=mean)[who]
    without = np.divide(cell_total - d, in_cell - 1, out=np.zeros(len(d)), where=in_cell > 1)
    expected = expected - in_pair * mean + (in_pair - 1) * without
    leniency = np.divide(total - d - expected, cases - 1, out=np.full(len(d), np.nan), where=cases > 1)
    colleagues = np.bincount(who, weights=in_cell - in_pair)[who] > 0
    reason = np.where(colleagues, "", "no other officer in the same cells")
    reason = np.where(cases < minimum, f"fewer than {minimum} cases", reason)
    leniency[reason != ""] = np.nan
    found = {"leniency": leniency, "cases": cases.astype(np.int64), "reason": reason}
    return pd.DataFrame(found, index=data.index)


@dataclass(frozen=True, slots=True, eq=False)
class InstrumentChecks(Shown):
    """What the data can say against an instrument.

    Attributes
    ----------
    rows : check "balance", of the instrument on the covariates, and "monotonicity", of the treatment on the instrument for
        everyone and by subgroup; with term, estimate, std_error, df of t, n, and a reason where there is no figure
    joint : F test that no covariate is related to the instrument; its detail has the second degrees of freedom
    """

    rows: pd.DataFrame
    joint: HypothesisTest
    n: int

    @property
    def signs(self) -> tuple[int, tuple[str, ...]]:
        """How many subgroups have a first stage, and those whose sign is not the whole sample's."""
        stages = self.rows[self.rows["check"] == "monotonicity"].dropna(subset=["estimate"])
        slope = np.sign(stages["estimate"].to_numpy(float))
        return max(len(stages) - 1, 0), tuple(stages["term"].to_numpy()[slope != slope[:1]].tolist())

    @property
    def notes(self) -> tuple[str, ...]:
        """Balance and monotonicity in sentences."""
        p, (many, against) = float(self.joint.p_value[0]), self.signs
        said = "predict the instrument together" if p < 0.05 else "do not predict the instrument together"
        balance = f"The covariates {said} (F = {self.joint.statistic[0]:.2f}, p = {p:.2g})."
        if not many:
            return balance, "No subgroup allows a first stage, so monotonicity has not been looked at."
        if not against:
            return balance, f"The first stage has the same sign in all {many} subgroups, as monotonicity wants."
        said = f"has the opposite sign in {len(against)} of {many} subgroups ({', '.join(against)})"
        said += ". Where some are moved the other way the estimate is no mean effect"
        return balance, f"The first stage {said}."

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Standard rows led by `check`, with `n` and `reason`."""
        r = self.rows
        df, check = r["df"].to_numpy(float), {"check": r["check"].to_numpy()}
        frame = tidy_frame(list(r["term"]), r["estimate"], r["std_error"], level=level, df=df, leading=check)
        return frame.assign(n=r["n"].to_numpy(), reason=r["reason"].to_numpy())

    def glance(self) -> pd.DataFrame:
        """One row: the joint test of balance, and whether all first stages have one sign."""
        many, against = self.signs
        one_sign = np.nan if not many else not against
        words = " ".join(self.notes)
        return self.joint.glance().assign(n_subgroups=many, one_sign=one_sign, n=self.n, notes=words)


def check_instrument(
    data: pd.DataFrame,
    treatment: str,
    instrument: str,
    *,
    covariates: Sequence[str],
    subgroups: Sequence[str] = (),
    within: str | Sequence[str] | None = None,
    cluster: str | Sequence[str] | None = None,
) -> InstrumentChecks:
    r"""Balance of the covariates over an instrument, and its first stage in every subgroup.

    An instrument that is as good as random is unrelated to what was known before: the joint F of the covariates in a
    regression of the instrument on them is near 1. Monotonicity, that nobody is moved the other way, implies a first stage
    of one sign in every subgroup. Neither can be proved, and neither says anything of exclusion. Sandwich errors (HC1).

    Parameters
    ----------
    covariates : known before the treatment; in the balance rows in standard deviations of covariate and instrument
    subgroups : columns of labels, each level of which has its own first stage, without covariates
    within : columns whose combinations the instrument was drawn within; their means are taken out of everything

    Returns
    -------
    InstrumentChecks; a subgroup where treatment or instrument do not vary has a row with its reason.

    Raises
    ------
    UsageError, DataError
        Bad columns; no covariates; covariates that are collinear or do not vary within the cells.

    References
    ----------
    Dobbie, Goldin and Yang (2018) American Economic Review 108:201-240, sections II.C and IV.
    """
    take = Columns(data)
    d, z = take.number("treatment", treatment), take.number("instrument", instrument)
    groups = [(name, *take.labels("subgroups", name)) for name in _listed(subgroups)]
    cell = take.crossed("within", _listed(within))[0]
    clusters = [take.labels("cluster", name)[0] for name in _listed(cluster)]
    if not len(covariates):
        take.problem("covariates is empty. Name what was known before, to see if it predicts the instrument.")
    take.check()
    x = covariate_matrix(data, covariates)
    raw = np.column_stack([z, x.values])
    values, cells = _within(raw, cell)
    if len(d) - cells - len(x.terms) < 2:
        raise DataError(f"{len(d)} rows are too few for {len(x.terms)} covariates and {cells} cells.")
    if twice := weak.dependent(values, raw, (instrument, *x.terms)):
        raise DataError(f"{twice} do not vary (within cells), or are collinear with others. Leave them out.")
    values = values / values.std(axis=0)
    errors = weak.Errors(clusters=tuple(clusters))
    if errors.groups is not None and errors.groups < len(x.terms) + 2:
        raise DataError(f"cluster has {errors.groups} levels, too few to test {len(x.terms)} covariates by.")
    fit = weak.least_squares(values[:, 1:], x.terms, values[:, :1], errors, absorbed=cells)[0]
    df1, f = len(x.terms), np.array([weak.wald_f(fit.coefficients[:, 0], fit.block(range(len(x.terms)))[1])])
    p = stats.f.sf(f, df1, fit.df)
    detail = pd.DataFrame({"statistic": f, "df1": df1, "df2": fit.df, "p_value": p})
    joint = HypothesisTest(("all covariates",), f, np.array([float(df1)]), p, "balance (F)", detail)
    kept = ["term", "estimate", "std_error"]
    balance = fit.tidy()[kept].assign(check="balance", df=float(fit.df), n=len(d), reason="")
    rows = [("everyone", np.ones(len(d), bool))]
    for name, codes, levels in groups:
        rows += [(f"{name}[{level}]", codes == k) for k, level in enumerate(levels)]
    both = np.column_stack([z, d])
    stages = [_first_stage(t, both[on], cell[on], [c[on] for c in clusters]) for t, on in rows]
    return InstrumentChecks(pd.concat([balance, pd.DataFrame(stages)], ignore_index=True), joint, len(d))


def _listed(columns: str | Sequence[str] | None) -> list[str]:
    return [columns] if isinstance(columns, str) else list(columns or ())


def _within(values: FloatArray, cell: IntArray) -> tuple[FloatArray, int]:
    """Values (n, m) without the means of their cells, and the number of cells."""
    code = cluster_codes(cell)
    means = np.column_stack([np.bincount(code, weights=v) for v in values.T]) / np.bincount(code)[:, None]
    return values - means[code], len(means)


def _first_stage(term: str, raw: FloatArray, cell: IntArray, clusters: Sequence[IntArray]) -> dict[str, Any]:
    """A row of the treatment on the instrument, `raw` (n, 2) with the instrument first, within cells."""
    values, cells = _within(raw, cell)
    errors = weak.Errors(clusters=tuple(cluster_codes(c) for c in clusters))
    row: dict[str, Any] = {"check": "monotonicity", "term": term, "n": len(values)}
    row |= dict.fromkeys(("estimate", "std_error", "df"), np.nan)
    gone = np.linalg.norm(values, axis=0) <= weak.COLLINEAR * np.linalg.norm(raw, axis=0)
    flat = [name for name, g in zip(("instrument", "treatment"), gone) if g]
    few = len(values) - cells < 3 or (errors.groups or 3) < 3
    if flat or few:
        reason = "too few rows or clusters" if few else f"no variation here of the {' and the '.join(flat)}"
        return {**row, "reason": reason}
    fit = weak.least_squares(values[:, :1], [term], values[:, 1:], errors, absorbed=cells)[0]
    row |= {"estimate": fit.coefficients[0, 0], "std_error": fit.tidy()["std_error"][0], "df": float(fit.df)}
    return {**row, "reason": ""}


TERMS = ("offer_effect", "complier_share", "unoffered_completer_share", "offered_non_completer_share")
FLAT = "no interval: nothing varies here, and so there is no standard error"
NULLS = (0.0, 0.0, np.nan, np.nan)
RATIOS = ("complier_mean_completed", "complier_mean_not_completed", "complier_effect")


@dataclass(frozen=True, slots=True, eq=False)
class ComplierEffect(Shown):
    """The effect in those who complete because they are offered, and their means with and without.

    Attributes
    ----------
    first : (4,) what the offer adds to outcome times completion, less the outcome without it, the outcome, and completion;
        covariance : (4, 4); df : of t
    shares : (2,) who completed unoffered and who did not though offered; shares_covariance : (2, 2)
    strength : of the offer as an instrument, or None with the reason why there is no ratio in `refused`
    noncompliance : "none", "one-sided" or "two-sided"
    binary : whether the outcome is 0/1, its means being between 0 and 1
    """

    first: FloatArray
    covariance: FloatArray = field(repr=False)
    df: int
    shares: FloatArray
    shares_covariance: FloatArray = field(repr=False)
    strength: weak.Strength | None
    refused: str
    noncompliance: str
    binary: bool
    n: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader must be told, in sentences."""
        strong, said = self.strength, []
        if strong is None:
            return ()
        if self.shares[0] == 0:
            said.append("Nobody completed unoffered, so this is the effect in all who completed (Bloom 1984).")
        elif self.shares[1] == 0:
            said.append("Everybody offered completed, so this is the effect in all who did not complete.")
        if strong.weak:
            f = f"effective F {strong.effective_f:.1f}, where {strong.critical:.1f} is wanted"
            said.append(f"The offer is a weak instrument ({f}): intervals are Anderson-Rubin's.")
        means = self.first[:2] / self.first[3]
        if self.binary and ((means < 0) | (means > 1)).any():
            why = "by chance, or because the offer works by more than completion or puts some off it"
            said.append(f"A mean of compliers lies outside 0 to 1: {why}.")
        return tuple(said)

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """offer_effect, complier_share, unoffered_completer_share, offered_non_completer_share, and what follows of compliers.

        `interval` is "Wald", or "Anderson-Rubin" where the offer is a weak instrument; `reason` says why a row has no
        figure, no error, or no interval.
        """
        check_level(level)
        found = ((self.first[2], self.covariance[2, 2]), (self.first[3], self.covariance[3, 3]))
        shares = zip(self.shares, np.diag(self.shares_covariance))
        rows = [self._row(t, *pair, level, null) for t, pair, null in zip(TERMS, (*found, *shares), NULLS)]
        return pd.DataFrame([*rows, *(self._ratio(j, level) for j in range(3))])

    def glance(self) -> pd.DataFrame:
        """One row: the complier effect with the interval to report, and who it is of."""
        f = np.nan if self.strength is None else self.strength.effective_f
        last = self.tidy().tail(1).reset_index(drop=True)
        return last.assign(effective_f=f, noncompliance=self.noncompliance, n=self.n)

    def _row(self, term: str, value: float, variance: float, level: float, null: float) -> dict[str, Any]:
        error = float(np.sqrt(max(variance, 0.0)))
        row = tidy_frame([term], value, error, level=level, df=self.df, null=null).to_dict("records")[0]
        flat = "" if variance > NOUGHT * max(value**2, NOUGHT) else FLAT
        return {**without_error({str(k): v for k, v in row.items()}, flat), "interval": "Wald"}

    def _ratio(self, j: int, level: float) -> dict[str, Any]:
        nothing = dict.fromkeys(TIDY, np.nan)
        if self.strength is None:
            return {**nothing, "term": RATIOS[j], "interval": "", "reason": self.refused}
        share, pair = self.first[3], [j, 3]
        value, v = self.first[j] / share, self.covariance[np.ix_(pair, pair)]
        variance = float(v[0, 0] - 2 * value * v[0, 1] + value**2 * v[1, 1]) / share**2
        effect = RATIOS[j] == "complier_effect"
        row = self._row(RATIOS[j], value, variance, level, 0.0 if effect else np.nan)
        if self.strength.weak and not row["reason"]:
            test = weak.AndersonRubin(self.first[None, pair], v, self.df)
            found = test.intervals(level)
            low, high = found[0] if len(found) == 1 else (np.nan, np.nan)
            p = test.p_value() if effect else np.nan
            row |= {"statistic": np.nan, "p_value": p, "conf_low": low, "conf_high": high}
            row |= {"interval": "Anderson-Rubin", "reason": weak.set_in_words(found, level)}
        if self.binary and not effect:
            row |= {c: float(np.clip(row[c], 0.0, 1.0)) for c in ("conf_low", "conf_high")}
        return row


def complier_effect(
    data: pd.DataFrame,
    outcome: str,
    *,
    offered: str,
    completed: str,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    cluster: str | Sequence[str] | None = None,
) -> ComplierEffect:
    r"""Effect of completing, in those who complete if and only if they are offered to, with the offer as instrument.

    .. math:: \tau_c = \frac{E[y|z=1] - E[y|z=0]}{E[d|z=1] - E[d|z=0]}, \qquad
              E[Y_1|c] = \frac{\Delta E[yd]}{\Delta E[d]}, \quad E[Y_0|c] = \frac{\Delta E[y(1-d)]}{\Delta E[1-d]}

    with :math:`\Delta` the difference by the offer z, from linear regressions on it and the covariates; errors by the delta
    method from their joint sandwich (HC1). The offer must be as good as random (given the covariates), move the outcome by
    completion alone, and put nobody off. Where nobody completes unoffered it is the effect in those who complete (Bloom).

    Parameters
    ----------
    outcome : a number, or 0/1
    offered, completed : 0/1 columns
    covariates, formula : entered linearly; unless they say all about who is offered, the effect is no mean over compliers

    References
    ----------
    Imbens and Angrist (1994) Econometrica 62:467-475, theorem 1. Bloom (1984) Evaluation Review 8:225-246, eq. 2. Abadie
    (2002) JASA 97:284-292, lemma 2.1, for the means.

    Examples
    --------
    Of ten offered five complete; 3 of them and 4 of ten others reoffend. All the difference, a tenth, is of half of them.

    >>> frame = pd.DataFrame({"z": [1] * 10 + [0] * 10, "d": [1] * 5 + [0] * 15,
    ...                       "y": [1, 0, 0, 0, 0, 1, 1, 0, 0, 0] + [1] * 4 + [0] * 6})
    >>> complier_effect(frame, "y", offered="z", completed="d").tidy()["estimate"].round(2).tolist()
    [-0.1, 0.5, 0.0, 0.5, 0.2, 0.4, -0.2]
    """
    take = Columns(data)
    y = take.number("outcome", outcome)
    z = take.binary("offered", offered).astype(float)
    d = take.binary("completed", completed, both=False).astype(float)
    clusters = [take.labels("cluster", name)[0] for name in _listed(cluster)]
    take.check()
    nothing = covariates is None and formula is None
    matrix = model_matrix(data, covariates=[] if nothing else covariates, formula=formula)
    w = np.column_stack([np.ones(len(y)), matrix.values])
    x, terms = np.column_stack([w, z]), ["", *matrix.terms, offered]
    if len(y) < len(terms) + 2:
        raise DataError(f"{len(y)} rows are too few for {len(terms)} coefficients.")
    if twice := weak.dependent(x, x, terms):
        raise DataError(f"{twice} are constant, or collinear with the covariates before them. Leave them out.")
    errors = weak.Errors(clusters=tuple(clusters))
    if errors.groups is not None and errors.groups < 3:
        raise DataError(f"cluster has {errors.groups} levels, too few to judge by. Take a finer one.")
    fit = weak.least_squares(x, terms, np.column_stack([y * d, -y * (1 - d), y, d]), errors)[0]
    (theta,), v = fit.block([len(terms) - 1])
    arms = weak.least_squares(np.column_stack([1 - z, z]), ["0", "1"], d[:, None], errors)[0].covariance
    shares = np.array([d[z == 0].mean(), 1 - d[z == 1].mean()])
    left, df = weak.residualised(np.column_stack([z, d]), w), (len(y) - len(terms), fit.df)
    strong, refused = None, "the offer does not raise completion, so there are no compliers; check the coding"
    if theta[3] > 1e-12:
        found = weak.strength(left[:, :1], left[:, 1], theta[3:], v[3:, 3:], df)
        strong, refused = (found, "") if found.effective_f >= weak.NO_FIRST_STAGE else (None, found.nothing)
    kind = ("none", "one-sided", "two-sided")[int((shares > 0).sum())]
    binary = bool(np.isin(y, (0.0, 1.0)).all())
    return ComplierEffect(theta, v, fit.df, shares, arms, strong, refused, kind, binary, len(y))
