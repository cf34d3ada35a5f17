"""One row a person: index event, exposure, covariates; outcomes apart."""

from .build import Cohort, build_cohort, build_outcomes

__all__ = ["Cohort", "build_cohort", "build_outcomes"]
