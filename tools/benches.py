"""Runs the measurements of bench/: each is a module that prints ratios.

python -m tools.benches live apply     # these; without names all of them
"""

from __future__ import annotations

import subprocess
import sys

from tools.rows import TOP


def main() -> int:
    """Run them one after the other; the number of those that failed."""
    every = sorted(path.stem for path in (TOP / "bench").glob("*.py") if path.stem != "__init__")
    wanted = sys.argv[1:] or every
    unknown = set(wanted) - set(every)
    if unknown:
        sys.exit(f"no such measurement: {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    failed = 0
    for name in wanted:
        print(f"\n── {name} ──", flush=True)
        command = [sys.executable, "-m", f"bench.{name}"]
        failed += subprocess.run(command, cwd=TOP, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
