"""``python -m seg_core``: the command line."""

from seg_core.cli import main

if __name__ == "__main__":
    main()
