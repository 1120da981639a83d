"""The key that signs updates, and those that the image believes.

A builder who gives no key gets one of his own, made once for a checkout, so that the
whole chain can be tried. Images of such a build say so in the portal: whoever has the
checkout can sign for them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from appliance.updates import release
from tools.image import toolbox
from tools.image.settings import CHECKOUT, Settings

DEVELOPER_KEY = CHECKOUT / "build/developer-signing-key.pem"
_OWN = "release.pem"


def private_key(settings: Settings) -> Path:
    """The key of the setting, or the developer's, which is made when it is not there yet."""
    if settings.signing_key:
        return settings.signing_key.resolve()
    if not DEVELOPER_KEY.exists():
        DEVELOPER_KEY.parent.mkdir(parents=True, exist_ok=True)
        make_key(DEVELOPER_KEY)
    print(
        f"No CENTRALINO_SIGNING_KEY: updates are signed by this developer's key, and the "
        f"images believe it: {DEVELOPER_KEY}",
        file=sys.stderr,
        flush=True,
    )
    return DEVELOPER_KEY


def make_key(file: Path) -> None:
    """A new Ed25519 key, for its owner's eyes only."""
    scratch = file.with_suffix(".new")
    scratch.touch(mode=0o600)
    command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(scratch)]
    subprocess.run(command, check=True, capture_output=True)
    scratch.rename(file)


def public_key(private: Path) -> bytes:
    """The public half, as PEM."""
    command = ["openssl", "pkey", "-in", str(private), "-pubout"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def trust(settings: Settings) -> None:
    """Put the public keys into the root: the signer's, and those of the setting."""
    folder = settings.root / str(release.KEYS).lstrip("/")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o755)
    own = private_key(settings)
    name = _OWN if settings.signing_key else release.DEVELOPER
    (folder / name).write_bytes(public_key(own))
    for more in settings.trusted_keys:
        shutil.copyfile(more, folder / more.name)
    for file in folder.iterdir():
        file.chmod(0o644)


def signature(settings: Settings, message: bytes) -> bytes:
    """The Ed25519 signature of a message."""
    text, made = settings.build / "to-be-signed", settings.build / "signature"
    text.write_bytes(message)
    key = private_key(settings)
    command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", text, "-out", made]
    toolbox.run(settings, command, shared=[key.parent])
    return made.read_bytes()
