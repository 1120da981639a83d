"""What fields are called that no form shows under their own name: pages of their own and
forms that join two fields have them, and differences speak of them too. And what the ids in
fields are ids of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.core.i18n import _l
from portal.core.outside_numbers import CATEGORY_LABELS

NAMES = {
    "devices/devices/lines/secret": _l("Password"),
    "devices/devices/token": _l("secret of the configuration file"),
    "music_on_hold//default_class": _l("Music where none is chosen"),
    "music_on_hold/classes/pieces": _l("Pieces"),
    "trunks//tls_port": _l("Port for TLS"),
    "trunks/authorities/certificate": _l("Certificate of the authority"),
    "dids/ranges/first": _l("First number"),
    "dids/ranges/last": _l("Last number"),
    "inbound_routes/routes/first": _l("First number"),
    "inbound_routes/routes/last": _l("Last number"),
    "provisioning//refresh_s": _l("Telephones look for changes every (seconds)"),
    "asterisk_core//sip_address": _l("Address for SIP"),
    "asterisk_core//sip_port": _l("Port for SIP"),
    "asterisk_core//sip_tls_port": _l("Port for SIP over TLS"),
    "asterisk_core//rtp_first_port": _l("First port for voice"),
    "asterisk_core//rtp_last_port": _l("Last port for voice"),
    "web_front//largest_upload_mb": _l("Largest upload (MB)"),
    "web_front//pages_per_second": _l("Pages per second and address"),
    "web_front//phone_files_per_second": _l("Telephones' files per second and address"),
    "vpn//plain_tunnel": _l("Network of RouterOS"),
    "vpn//tunnels": _l("Networks of the tunnels"),
    "vpn/branches/number": _l("Number of the branch"),
    "vpn/branches/lan": _l("Local network"),
    "vpn/branches/policy": _l("Which line is used"),
    "vpn/branches/policy/probe_ms": _l("Probe every (ms)"),
    "vpn/branches/policy/idle_probe_ms": _l("Probe of a line that rests every (ms)"),
    "vpn/branches/policy/lost_in_row": _l("Lost probes in a row"),
    "vpn/branches/policy/window": _l("Probes that are looked at"),
    "vpn/branches/policy/loss_percent": _l("Loss from which a line is bad (%)"),
    "vpn/branches/policy/late_ms": _l("Delay from which a line is bad (ms)"),
    "vpn/branches/policy/clean_s": _l("Good again after (seconds)"),
    "vpn/branches/policy/longest_hold_s": _l("Longest wait before it is used again (seconds)"),
}
"""`service/list/field` -> its name; settings have an empty list, rows are one more step."""

NOUNS = {
    "vpn/branches": _l("branch"),
    "trunks/authorities": _l("authority of lines"),
}
"""What the objects of a list are that no screen shows."""

WORDS: Mapping[str, Mapping[str, Any]] = {
    "classes_of_service/classes/permissions/category": CATEGORY_LABELS,
}
"""The words of values that their form does not offer."""

REFERENCES = {
    "users/users/site": "site",
    "classes_of_service/classes/permissions/window": "time_window",
    "classes_of_service/classes/exceptions/window": "time_window",
    "classes_of_service//system_class": "class_of_service",
    "extensions/extensions/user": "user",
    "extensions/extensions/class_of_service": "class_of_service",
    "devices/devices/site": "site",
    "devices/devices/lines/extension": "extension",
    "pickup_groups/groups/members": "extension",
    "ring_groups/groups/members/extension": "extension",
    "voicemail_boxes/boxes/extension": "extension",
    "music_on_hold//default_class": "music_on_hold_class",
    "outbound_routes/routes/trunks": "trunk",
    "outbound_routes/routes/sites": "site",
    "dids/ranges/trunk": "trunk",
    "provisioning/sites/id": "site",
    "vpn/branches/id": "site",
    "network/vlans/parent": "network_interface",
}
"""The field of an id -> the kind of object that it names, as screens know it."""
