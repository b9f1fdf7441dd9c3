"""`python -m counterpart` is `counterpart`."""

import sys


def main() -> int:
    """Run the command line; Ctrl-C while it is still being imported ends it as quietly as later."""
    try:
        from counterpart.core.cli import main as run

        return run()
    except KeyboardInterrupt:
        print("cancelled", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
