"""``python -m pdd_outcomes``: the command line, where `pdd` itself is not on the path."""

from .cli import main

if __name__ == "__main__":
    main()
