"""Every tolerance the tests use, with its reason."""

ROUNDING = 1e-12  # two orders of adding the same doubles
SAME_ALGORITHM = 1e-9  # two of our own routes to one number
R_CLOSED_FORM = 1e-8  # R prints 15 digits; closed forms agree to rounding
R_DETERMINISTIC = 1e-6  # R's default convergence (Cox eps 1e-9 on the log likelihood) leaves about this
R_ITERATIVE = 1e-5  # R's optimisers for tau^2 and maximum likelihood stop about here
R_ROOT = 1e-4  # uniroot's default tolerance, Q-profile bounds
PUBLISHED_4DP = 5e-5  # a figure printed to four decimals
PUBLISHED_3DP = 5e-4  # a figure printed to three decimals
PUBLISHED_INPUTS_4DP = 1e-4  # a figure worked out from published ones that were printed to four decimals
