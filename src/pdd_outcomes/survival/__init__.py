"""Risk sets, curves, tests and regression for times to an event."""
