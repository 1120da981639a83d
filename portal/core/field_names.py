"""What fields are called that no form shows under their own name: pages of their own and
forms that join two fields have them, and differences speak of them too."""

from __future__ import annotations

from portal.core.i18n import _l
from portal.core.shapes import Place

NAMES = {
    "devices/devices/token": _l("secret of the configuration file"),
    "alarms//addresses": _l("Addresses"),
    "alarms//language": _l("Language of the mails"),
    "alarms//least": _l("From which level on"),
    "alarms//repeat_after_h": _l("Again after (hours)"),
    "certificates//automatic": _l("Automatic certificate"),
    "certificates//mail": _l("Mail address for the authority"),
    "certificates//telephony": _l("For telephony too"),
    "certificates//directory": _l("Address of the authority"),
    "certificates//names": _l("Names in the certificate"),
    "certificates//authority": _l("Certificate of the authority"),
    "music_on_hold//default_class": _l("Music where none is chosen"),
    "music_on_hold/classes/pieces": _l("Pieces"),
    "trunks//tls_port": _l("Port for TLS"),
    "trunks/trunks/shape": _l("Carrier"),
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
    "vpn//addresses": _l("Addresses that routers connect to"),
    "vpn//port": _l("Port of the tunnels"),
    "vpn//second_port": _l("Second port of the tunnels"),
    "vpn//probe_port": _l("Port of the probes"),
    "vpn//plain_port": _l("Port of RouterOS"),
    "vpn//plain_tunnel": _l("Network of RouterOS"),
    "vpn//inner_address": _l("Address inside the tunnels"),
    "vpn//tunnels": _l("Networks of the tunnels"),
    "vpn//server_networks": _l("Networks around the machine"),
    "vpn/branches/router": _l("Router"),
    "vpn/branches/number": _l("Number of the branch"),
    "vpn/branches/lan": _l("Local network"),
    "vpn/branches/lines": _l("Internet lines"),
    "vpn/branches/mode": _l("Kind of connection"),
    "vpn/branches/policy": _l("Which line is used"),
    "vpn/branches/enabled": _l("In use"),
    "vpn/branches/reaches_branches": _l("Reaches other branches"),
    "vpn/branches/borrow_kbits": _l("Borrowed bandwidth (kbit/s)"),
    "vpn/branches/codec": _l("Voice codec"),
    "vpn/branches/calls": _l("Calls at a time"),
}
"""`service/list/field` -> its name; settings have an empty list."""


def name_of_field(place: Place, field: str) -> str:
    """A field's name from the list above; "" where a form has it."""
    return str(NAMES.get(f"{place.service}/{place.collection}/{field}", ""))
