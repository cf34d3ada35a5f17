"""Disclosure control: the only door between person-level data and a reader."""
