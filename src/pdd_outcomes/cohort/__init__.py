"""One row a person: index event, exposure, covariates; outcomes apart."""
