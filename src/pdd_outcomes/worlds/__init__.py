"""Synthetic worlds with known truth, and real public data sets."""
