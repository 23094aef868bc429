"""The command line: ``python -m giantstep`` and ``giantstep``."""

from __future__ import annotations

import signal
import sys

from . import _native


def main() -> int:
    """Does what the arguments ask for and returns the exit code."""
    # The program listens to signals itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.command(["giantstep", *sys.argv[1:]], [sys.executable, "-m", "giantstep"])


if __name__ == "__main__":
    sys.exit(main())
