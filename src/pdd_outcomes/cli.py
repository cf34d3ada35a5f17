def main() -> None:
    """Placeholder entry."""
