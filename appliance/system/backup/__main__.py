"""Makes backups: `python -m appliance.system.backup now`.

now        make one, copy it to the targets, have it rehearsed
if-due     the same, when tonight's is still to be made (the timer's call)
code       make a recovery code on this terminal, where there is none
list       what there is
check FILE open a backup with the code typed and say what is in it
"""

from __future__ import annotations

import argparse
import datetime
import getpass
import logging
import os
import socket
import sys
from pathlib import Path

from appliance.apply.client import EngineClient, EngineError, EngineUnreachable
from appliance.apply.errors import Refused
from appliance.state.codec import decode
from appliance.state.machine import Layout
from appliance.system.backup import work
from appliance.system.backup.read import about_of
from appliance.system.backup.records import Records, Rehearsal
from appliance.system.backup.recovery_code import keys_of, read_code
from appliance.system.backup.work import Site
from appliance.system.machine import groups_of, read_facts, runtime_of

REHEARSED_WITHIN_S = 1800.0


def site(layout: Layout, asterisk_root: Path | None = None) -> Site:
    """The machine that the program runs on."""
    facts = read_facts(layout)
    groups = groups_of(layout, runtime_of(asterisk_root))
    client = EngineClient(layout.engine_socket)

    def rehearse(name: str) -> Rehearsal:
        try:
            job = client.rehearse_backup(name)
            return decode(Rehearsal, client.wait(job, REHEARSED_WITHIN_S))
        except (EngineError, EngineUnreachable, TimeoutError) as error:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            return Rehearsal(now, False, 0, faults=(f"could not be rehearsed: {error}",))

    return Site(layout, facts.host_name or socket.gethostname(), groups, rehearse)


def main() -> int:
    """Entry point; 1 with a sentence on standard error when it did not work."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    options = _options()
    layout = Layout(options.prefix.resolve())
    os.umask(0o022)
    try:
        return _do(options, layout)
    except (Refused, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=["now", "if-due", "code", "list", "check"])
    parser.add_argument("file", nargs="?", type=Path)
    prefix = Path(os.environ.get("CENTRALINO_PREFIX", "/"))
    parser.add_argument("--prefix", type=Path, default=prefix)
    parser.add_argument("--asterisk-root", type=Path, help="Debian root that has Asterisk")
    parser.add_argument("--by-hand", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _do(options: argparse.Namespace, layout: Layout) -> int:
    if options.verb == "code":
        return _make_code(Records(layout))
    if options.verb == "list":
        return _list(Records(layout))
    if options.verb == "check":
        return _check(options.file)
    if options.verb == "if-due" and not work.due(layout, datetime.datetime.now().astimezone()):
        return 0
    trigger: work.Trigger = "night" if options.verb == "if-due" else "hand"
    record = work.run(site(layout, options.asterisk_root), trigger)
    kind, problem = work.problem_of(record)
    print(f"{record.name}: {problem or 'made and rehearsed'}")  # noqa: T201
    return 1 if kind else 0


def _make_code(records: Records) -> int:
    code = records.propose_code().reveal()
    print(f"Recovery code, write it down: {code}")  # noqa: T201
    records.accept_code(input("Its last four signs: "))
    return 0


def _list(records: Records) -> int:
    for record in records.read().backups:
        rehearsal = record.rehearsal
        state = "not rehearsed" if rehearsal is None else ("good" if rehearsal.passed else "BAD")
        where = "here" if record.here else "deleted here"
        print(f"{record.name}  {record.size} bytes  {state}  {where}")  # noqa: T201
    return 0


def _check(file: Path | None) -> int:
    if file is None:
        print("which file?", file=sys.stderr)  # noqa: T201
        return 2
    about = about_of(file, keys_of(read_code(getpass.getpass("Recovery code: "))))
    print(f"{about.product} {about.version}, {about.host_name}, {about.created}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
