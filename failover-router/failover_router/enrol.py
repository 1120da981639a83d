"""Turns a blank router into the router of a branch: asks for a code, fetches everything.

    python -m failover_router.enrol --server vpn.example.it --code K7QM-2XDN-R4TB-9WVC

The private key is made here and never leaves; what goes out is a request for a certificate. The
profile is on the disk before the appliance is told so, and only then is the router before this one
shut out: an answer that is lost leaves the former router in charge.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from failover_router import router_profile, spoken_code
from failover_router.door import Door, DoorError, Keyed, Refused

PROFILE = Path("/etc/failover-router/profile.json")

WORDS: Mapping[str, str] = {
    "code": "this code is not open: it is wrong, was used, or is too old. Ask for a new one.",
    "wait": "too many wrong codes: wait ten minutes.",
    "replaced": "another router has taken this place meanwhile.",
    "duplicate": "another router with this identity is connected: ask for a new code.",
    "gone": "this branch is no longer in the appliance's configuration.",
    "request": "the appliance did not accept the request for a certificate.",
}
"""The portal's word for why -> what whoever stands before the router should know."""


def enrol(door: Door, code: spoken_code.Code, hardware: str, path: Path) -> Keyed:
    """Fetch the profile into `path` and say so; returns the door as this router knocks at it."""
    with tempfile.TemporaryDirectory() as scratch:
        key, request = new_key(Path(scratch))
    asked = {"code": code.secret, "request": request, "hardware": hardware[:80]}
    body = json.dumps(asked).encode()
    text, _unsigned = door.post("enrol", body, {"Content-Type": "application/json"})
    data = json.loads(text)["profile"]
    data["vpn"]["key"] = key
    profile = router_profile.from_data(data)
    if profile.vpn.authority != door.authority:
        raise DoorError("the profile is of another authority than the code")
    save(path, profile)
    keyed = Keyed(door, profile.identity.name, profile.identity.generation, profile.portal_key)
    keyed.ask("enrolled", {})
    return keyed


def newer(keyed: Keyed, held: router_profile.RouterProfile) -> router_profile.RouterProfile:
    """The profile as it should be now: with the papers that this router has."""
    data: Any = keyed.ask("profile", {})["profile"]
    for part, name in router_profile.OWN_PAPERS:
        data[part][name] = getattr(getattr(held, part), name)
    return router_profile.from_data(data)


def new_key(folder: Path) -> tuple[str, str]:
    """A private key on P-256 and a request (PKCS #10) with it, as PEM texts."""
    key, request = folder / "key", folder / "request"
    curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    old = os.umask(0o077)
    try:
        _openssl("genpkey", *curve, "-out", str(key))
        _openssl("req", "-new", "-key", str(key), "-subj", "/CN=router", "-out", str(request))
    finally:
        os.umask(old)
    return key.read_text(), request.read_text()


def save(path: Path, profile: router_profile.RouterProfile) -> None:
    """Replace the profile on the disk by one rename, for root only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_suffix(".new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(router_profile.write(profile))
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def machine_name() -> str:
    """What the hardware calls itself, for the portal's list; "" where it says nothing."""
    words = []
    for name in ("sys_vendor", "product_name"):
        try:
            words.append(Path("/sys/class/dmi/id", name).read_text().strip())
        except OSError:
            continue
    text = " ".join(filter(None, words))
    return "".join(sign for sign in text if " " <= sign <= "~")[:80]


def main() -> None:
    """Entry point; a reason to give up is one sentence on standard error."""
    parser = argparse.ArgumentParser(description="Fetch the profile of this router.")
    parser.add_argument("--server", required=True, help="name or address of the appliance")
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("--code", help="asked for when missing")
    parser.add_argument("--profile", type=Path, default=PROFILE)
    options = parser.parse_args()
    try:
        code = spoken_code.read(options.code or input("Code: "))
        door = Door.by_code(options.server, options.port, code)
        keyed = enrol(door, code, machine_name(), options.profile)
    except Refused as error:
        sys.exit(WORDS.get(error.reason, str(error)))
    except (DoorError, spoken_code.CodeError, router_profile.ProfileError, OSError) as error:
        sys.exit(str(error))
    sys.stdout.write(f"this is {keyed.name}, router {keyed.generation} of its branch\n")


if __name__ == "__main__":
    main()
