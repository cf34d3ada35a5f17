"""Pages from released findings only."""
