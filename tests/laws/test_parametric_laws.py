"""Laws of accelerated failure time models: derivatives, units, and when a likelihood has a maximum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from pdd_outcomes.core.errors import DataError
from pdd_outcomes.core.sandwich import clustered_covariance
from pdd_outcomes.survival import AftFit, aft, compare_fits
from pdd_outcomes.survival.parametric_families import FAMILIES
from pdd_outcomes.survival.parametric_fit import Times, derivatives
from tests.tolerances import R_DETERMINISTIC, ROUNDING, SAME_ALGORITHM

NAMES = list(FAMILIES)
few = settings(max_examples=20)
cases = given(st.integers(0, 2**32 - 1), st.sampled_from(NAMES))


def people(seed: int, n: int = 60) -> pd.DataFrame:
    """Times in whole days, a covariate, a group, weights, clusters, and an entry that cuts off some of the time."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.integers(0, 2, n)
    days = np.ceil(30 * rng.weibull(1.4, n) * np.exp(0.4 * x - 0.3 * z)) + 1
    data = pd.DataFrame({"days": days, "event": (rng.random(n) < 0.7) * 1, "x": x, "z": z})
    data["late"] = np.where(rng.random(n) < 0.5, 0.0, np.floor(data["days"] * rng.uniform(0, 0.4, n)))
    data["w"], data["set"] = rng.uniform(0.3, 3, n), rng.integers(0, n // 3, n)
    return data


def fitted(data: pd.DataFrame, distribution: Any, **more: Any) -> AftFit:
    return aft(data, "days", "event", distribution=distribution, **{"covariates": ["x", "z"], **more})


def slopes(data: pd.DataFrame, distribution: str, at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The likelihood's value, scores and information in the user's units, weighted and truncated."""
    x = np.column_stack([np.ones(len(data)), data["x"], data["z"]])
    with np.errstate(divide="ignore"):
        entry = np.log(data["late"].to_numpy())
    times = Times(np.log(data["days"].to_numpy()), entry, data["event"].to_numpy() == 1, data["w"].to_numpy())
    return derivatives(x, times, FAMILIES[distribution], at)


def close(found: Any, wanted: Any, tolerance: float = SAME_ALGORITHM) -> None:
    np.testing.assert_allclose(
        np.asarray(found, float), np.asarray(wanted, float), rtol=tolerance, atol=tolerance
    )


@few
@cases
def test_score_and_information_are_the_derivatives_of_the_likelihood(seed: int, name: str) -> None:
    data, rng = people(seed), np.random.default_rng(seed)
    at = np.array([3.5, 0.2, -0.3, 0.1])[: 3 + (not FAMILIES[name].scale_known)] + rng.normal(0, 0.1)
    _, scores, information = slopes(data, name, at)
    h = 1e-5
    ends = [[slopes(data, name, at + side * h * e) for side in (1, -1)] for e in np.eye(len(at))]
    by_difference = [(up[0] - down[0]) / (2 * h) for up, down in ends]
    close(scores.sum(axis=0), by_difference, R_DETERMINISTIC)
    bends = [-(up[1] - down[1]).sum(axis=0) / (2 * h) for up, down in ends]
    close(information, bends, R_DETERMINISTIC)


@pytest.mark.parametrize("name", NAMES)
def test_a_family_is_a_distribution(name: str) -> None:
    family = FAMILIES[name]
    z, h = np.linspace(-8, 4, 241), 1e-5
    for curve in (family.density, family.survival):
        value, first, second = curve(z)
        assert np.isfinite(value).all()
        close(first, (curve(z + h)[0] - curve(z - h)[0]) / (2 * h), R_DETERMINISTIC)
        close(second, (curve(z + h)[1] - curve(z - h)[1]) / (2 * h), R_DETERMINISTIC)
    # the density is the loss of survival, and the quantile its inverse
    close(-family.survival(z)[1] * np.exp(family.survival(z)[0]), np.exp(family.density(z)[0]))
    for p in (0.001, 0.3, 0.5, 0.999):
        close(np.exp(family.survival(np.array([family.quantile(p)]))[0]), [1 - p])


@pytest.mark.parametrize("name", NAMES)
def test_far_from_its_centre_a_family_keeps_its_digits(name: str) -> None:
    for z in (np.array([-1e5, -40.0, 40.0, 600.0]), np.array([1e3, 1e6])):
        with np.errstate(over="ignore"):
            value, first, second = FAMILIES[name].survival(z)
        assert not np.isnan(np.concatenate([value, first, second])).any()
        assert (value <= 0).all()
        assert (first <= 0).all()
        assert (second <= 0).all()
    if name == "lognormal":  # the hazard of a normal lies between z and z + 1/z
        hazard = -FAMILIES[name].survival(np.array([1e3, 1e6]))[1]
        assert (hazard >= [1e3, 1e6]).all()
        assert (hazard <= np.array([1e3, 1e6]) * (1 + 2e-6)).all()


@few
@cases
def test_the_score_is_0_at_the_fit(seed: int, name: str) -> None:
    data = people(seed)
    fit = fitted(data, name, weights="w", entry="late")
    loglik, scores, information = slopes(data, name, fit.coefficients)
    spread = np.sqrt(np.diag(information))
    assert (np.abs(scores.sum(axis=0)) < 1e-9 * spread * len(data)).all()
    close(fit.loglik, loglik)
    close(fit.naive_covariance @ information, np.eye(len(spread)), R_DETERMINISTIC)
    assert (np.linalg.eigvalsh(information) > 0).all()


@few
@cases
def test_the_robust_variance_is_the_sum_of_squared_dfbetas(seed: int, name: str) -> None:
    data = people(seed)
    fit = fitted(data, name, weights="w", entry="late", cluster="set")
    moved = slopes(data, name, fit.coefficients)[1] @ fit.naive_covariance
    close(fit.covariance, clustered_covariance(moved, [data["set"].to_numpy()]), R_DETERMINISTIC)


@few
@cases
def test_the_unit_of_time_moves_the_intercept_and_the_likelihood_by_its_logarithm(seed: int, name: str) -> None:
    data = people(seed)
    unit = 365.25
    years = data.assign(days=data["days"] / unit, late=data["late"] / unit)
    one, two = (fitted(d, name, entry="late", weights="w") for d in (data, years))
    shift = np.zeros(len(one.terms))
    shift[0] = np.log(unit)
    close(one.coefficients - two.coefficients, shift, R_DETERMINISTIC)
    close(two.covariance, one.covariance, R_DETERMINISTIC)
    close(two.loglik - one.loglik, (data["w"] * data["event"]).sum() * np.log(unit), R_DETERMINISTIC)
    close(
        two.predict_survival(years[:3], [0.05, 0.2])["conf_low"],
        one.predict_survival(data[:3], [0.05 * unit, 0.2 * unit])["conf_low"],
        R_DETERMINISTIC,
    )
    close(
        two.quantile(years[:3], 0.4)["std_error"] * unit,
        one.quantile(data[:3], 0.4)["std_error"],
        R_DETERMINISTIC,
    )


@few
@cases
def test_a_likelihood_that_some_unit_of_time_brings_to_0_is_fitted_like_any_other(seed: int, name: str) -> None:
    data = people(seed)
    plain = fitted(data, name)
    unit = np.exp(plain.loglik / data["event"].sum())
    other = fitted(data.assign(days=data["days"] * unit), name)
    assert abs(other.loglik) < 1e-8 * abs(plain.loglik) + 1e-8
    close(other.coefficients[1:], plain.coefficients[1:], R_DETERMINISTIC)


@few
@cases
def test_the_units_of_a_covariate_scale_its_coefficient_only(seed: int, name: str) -> None:
    data = people(seed)
    plain, moved = fitted(data, name), fitted(data.assign(x=1e6 + 1e3 * data["x"]), name)
    close(moved.coefficients[1] * 1e3, plain.coefficients[1], R_DETERMINISTIC)
    close(moved.tidy()["statistic"][1:], plain.tidy()["statistic"][1:], R_DETERMINISTIC)
    close(moved.loglik, plain.loglik)


@few
@cases
def test_the_order_and_the_scale_of_weights_change_nothing(seed: int, name: str) -> None:
    data = people(seed)
    wanted = fitted(data, name, weights="w", cluster="set")
    for other in (data.sample(frac=1, random_state=1), data.assign(w=1e-7 * data["w"])):
        found = fitted(other, name, weights="w", cluster="set")
        close(found.coefficients, wanted.coefficients, R_DETERMINISTIC)
        close(found.covariance, wanted.covariance, R_DETERMINISTIC)
    ones = fitted(data.assign(one=1.0), name, weights="one")
    close(ones.covariance, fitted(data, name, robust=True).covariance)


@few
@cases
def test_a_weight_or_frequency_of_2_is_the_row_twice(seed: int, name: str) -> None:
    data = people(seed).assign(k=lambda d: np.arange(len(d)) % 3)
    wide = fitted(data.loc[data.index.repeat(data["k"])], name, entry="late")
    for found in (
        fitted(data, name, entry="late", weights="k", robust=False),
        fitted(data, name, entry="late", frequency="k"),
    ):
        close(found.coefficients, wide.coefficients, R_DETERMINISTIC)
        close(found.covariance, wide.covariance, R_DETERMINISTIC)
        close([found.loglik, found.loglik_null], [wide.loglik, wide.loglik_null])


@few
@cases
def test_time_before_entry_of_0_is_none_and_pieces_of_a_follow_up_are_the_whole(seed: int, name: str) -> None:
    data = people(seed)
    plain = fitted(data, name)
    close(fitted(data.assign(late=0.0), name, entry="late").covariance, plain.covariance)
    first = data.assign(days=1.5, event=0, late=0.0)
    pieces = pd.concat([first, data.assign(late=1.5)], ignore_index=True)  # no one's follow-up ends by 1.5
    whole = fitted(pieces, name, entry="late")
    close(whole.coefficients, plain.coefficients, R_DETERMINISTIC)
    close(whole.loglik, plain.loglik)


@few
@given(st.integers(0, 2**32 - 1))
def test_an_exponential_is_a_weibull_whose_scale_is_held_at_one(seed: int) -> None:
    data = people(seed)
    held, free = fitted(data, "exponential", entry="late"), fitted(data, "weibull", entry="late")
    assert held.scale == 1
    assert held.loglik <= free.loglik + ROUNDING * abs(free.loglik)
    data["w"] = 1.0
    close(
        slopes(data, "weibull", np.append(held.coefficients, 0.0))[0],
        slopes(data, "exponential", held.coefficients)[0],
    )
    # the score of the three locations is 0 at the exponential's, whichever family it is taken in
    close(slopes(data, "weibull", np.append(held.coefficients, 0.0))[1][:, :3].sum(axis=0), np.zeros(3), 1e-7)


@few
@cases
def test_a_quantile_is_the_time_at_which_survival_is_its_complement(seed: int, name: str) -> None:
    data = people(seed)
    fit = fitted(data, name)
    read = fit.quantile(data.iloc[:4], [0.1, 0.5])
    for row, p, time in zip(read["row"], read["p"], read["estimate"]):
        survival = fit.predict_survival(data.iloc[[row]], [time])
        close(survival["estimate"], [1 - p])
    at = fit.predict_survival(data, [0.01, 5, 60, 1e9])
    assert at[["conf_low", "estimate", "conf_high"]].apply(lambda r: r.is_monotonic_increasing, axis=1).all()
    assert at[["conf_low", "conf_high"]].stack().between(0, 1).all()


@few
@cases
def test_more_terms_never_fit_worse_and_a_model_of_none_is_the_null_model(seed: int, name: str) -> None:
    data = people(seed)
    fit, none = fitted(data, name), fitted(data, name, covariates=[])
    close([none.loglik, none.loglik], [none.loglik_null, fit.loglik_null])
    assert fit.loglik >= none.loglik
    same = aft(data, "days", "event", formula="1", distribution=name)  # type: ignore[arg-type]
    close(same.covariance, none.covariance)
    formula = aft(data, "days", "event", formula="x + z", distribution=name)  # type: ignore[arg-type]
    close(formula.coefficients, fit.coefficients)
    table = compare_fits(none, fit)
    assert table["delta_aic"].min() == 0
    close(sorted(table["loglik"]), [none.loglik, fit.loglik])


def without_a_top(data: pd.DataFrame, terms: list[str], scale_known: bool) -> bool:
    """Whether the log likelihood, concave in (b, 1) / sigma, has a direction in which it never falls.

    The density of an event falls either way, so along it z of no event may change; survival falls with z, so no z of a
    censored time may rise; 1 / sigma may grow, but not shrink. A linear programme says whether such a direction exists.
    """
    z = data[terms].to_numpy(float)
    days = np.log(data["days"].to_numpy())
    design = np.column_stack([-np.ones(len(z)), -(z - z.mean(axis=0)) / z.std(axis=0), days - days.mean()])
    event = data["event"].to_numpy() == 1
    answer = linprog(
        design[~event].sum(axis=0) - np.eye(design.shape[1])[-1] * (not scale_known),
        A_ub=design[~event],
        b_ub=np.zeros((~event).sum()),
        A_eq=design[event],
        b_eq=np.zeros(event.sum()),
        bounds=[(-1, 1)] * (design.shape[1] - 1) + [(0, 0 if scale_known else 1)],
    )
    assert answer.status == 0
    return bool(answer.fun < -1e-7)


@settings(max_examples=300)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(NAMES),
    st.integers(4, 40),
    st.integers(0, 3),
    st.sampled_from([0.1, 0.5, 0.9]),
)
def test_a_fit_is_refused_where_the_likelihood_has_no_maximum_and_nowhere_else(
    seed: int, name: Any, n: int, p: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    terms = [f"x{j}" for j in range(p)]
    data = pd.DataFrame(rng.normal(size=(n, p)), columns=terms)
    for term in terms:
        if rng.random() < 0.5:
            data[term] = (rng.random(n) < rng.choice([0.1, 0.4])) * 1.0
    data["days"] = np.ceil(np.exp(rng.normal(3, 1, n)))
    data["event"] = (rng.random(n) < share) * 1
    assume(data["event"].any())
    centred = data[terms] - data[terms].mean()
    assume(not p or np.linalg.matrix_rank(centred) == p)
    if without_a_top(data, terms, name == "exponential"):
        with pytest.raises(DataError, match="no maximum"):
            aft(data, "days", "event", covariates=terms, distribution=name)
    else:
        fit = aft(data, "days", "event", covariates=terms, distribution=name)
        assert (np.linalg.eigvalsh(fit.naive_covariance) > 0).all()
