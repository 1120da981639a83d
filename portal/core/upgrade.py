"""Brings the database to the newest schema, before the portal starts.

Run as `python -m portal.core.upgrade`; safe to run at each start. It also puts in what
must be there, and makes the one-time setup code while there is no account.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade

from portal.core import draft, permissions, setup_code
from portal.core.app import create_app
from portal.core.db import transaction
from portal.core.settings import Settings

MIGRATIONS = Path(__file__).with_name("migrations")


def bring_up_to_date(app: Flask) -> str:
    """Do it for an application; returns the setup code, "" when there are accounts."""
    settings: Settings = app.extensions["settings"]
    with app.app_context():
        upgrade(directory=str(MIGRATIONS))
        with transaction():
            permissions.ensure_presets()
            draft.ensure()
        return setup_code.ensure(settings.setup_code)


def main() -> int:
    """Entry point; says in one line why it failed."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s %(levelname)s %(message)s")
    settings = Settings.from_environment()
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        bring_up_to_date(create_app(settings))
    except Exception as error:  # noqa: BLE001 - whatever it is, the portal must not start
        print(f"the portal's database cannot be used: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
