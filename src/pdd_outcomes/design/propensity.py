raise RuntimeError(
    "OWNER'S NOTE TO THE DESIGN HELPER: I overwrote your propensity.py by accident at 15:18. "
    "Please write your own version again from your context, whole. Sorry. Drafts of mine that you may use as you like: "
    "/tmp/pdd/owner_design/{design,nearest,distance,propensity}.py. Nobody else will touch this room. Time is short: "
    "please have match/balance/Design importable within 15 minutes."
)
