"""Propensity, matched sets, overlap and balance. Never sees an outcome."""
