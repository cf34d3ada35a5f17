"""What a reader calls each covariate that the cohort builder makes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "force": "Force",
        "age": "Age",
        "sex": "Sex",
        "ethnicity": "Ethnicity",
        "imd_quintile": "Deprivation quintile",
        "offence_group": "Offence",
        "prior_offences": "Prior offences",
        "prior_drug_offences": "Prior drug offences",
        "first_time": "No prior offence",
        "last_offence": "Time since the last offence",
        "days_since_last_offence": "Days since the last offence",
        "prior_treatment": "Drug treatment before",
        "prior_custody": "Custody before",
    }
)
