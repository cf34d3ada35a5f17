"""E-values and Rosenbaum bounds as printed."""

from __future__ import annotations

import pytest

from pdd_outcomes.robustness import evalue, rosenbaum_bounds

PRINTED = 0.005  # two decimals


def test_bottle_feeding_and_infant_death():
    # VanderWeele & Ding (2017) Ann Intern Med 167:268: RR 3.9 (1.8, 8.7); E-value 7.26, for the limit 3.0
    found = evalue(3.9, conf_low=1.8, conf_high=8.7)
    assert found.estimate == pytest.approx(7.26, abs=PRINTED)
    assert found.limit == pytest.approx(3.0, abs=PRINTED)


def test_smoking_and_lung_cancer():
    # VanderWeele & Ding (2017), of Hammond and Horn's figures: RR 10.73; E-value 20.95
    assert evalue(10.73).estimate == pytest.approx(20.95, abs=PRINTED)


def test_a_protective_ratio():
    # VanderWeele & Ding (2017), a leukaemia example: RR 0.80 (0.71, 0.91); E-value 1.81, 1.43 for the limit
    found = evalue(0.80, conf_low=0.71, conf_high=0.91)
    assert found.estimate == pytest.approx(1.81, abs=PRINTED)
    assert found.limit == pytest.approx(1.43, abs=PRINTED)


def test_only_a_hidden_trait_that_makes_smoking_six_times_as_likely_could_explain_lung_cancer_in_pairs():
    # Rosenbaum (2002) Observational Studies, section 4.3.2, of Hammond (1964): of 36,975 pairs of men, one smoker each,
    # 122 had one death from lung cancer, in 110 the smoker's. p < 0.0001 without hidden bias; not significant at gamma 6
    found = rosenbaum_bounds(110, 12, gammas=[1, 2, 3, 4, 5, 6]).set_index("gamma")["p_upper"]
    assert found[1] < 0.0001
    assert found[5] < 0.05 < found[6]
    assert found[6] == pytest.approx(0.1, abs=PRINTED)
