"""The portal as it is served: its database is brought to the newest schema first.

Safe at each start. It also puts in what must be there, and makes the one-time setup code
while there is no account.
"""

from __future__ import annotations

import gc
import logging

from flask import Flask

from portal.core import draft, elsewhere, permissions, schema, setup_code
from portal.core.app import create_app
from portal.core.db import db, transaction
from portal.core.settings import Settings


def bring_up_to_date(app: Flask) -> str:
    """Do it for an application; returns the setup code, "" when there are accounts.

    Restored accounts come first: with them no setup code is made.
    """
    settings: Settings = app.extensions["settings"]
    with app.app_context():
        schema.bring_to_newest()
        elsewhere.take_restored(app)
        with transaction():
            permissions.ensure_presets()
            draft.ensure(settings.first_state)
        settings.first_state.unlink(missing_ok=True)
        return setup_code.ensure(settings.setup_code)


def upgraded_app() -> Flask:
    """The portal over its database, for the server that then makes the workers.

    One process does both, since a start reads a thousand modules. SystemExit, with one line
    that says why, when the database cannot be used: the portal must not start then.
    """
    logging.basicConfig(level=logging.WARNING, format="%(name)s %(levelname)s %(message)s")
    settings = Settings.from_environment()
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        app = create_app(settings)
        bring_up_to_date(app)
    except Exception as error:
        raise SystemExit(f"the portal's database cannot be used: {error}") from error
    with app.app_context():
        # Workers open connections of their own: one that is shared mixes up their talks.
        db.engine.dispose()
    # What is read by now stays shared by the workers: their collectors leave it alone.
    gc.freeze()
    return app
