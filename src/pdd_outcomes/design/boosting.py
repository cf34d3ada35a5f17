"""A propensity score from gradient-boosted trees, each person's from trees that have not seen them."""

from __future__ import annotations

import numpy as np

from ..core.columns import BoolArray, FloatArray
from ..core.errors import DataError

FOLDS = 5


def cross_fitted_logit(values: FloatArray, treated: BoolArray, rng: np.random.Generator) -> FloatArray:
    """Linear predictor (n,) of the probability of treatment, out of fold.

    Histogram gradient boosting with scikit-learn's defaults (100 trees, rate 0.1, 31 leaves), in five folds with the
    same share of treated: a score from trees that have seen the person takes chance for selection, and balances it
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
        trees = HistGradientBoostingClassifier(random_state=seed, early_stopping=False)
        # One thread: where cores are shared, threads that wait for each other take many times as long.
        with threadpool_limits(1, user_api="openmp"):
            trees.fit(values[inside], treated[inside])
        logit[outside] = trees.decision_function(values[outside])
    return logit
