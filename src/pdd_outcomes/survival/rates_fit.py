"""Maximum likelihood of Poisson and negative binomial counts with a log link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from ..core.columns import FloatArray
from ..core.errors import DataError

_MOST = 100  # rounds of a fit; ten are usual
_STEP = 1e-10  # change of a working coefficient at which a fit has converged
_LARGEST = 1e7  # theta beyond which the counts are Poisson


@dataclass(frozen=True, slots=True, eq=False)
class CountFit:
    """A fit in working units.

    Attributes
    ----------
    beta : (p,) intercept first
    information : (p, p) expected, with theta held fixed
    scores : (n, p) weighted part of each row in the score
    """

    beta: FloatArray
    theta: float
    theta_std_error: float
    loglik: float
    information: FloatArray
    scores: FloatArray


def fit_poisson(
    x: FloatArray, y: FloatArray, offset: FloatArray, weight: FloatArray, terms: Sequence[str]
) -> CountFit:
    """Poisson counts, by Newton's method."""
    start = np.zeros(x.shape[1])
    start[0] = np.log((weight @ y) / (weight @ np.exp(offset)))
    return _at(x, y, offset, weight, _coefficients(x, y, offset, weight, start, np.inf, terms), np.inf)


def fit_negative_binomial(
    x: FloatArray, y: FloatArray, offset: FloatArray, weight: FloatArray, terms: Sequence[str], start: CountFit
) -> CountFit:
    """Negative binomial counts: coefficients given theta and theta given coefficients, in turn, until neither moves.

    The two are orthogonal in expectation, so few rounds are needed.
    """
    beta = start.beta
    mu = np.exp(offset + x @ beta)
    if weight @ ((y - mu) ** 2 - mu) <= 0:
        raise _not_overdispersed()
    theta = float((weight @ mu**2) / (weight @ ((y - mu) ** 2 - mu)))  # by moments
    for _ in range(_MOST):
        before, last = beta, theta
        theta = _theta(y, mu, weight, theta)
        if theta > _LARGEST:
            raise _not_overdispersed()
        beta = _coefficients(x, y, offset, weight, beta, theta, terms)
        mu = np.exp(offset + x @ beta)
        if np.abs(beta - before).max() < 1e-9 and abs(theta - last) < 1e-9 * theta:
            return _at(x, y, offset, weight, beta, theta)
    raise DataError(
        "The negative binomial's dispersion has not settled in a hundred rounds. Take family='poisson' with robust=True."
    )


def _not_overdispersed() -> DataError:
    return DataError(
        "The counts are no more spread than a Poisson's, so the negative binomial has no dispersion to estimate. "
        "Take family='poisson', with robust=True if in doubt."
    )


def _coefficients(
    x: FloatArray,
    y: FloatArray,
    offset: FloatArray,
    weight: FloatArray,
    beta: FloatArray,
    theta: float,
    terms: Sequence[str],
) -> FloatArray:
    """Coefficients at which the likelihood is largest, theta being known; separation is named."""
    value = _loglik(y, np.exp(offset + x @ beta), weight, theta)
    for _ in range(_MOST):
        mu = np.exp(offset + x @ beta)
        pull = weight * (y - mu) / (1 + mu / theta)
        curve = weight * mu * (1 + y / theta) / (1 + mu / theta) ** 2  # observed, for a quadratic end
        try:
            step = np.linalg.solve((x * curve[:, None]).T @ x, x.T @ pull)
        except np.linalg.LinAlgError:
            break  # nothing is left of a group's information: its rate is running off to 0
        if np.abs(step).max() < _STEP:
            return beta
        for _ in range(30):
            there = _loglik(y, np.exp(np.minimum(offset + x @ (beta + step), 700.0)), weight, theta)
            if there >= value - 1e-12 * abs(value):
                break
            step = step / 2
        beta, value = beta + step, there
        if np.abs(beta[1:]).max(initial=0.0) > 30:
            break
    grown = [t for t, b in zip(terms, beta[1:]) if abs(b) > 10]
    raise DataError(
        f"The likelihood keeps rising as the coefficients grow of {grown or list(terms)}: there the events are separated "
        "from the rows without any. Leave a term out or merge categories."
    )


def _theta(y: FloatArray, mu: FloatArray, weight: FloatArray, theta: float) -> float:
    """The largest of the likelihood in theta, the means being known, by Newton's method on its logarithm."""
    for _ in range(_MOST):
        score = weight @ (
            special.digamma(y + theta)
            - special.digamma(theta)
            + np.log(theta / (theta + mu))
            + 1
            - (y + theta) / (theta + mu)
        )
        bend = _theta_bend(y, mu, weight, theta)
        # in log theta; where the likelihood is not yet concave, a step of a factor up or down
        slope, curve = theta * score, theta**2 * bend + theta * score
        step = -slope / curve if curve < 0 else np.sign(slope)
        theta = float(theta * np.exp(np.clip(step, -2.0, 2.0)))
        if abs(step) < 1e-11 or theta > _LARGEST:
            break
    return theta


def _theta_bend(y: FloatArray, mu: FloatArray, weight: FloatArray, theta: float) -> float:
    """Second derivative of the log likelihood in theta."""
    return float(
        weight
        @ (
            special.polygamma(1, y + theta)
            - special.polygamma(1, theta)
            + 1 / theta
            - 2 / (theta + mu)
            + (y + theta) / (theta + mu) ** 2
        )
    )


def _loglik(y: FloatArray, mu: FloatArray, weight: FloatArray, theta: float) -> float:
    if np.isinf(theta):
        return float(weight @ (y * np.log(mu) - mu - special.gammaln(y + 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(y > 0, y * np.log(mu / (mu + theta)), 0.0)
    constant = special.gammaln(y + theta) - special.gammaln(theta) - special.gammaln(y + 1)
    return float(weight @ (constant + theta * np.log(theta / (mu + theta)) + part))


def _at(
    x: FloatArray, y: FloatArray, offset: FloatArray, weight: FloatArray, beta: FloatArray, theta: float
) -> CountFit:
    mu = np.exp(offset + x @ beta)
    expected = weight * mu / (1 + mu / theta)
    known = np.isfinite(theta)
    return CountFit(
        beta=beta,
        theta=theta,
        theta_std_error=1 / np.sqrt(-_theta_bend(y, mu, weight, theta)) if known else float("nan"),
        loglik=_loglik(y, mu, weight, theta),
        information=(x * expected[:, None]).T @ x,
        scores=x * (weight * (y - mu) / (1 + mu / theta))[:, None],
    )
