"""Secrets as a process gets them: files in a folder that only it can read.

The convention is systemd's (`LoadCredential=`, systemd.exec(5)): the folder's path is in
$CREDENTIALS_DIRECTORY. The supervisor of a checkout hands them out in the same way, so a
process cannot tell the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

from appliance.state.fields import Secret

VARIABLE = "CREDENTIALS_DIRECTORY"

DATABASE_URL = "CENTRALINO_DATABASE_URL"
"""Environment variable with the address of a PostgreSQL database that the portal uses in
place of its own file; it may hold a password, so it comes from a file that only root reads."""

AMI_LIVE = "ami-live"
"""Password of the live hub's account at Asterisk's manager interface."""

ARI_APPS = "ari-apps"
"""Password of the call apps' account at Asterisk's REST interface."""

LIVE_TOKEN = "live-token"  # noqa: S105 - the name of the secret
"""Key with which the portal signs the tokens that the live hub takes."""

PORTAL_SESSION = "portal-session"
"""Flask's SECRET_KEY."""

PORTAL_DATA = "portal-data"
"""Key of what the portal keeps encrypted in its database."""

PROVISIONING_KEY = "provisioning-key"
"""Master key from which the secrets in phones' addresses are derived."""

BRANCH_PROBES = "branch-probes"
"""Master key from which the keys of the routers' probes are derived."""

ALL = (AMI_LIVE, ARI_APPS, LIVE_TOKEN, PORTAL_SESSION, PORTAL_DATA, PROVISIONING_KEY, BRANCH_PROBES)


class CredentialMissing(RuntimeError):
    """The process was started without a secret that it needs."""


def read(name: str) -> Secret:
    """The secret `name` of this process; CredentialMissing says how it should have come."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise CredentialMissing(f"${VARIABLE} is not set: start this process by its unit")
    try:
        return Secret((Path(folder) / name).read_text().strip())
    except FileNotFoundError as error:
        raise CredentialMissing(f"{folder} holds no {name}: its unit does not load it") from error
