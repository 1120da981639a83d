"""What can be asked of the engine about certificates. Keys come in and never go out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

from appliance.apply.course import Progress
from appliance.apply.desk import MachineDesk
from appliance.apply.taken import take
from appliance.services.certificates import DnsName
from appliance.state.faults import Fault, StateError
from appliance.state.fields import OptionalLabel, Printable, Secret
from appliance.system.certificate_check import LARGEST_BYTES, Upload
from appliance.system.server_certificates import Server

Encoded = Annotated[str, Printable(LARGEST_BYTES * 2, shortest=0)]
RequestName = DnsName


class CertificateVerbs:
    """Each public method is one verb."""

    _machine: MachineDesk
    _start: Callable[[str, Callable[[Progress], Any]], dict[str, Any]]

    def certificates(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """What is presented, the request that waits, and how the last renewal went."""
        held = self._machine.certificates
        found = [{**asdict(facts), "source": source} for facts, source in held.installed()]
        return {
            "host_name": held.host_name,
            "installed": found,
            "request": held.request(),
            "renewal": asdict(self._machine.renewal.client.last()),
        }

    def authority_certificate(self, _request: Mapping[str, Any]) -> str:
        """Our authority's certificate in PEM, for browsers and telephones."""
        return self._machine.certificates.authority.read_text()

    def check_certificate(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What an upload holds; faults say why it cannot be used."""
        any_name = take(request, "any_name", bool, False)
        fit = self._machine.certificates.looked_at(_upload(request), any_name=any_name)
        return asdict(fit.facts)

    def install_certificate(self, request: Mapping[str, Any]) -> None:
        """Present an upload, once clients really see it."""
        any_name = take(request, "any_name", bool, False)
        servers = take(request, "servers", tuple[Server, ...])
        self._machine.certificates.install(_upload(request), servers, any_name=any_name)

    def renew_certificate(self, request: Mapping[str, Any]) -> None:
        """A new certificate of our own authority for one server, whatever it has now."""
        self._machine.certificates.renew(take(request, "server", Server))

    def request_certificate(self, request: Mapping[str, Any]) -> str:
        """A signing request for an authority; its key stays here."""
        names = take(request, "names", tuple[RequestName, ...])
        if not names or len(names) > 20:
            raise StateError([Fault("names", "must be one to twenty names")])
        organisation = take(request, "organisation", OptionalLabel, "")
        return self._machine.certificates.make_request(names, organisation)

    def obtain_certificate(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to ask the authority of the settings for a new certificate; a job."""

        def work(tell: Progress) -> None:
            tell("asking")
            self._machine.renewal.obtain(anew=True)

        return self._start("obtain_certificate", work)


def _upload(request: Mapping[str, Any]) -> Upload:
    parts = {name: _bytes(take(request, name, Encoded, ""), name)
             for name in ("certificate", "key", "chain")}  # fmt: skip
    password = take(request, "password", Secret, Secret(""))
    return Upload(parts["certificate"], parts["key"], parts["chain"], password)


def _bytes(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise StateError([Fault(where, "must be encoded in Base64")]) from None
