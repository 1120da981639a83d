"""`make preview`: the portal with a sample company and a pretend engine.

Needs neither root nor Asterisk. Everything is kept below one folder and can be deleted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from flask import Flask
from flask_security import hash_password

from appliance.state.fields import Secret
from appliance.state.tokens import new_secret
from portal import sample
from portal.core.accounts import account_of, new_account
from portal.core.app import create_app
from portal.core.db import db, transaction
from portal.core.keys import derived
from portal.core.settings import Settings
from portal.core.upgrade import bring_up_to_date
from portal.phone_board.server import PretendServer


def settings_in(folder: Path, *, testing: bool = False) -> Settings:
    """Settings of a portal that lives in one folder, with keys of its own."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = [_kept(folder / name) for name in ("session-key", "data-key")]
    return Settings(
        folder=folder,
        engine_socket=folder / "engine.sock",
        keys=derived(*secrets, Secret("")),
        backups=folder / "backups-here",
        pretend=True,
        music=folder / "music",
        testing=testing,
    )


def let_go(app: Flask) -> None:
    """Close the databases of an application that is needed no more."""
    with app.app_context():
        db.engine.dispose()
    pretended = app.extensions.get("provisioning")
    if isinstance(pretended, PretendServer):
        pretended.close()


def _kept(path: Path) -> Secret:
    if not path.exists():
        path.write_text(new_secret(32).reveal())
        path.chmod(0o600)
    return Secret(path.read_text())


def add_account(app: Flask, email: str, name: str, password: str, preset: str) -> None:
    """An account without second factor yet; for previews and tests only."""
    with app.app_context(), transaction():
        if account_of(email) is None:
            new_account(email, name, hash_password(password), preset)


def main() -> None:
    """Entry point of `python -m portal.preview`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".run/preview"))
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args()
    app = create_app(settings_in(options.folder.resolve()))
    code = bring_up_to_date(app)
    with app.app_context():
        sample.fill()
    address = f"http://localhost:{options.port}/"
    print(f"The portal with a sample company: {address}")  # noqa: T201
    if code:
        print(f"One-time setup code: {code} (at {address}setup/)")  # noqa: T201
    app.run(host="localhost", port=options.port, threaded=True)


if __name__ == "__main__":
    main()
