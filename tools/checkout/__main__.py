"""`python -m tools.checkout run | stop | status`; `supervise` is for `run` itself."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tools.checkout import run
from tools.checkout.place import INSIDE, Place
from tools.checkout.supervisor import supervise


def main() -> int:
    """Do what the command line says; 1 with a message when it cannot be done."""
    parser = argparse.ArgumentParser(prog="tools.checkout", description=__doc__)
    parser.add_argument("verb", choices=("run", "stop", "status", "supervise"))
    parser.add_argument("asterisk_root", nargs="?", type=Path)
    parser.add_argument("--demo", action="store_true", help="with the sample company")
    options = parser.parse_args()
    try:
        if options.verb == "run":
            run.run(Place.here(), os.environ)
        elif options.verb == "stop":
            run.stop(Place.here())
        elif options.verb == "status":
            return 0 if run.show(Place.here()) else 1
        else:
            supervise(Place(INSIDE), options.asterisk_root, demo=options.demo)
    except run.CannotRun as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
