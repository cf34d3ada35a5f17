"""The pooled estimates of the police drug diversion impact evaluation, from its nine published force estimates.

Source: github.com/danlewer/pdd, effect_estimates.csv (2026-03-06): hazard ratios with 95% limits, diversion force against
matched comparison forces, forces lettered.
"""

from __future__ import annotations

import numpy as np
import pytest

from pdd_outcomes.synthesis import pool
from tests.tolerances import PUBLISHED_3DP, PUBLISHED_4DP, PUBLISHED_INPUTS_4DP

FORCES = list("ABCDEFGHI")
REOFFENDING = np.array(
    [
        [0.8844, 0.7889, 0.9915],
        [0.7099, 0.5848, 0.8618],
        [0.9920, 0.8085, 1.2173],
        [0.9786, 0.7974, 1.2011],
        [0.7956, 0.7026, 0.9008],
        [1.1418, 0.9997, 1.3041],
        [0.9674, 0.8678, 1.0784],
        [0.9439, 0.8073, 1.1036],
        [0.6723, 0.6127, 0.7377],
    ]
)
TREATMENT = np.array(
    [
        [0.8166, 0.6443, 1.0350],
        [0.6220, 0.4090, 0.9460],
        [0.6956, 0.4376, 1.1057],
        [1.0697, 0.6795, 1.6841],
        [1.0772, 0.8132, 1.4269],
        [1.0637, 0.7934, 1.4263],
        [0.8507, 0.6614, 1.0941],
        [1.6336, 1.1681, 2.2846],
        [0.8284, 0.6655, 1.0311],
    ]
)
Z = 1.959963984540054


def pooled(table, **options):
    """The force estimates pooled on the log scale; standard errors from the 95% limits."""
    log = np.log(table)
    return pool(log[:, 0], (log[:, 2] - log[:, 1]) / (2 * Z), labels=FORCES, **options)


def ratio(result):
    return np.exp([result.estimate, result.conf_low, result.conf_high])


def test_reml_with_a_wald_interval_is_the_pooled_reoffending_figure_as_published():
    result = pooled(REOFFENDING, ci="wald")
    assert ratio(result) == pytest.approx([0.8841, 0.7879, 0.9920], abs=PUBLISHED_4DP)
    assert result.p_value == pytest.approx(0.036, abs=PUBLISHED_3DP)
    assert result.tau2 == pytest.approx(0.0253, abs=PUBLISHED_4DP)
    assert result.i2_q == pytest.approx(86.5, abs=0.05)  # from Q; metafor's, from tau^2, is 84.3
    assert result.i2 == pytest.approx(84.3, abs=0.05)
    assert result.q == pytest.approx(59.3, abs=0.05)
    assert result.q_df == 8


def test_reml_with_a_wald_interval_is_the_pooled_treatment_entry_figure_as_published():
    result = pooled(TREATMENT, ci="wald")
    assert ratio(result) == pytest.approx([0.9322, 0.7848, 1.1073], abs=PUBLISHED_INPUTS_4DP)
    assert result.p_value == pytest.approx(0.424, abs=PUBLISHED_3DP)


def test_the_conclusion_turns_on_the_interval():
    knapp = pooled(REOFFENDING, ci="hksj")
    assert ratio(knapp)[1:] == pytest.approx([0.774, 1.010], abs=PUBLISHED_3DP)
    assert knapp.p_value == pytest.approx(0.066, abs=PUBLISHED_3DP)
    simonian = pooled(REOFFENDING, method="DL", ci="wald")
    assert ratio(simonian)[1:] == pytest.approx([0.781, 1.001], abs=PUBLISHED_3DP)
    assert simonian.p_value == pytest.approx(0.053, abs=PUBLISHED_3DP)
    common = pooled(REOFFENDING, method="common", ci="wald")
    assert ratio(common) == pytest.approx([0.860, 0.8225, 0.898], abs=PUBLISHED_3DP)


@pytest.mark.parametrize("ci", ["wald", "hksj"])
def test_a_new_force_is_predicted_between_0_59_and_1_32(ci):
    result = pooled(REOFFENDING, ci=ci)
    assert np.exp(result.prediction_interval) == pytest.approx([0.59, 1.32], abs=0.005)
    # The other conventions give other limits: it is t on k-2 that gives the published ones.
    assert np.exp(result.predict("normal")) == pytest.approx([0.634, 1.231], abs=0.003)
    assert np.exp(result.predict("t(k-1)")) == pytest.approx([0.598, 1.306], abs=0.003)


def test_no_single_force_carries_the_finding_but_its_significance_turns_on_some():
    """What leave-one-out is for: the sign holds whichever force is left out, the 5% line does not."""
    one_out = pooled(REOFFENDING, ci="wald").leave_one_out()
    assert (one_out["estimate"] < 0).all()
    assert 0 < (one_out["p_value"] < 0.05).sum() < 9
    assert one_out.set_index("left_out").loc["I", "estimate"] == one_out["estimate"].max()


def test_nine_forces_of_which_four_share_controls_say_less_than_nine_independent_ones():
    """With 9 scheme and 4 comparison forces and a spread of 0.159 between forces, the standard error is about 0.097.

    The comparison side is shared, so each pair of estimates covaries by its variance.
    """
    k, tau2 = 9, 0.159**2
    log = np.log(REOFFENDING)
    within = ((log[:, 2] - log[:, 1]) / (2 * Z)) ** 2
    shared = np.full((k, k), tau2 / 4)
    v = np.diag(within + tau2) + shared
    result = pool(log[:, 0], np.sqrt(np.diag(v)), covariance=v, method="common", ci="wald")
    assert result.std_error == pytest.approx(0.097, abs=0.005)
    alone = pool(log[:, 0], np.sqrt(np.diag(v)), method="common", ci="wald")
    assert result.std_error > 1.4 * alone.std_error
