"""A propensity score from gradient-boosted trees, each person's from trees that have not seen them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.columns import BoolArray, FloatArray
from ..core.errors import DataError

FOLDS = 5
# Small steps, few leaves, and no further than a tenth set aside still gains: a score is to be a probability, not a verdict.
GROWTH: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_leaf_nodes": 8,
    "max_iter": 500,
    "early_stopping": True,
    "n_iter_no_change": 10,
}


def cross_fitted_logit(values: FloatArray, treated: BoolArray, rng: np.random.Generator) -> FloatArray:
    """Linear predictor (n,) of the probability of treatment, out of fold.

    Histogram gradient boosting, grown as GROWTH says, in five folds with the same share of treated: a score from trees that have seen the person takes chance for selection, and balances it
    (Chernozhukov and others 2018, Econometrics Journal 21:C1-C68).

    Parameters
    ----------
    values : (n, p); treated : (n,) bool
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits

    fewest = int(min(treated.sum(), (~treated).sum()))
    if fewest < FOLDS:
        raise DataError(
            f"model='boosting' is fitted in {FOLDS} folds, and the smaller arm has {fewest} people. Use model='logistic'."
        )
    logit = np.empty(len(treated))
    seed = int(rng.integers(2**31))
    for inside, outside in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(values, treated):
        trees = HistGradientBoostingClassifier(random_state=seed, **GROWTH)
        # One thread: where cores are shared, threads that wait for each other take many times as long.
        with threadpool_limits(1, user_api="openmp"):
            trees.fit(values[inside], treated[inside])
        logit[outside] = trees.decision_function(values[outside])
    return logit


def boosted_predictor(
    values: FloatArray, y: FloatArray, rng: np.random.Generator, *, probability: bool
) -> Callable[[FloatArray], FloatArray]:
    """A function from columns (m, p) to the expected y, from trees fitted to (n, p) and y (n,): 0/1 or a number."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    kind = HistGradientBoostingClassifier if probability else HistGradientBoostingRegressor
    trees = kind(random_state=int(rng.integers(2**31)), **GROWTH)
    with threadpool_limits(1, user_api="openmp"):
        trees.fit(values, y.astype(int) if probability else y)

    def predict(new: FloatArray) -> FloatArray:
        return np.asarray(trees.predict_proba(new)[:, 1] if probability else trees.predict(new))

    return predict
