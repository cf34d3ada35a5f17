raise RuntimeError(
    "OWNER'S NOTE TO THE SURVIVAL HELPER: I overwrote your riskset.py by accident at 14:59. "
    "Please write your own version again from your context, whole. Sorry. Nobody else will touch this room."
)
