"""The names of everything that we make inside Asterisk.

Templates, probes, ARI apps and the live view take names from here, so that an object
met in a log or on the console can be led back to the portal object that caused it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from appliance import product

USER_AGENT = product.NAME
REALM = product.SLUG

DIGEST_ALGORITHMS = "SHA-256,MD5"
"""Offered for every account in this order (RFC 8760); old phones know MD5 alone."""

AMI_LIVE = "live"
ARI_APPS = "apps"

DEVICES_PER_EXTENSION = 8
"""Highest slot number: the pattern hint of a number watches this many endpoints."""

# Dialplan contexts. A context that takes calls from outside Asterisk begins with from-.
FROM_PHONE = "from-phone"
FROM_TRUNK = "from-trunk"
INTERNAL = "internal"
HINTS = "hints"
EXTENSION = "to-extension"
RING_GROUP = "to-ring-group"
VOICEMAIL = "to-voicemail"
FEATURE = "feature"
ENDING = "ending"
OUTBOUND = "outbound"
EMERGENCY = "emergency"
POLICY = "policy"
OUTSIDE = "to-outside"
INBOUND = "inbound"

VOICEMAIL_CONTEXT = "default"
"""The one context of voicemail.conf; mailboxes are told apart by number."""

# Maps: files that the dialplan reads with AST_CONFIG() while a call is being set up.
NUMBERS_MAP = "map_numbers.conf"
EXTENSIONS_MAP = "map_extensions.conf"
DEVICES_MAP = "map_devices.conf"
RING_GROUPS_MAP = "map_ring_groups.conf"
PICKUP_MAP = "map_pickup.conf"
VOICEMAIL_MAP = "map_voicemail.conf"
VOICEMAIL_WRONG_PINS = "voicemail-wrong-pins"
"""The family of Asterisk's database in which the dialplan counts wrong PINs by number."""
RULES_MAP = "map_rules.conf"
DESTINATIONS_MAP = "map_destinations.conf"
CLASSES_MAP = "map_classes.conf"
WINDOWS_MAP = "map_windows.conf"
LINES_MAP = "map_lines.conf"
ROUTES_MAP = "map_routes.conf"
CALLERS_MAP = "map_callers.conf"
PLACES_MAP = "map_places.conf"
DIDS_MAP = "map_dids.conf"
INBOUND_MAP = "map_inbound.conf"


def endpoint(number: str, slot: int) -> str:
    """The endpoint, auth, aor and SIP user name of one device of an extension."""
    return f"{number}-{slot}"


_ENDPOINT = re.compile(r"([0-9]{2,8})-([1-9])")


def number_and_slot(name: str) -> tuple[str, int] | None:
    """The extension number and slot behind an endpoint's name; None for other endpoints."""
    found = _ENDPOINT.fullmatch(name)
    return (found[1], int(found[2])) if found else None


def late_device(name: str, delay_s: int) -> str:
    """What Dial() is given for a device that begins to ring later than the others.

    The extension may not hold the endpoint's hyphen, which patterns ignore.
    """
    return f"Local/{delay_s}*{name.replace('-', '*')}@late-device"


def trunk(id: str) -> str:
    """The endpoint, auth, aor, identify and registration of a trunk."""
    return f"trunk-{id}"


def mailbox(number: str) -> str:
    """A mailbox as `mailboxes=` and the MWI events write it."""
    return f"{number}@{VOICEMAIL_CONTEXT}"


def hint(number: str) -> str:
    """What a lamp for `number` watches: the endpoints of all slots.

    Works with `${EXTEN}` too. Endpoints that do not exist count as invalid, the lowest
    rank in the aggregate (main/devicestate.c), so empty slots do not disturb.
    """
    slots = range(1, DEVICES_PER_EXTENSION + 1)
    return "&".join(f"PJSIP/{endpoint(number, slot)}" for slot in slots)


def password_digests(user: str, password: str) -> Iterator[tuple[str, str]]:
    """Yield (algorithm, H(user:realm:password)) for each of DIGEST_ALGORITHMS.

    With these (RFC 7616 section 3.4.2, A1) the file of accounts holds no password.
    """
    text = f"{user}:{REALM}:{password}".encode()
    for algorithm in DIGEST_ALGORITHMS.split(","):
        name = algorithm.replace("-", "").lower()
        yield algorithm, hashlib.new(name, text, usedforsecurity=False).hexdigest()
