"""Trunks: the lines to carriers, by registration or by address.

A trunk is one PJSIP endpoint `trunk-<id>`. What differs from carrier to carrier is data:
how numbers are written in each direction, which header carries the called number, where
the caller id stands. `trunk_shapes` holds what carriers publish about that.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from markupsafe import Markup

from appliance.asterisk import names
from appliance.asterisk.reloads import RESTART
from appliance.policy.model import Line
from appliance.policy.numbers import NumberFormat
from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import (
    Between,
    Host,
    Label,
    ObjectId,
    OptionalE164,
    OptionalHost,
    Pattern,
    Port,
    Secret,
    is_ip_address,
)
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.system.edge_facts import CarrierFacts
from appliance.verify.probes import NO_SUCH_OBJECT, Probe

OptionalSipUser = Annotated[
    str,
    Pattern(r"|[A-Za-z0-9_.!~*'()+-]{1,64}", "letters, digits or signs of a SIP user, or empty"),
]
SourceAddress = Annotated[
    str,
    Pattern(
        r"([0-9]{1,3}\.){3}[0-9]{1,3}(/[0-9]{1,2})?|[0-9a-fA-F:]{2,39}(/[0-9]{1,3})?",
        "an IP address or a network such as 203.0.113.0/28",
    ),
]
Certificate = Annotated[
    str,
    Pattern(
        r"-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,76}\n){1,100}"
        r"-----END CERTIFICATE-----\n",
        "one certificate in PEM form",
    ),
]
OptionalPort = Annotated[int, Between(0, 65535)]
Codec = Literal["alaw", "ulaw", "g722", "gsm", "opus"]


QUALIFY_TIMEOUT_S = 2
"""How long a carrier may take to say that it is alive."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """A line to a carrier.

    `kind` is how the carrier knows us: we register with `user` and `password`, or it
    knows our address. `host` is its server, `port` 0 the usual one (or what DNS says).
    `addresses` are where its calls come from; a trunk that registers is also known by a
    mark in its registration (`line`, RFC 3261 leaves contact parameters to us).

    `number` is its main number, shown when a caller has none of this trunk. With
    `presents_all` it may show any number of the company. `number_format` and
    `caller_format` are what we send, `received_format` what we get when neither + nor
    the international prefix says so. `did_from` is where the called number stands,
    `presentation` where we write the caller's. `forwarded` says whose number a call
    shows that comes from outside and goes out again: the forwarder's, or the original
    caller's with a Diversion header (RFC 5806).

    `max_calls` 0 means no limit. `qualify_s` is how often it is asked whether it is
    alive, 0 never: a call that meets a carrier which has just died goes on over the next
    line after at most `qualify_s` + QUALIFY_TIMEOUT_S, or after 32 s when it is never asked
    (timer B of RFC 3261).
    Lower `priority` is tried first.
    """

    id: ObjectId
    label: Label
    kind: Literal["registration", "address"]
    host: Host
    port: OptionalPort = 0
    transport: Literal["udp", "tcp", "tls"] = "udp"
    encrypt_media: bool = False
    outbound_proxy: OptionalHost = ""
    outbound_proxy_port: OptionalPort = 0
    user: OptionalSipUser = ""
    auth_user: OptionalSipUser = ""
    password: Secret = Secret("")  # noqa: RUF009 - immutable
    domain: OptionalHost = ""
    addresses: tuple[SourceAddress, ...] = ()
    number: OptionalE164 = ""
    presents_all: bool = False
    number_format: NumberFormat = "plus"
    caller_format: NumberFormat = "plus"
    received_format: NumberFormat = "plus"
    did_from: Literal["request", "to", "called_party"] = "request"
    presentation: Literal["from", "asserted", "preferred"] = "from"
    forwarded: Literal["own", "original"] = "own"
    codecs: tuple[Codec, ...] = ("alaw", "ulaw")
    dtmf: Literal["rfc4733", "inband", "info", "auto"] = "rfc4733"
    max_calls: Annotated[int, Between(0, 10000)] = 0
    priority: Annotated[int, Between(1, 99)] = 10
    qualify_s: Annotated[int, Between(0, 3600, "s")] = 3
    register_s: Annotated[int, Between(60, 86400, "s")] = 300
    enabled: bool = True
    shape: ObjectId | None = None

    @property
    def name(self) -> str:
        return names.trunk(self.id)

    @property
    def served_domain(self) -> str:
        """What stands behind @ in our addresses: the carrier's domain."""
        return _host_port(self.domain or self.host, 0)

    @property
    def registers(self) -> bool:
        return self.kind == "registration"

    @property
    def sources(self) -> tuple[str, ...]:
        """Where its calls come from, as addresses."""
        own = (self.host,) if is_ip_address(self.host) and not self.registers else ()
        return tuple(dict.fromkeys([*self.addresses, *own]))

    @property
    def from_user(self) -> str:
        """The fixed user of From, "" where From carries the caller's number."""
        return "" if self.presentation == "from" else self.user

    def uri(self, user: str = "") -> str:
        """The SIP address of the carrier's server."""
        return f"sip:{user}{'@' if user else ''}{_host_port(self.host, self.port)}{self._over}"

    @property
    def client_uri(self) -> str:
        """Our address of record at the carrier."""
        return f"sip:{self.user}@{self.served_domain}"

    @property
    def proxy_uri(self) -> str:
        """The outbound proxy as a loose route, "" for none."""
        if not self.outbound_proxy:
            return ""
        return f"sip:{_host_port(self.outbound_proxy, self.outbound_proxy_port)}{self._over};lr"

    @property
    def _over(self) -> str:
        return "" if self.transport == "udp" else f";transport={self.transport}"


def _host_port(host: str, port: int) -> str:
    text = f"[{host}]" if ":" in host else host
    return f"{text}:{port}" if port else text


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of a carrier that the system does not know by itself."""

    id: ObjectId
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class State:
    """The trunks. `tls_port` is the port that trunks over TLS are opened from."""

    trunks: tuple[Trunk, ...] = ()
    authorities: tuple[Authority, ...] = ()
    tls_port: Port = 5062


def references(state: State) -> Iterator[Reference]:
    """Yield every trunk; only enabled ones take part in the policy and are let in."""
    for trunk in state.trunks:
        line = Line(
            trunk.id,
            trunk.priority,
            trunk.number,
            trunk.number_format,
            trunk.caller_format,
            trunk.presents_all,
        )
        yield Reference("trunk", trunk.id, trunk.label, facts=line if trunk.enabled else None)
        if trunk.enabled:
            yield Reference("carrier", trunk.id, trunk.label, facts=_carrier(trunk, state))


def _carrier(trunk: Trunk, state: State) -> CarrierFacts:
    """From where the firewall lets a line's calls in. One that registers at a server known by
    name is heard over the connection that its registrations keep open."""
    own = (trunk.host,) if is_ip_address(trunk.host) else ()
    proxy = (trunk.outbound_proxy,) if is_ip_address(trunk.outbound_proxy) else ()
    sources = tuple(source for source in (*trunk.addresses, *own, *proxy) if _is_source(source))
    networks = tuple(str(ipaddress.ip_network(source, strict=False)) for source in sources)
    return CarrierFacts(networks, state.tls_port if trunk.transport == "tls" else 0)


def check(state: State, _references: References) -> Iterator[Fault]:
    """Yield faults of trunks that cannot work as they are described."""
    yield from duplicate_ids("trunks", state.trunks)
    yield from duplicate_ids("trunks/authorities", state.authorities)
    for trunk in state.trunks:
        yield from _bad_trunk(trunk)
    sources = Counter(
        source for t in state.trunks if t.enabled and not t.registers for source in t.sources
    )
    for source, times in sources.items():
        if times > 1:
            text = "calls from %(source)s would belong to %(times)d trunks"
            yield Fault("trunks", text, {"source": source, "times": times})


def _bad_trunk(trunk: Trunk) -> Iterator[Fault]:
    where = f"trunks/{trunk.id}"
    if trunk.registers and not (trunk.user and trunk.password):
        yield Fault(f"{where}/user", "a trunk that registers needs a user and a password")
    if not trunk.registers and not trunk.sources:
        text = "a trunk known by address needs the addresses that its calls come from"
        yield Fault(f"{where}/addresses", text)
    if trunk.presentation != "from" and not trunk.user:
        text = "needs a user for From when the caller id stands in a header of its own"
        yield Fault(f"{where}/user", text)
    if not trunk.codecs:
        yield Fault(f"{where}/codecs", "must name at least one codec")
    if trunk.encrypt_media and trunk.transport != "tls":
        text = "media can be encrypted only when signalling is, since that carries the keys"
        yield Fault(f"{where}/encrypt_media", text)
    for source in trunk.addresses:
        if not _is_source(source):
            yield Fault(f"{where}/addresses", "%(source)s is no address", {"source": source})
    secret = trunk.password.reveal()
    if any(ord(sign) < 32 or ord(sign) > 126 for sign in secret) or len(secret) > 128:
        yield Fault(f"{where}/password", "must have at most 128 signs of plain ASCII")


def _is_source(text: str) -> bool:
    address, _, length = text.partition("/")
    most = 128 if ":" in address else 32
    return is_ip_address(address) and (not length or int(length) <= most)


AUTHORITIES = "trunk_authorities.pem"

MISLEADING = (
    *range(0x80, 0xA0),
    0x061C,
    *range(0x200E, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
)
"""Signs in a caller's name that control or turn the text around them: C1 controls, line
separators, direction marks. A name with one of them keeps its ASCII letters only."""


def files(state: State, _references: References, machine: Machine) -> Iterator[File]:
    """Yield endpoints, registrations, identify sections and what the dialplan must know."""
    active = [trunk for trunk in state.trunks if trunk.enabled]
    values = {
        "trunks": active,
        "names": names,
        "qualify_timeout_s": QUALIFY_TIMEOUT_S,
        "layout": machine.layout,
        "tls_port": state.tls_port,
        "authorities": state.authorities,
        "authorities_file": AUTHORITIES,
        "bad_signs": Markup("|".join(map(chr, MISLEADING))),  # noqa: S704 - our own constant
    }
    reloads = {
        "pjsip_trunks.conf": ("pjsip",),
        "pjsip_registrations.conf": ("pjsip_registration",),
        "pjsip_identify.conf": ("pjsip_identify",),
        "pjsip_trunk_transport.conf": (RESTART,),
        "extensions_trunks.conf": ("dialplan",),
        names.LINES_MAP: (),
    }
    for name, reload in reloads.items():
        content = render_asterisk("trunks", name, **values)
        yield File(f"etc/asterisk/{name}", content, reload, group="asterisk")
    if state.authorities:
        content = "".join(each.certificate for each in state.authorities).encode()
        yield File(f"etc/asterisk/{AUTHORITIES}", content, (RESTART,), group="asterisk")


def probes(state: State, _references: References) -> Iterator[Probe]:
    """Read back each trunk's endpoint, registration and identify section."""
    for trunk in (each for each in state.trunks if each.enabled):
        where = f"trunks/{trunk.id}"
        yield Probe(
            where,
            f"pjsip show endpoint {trunk.name}",
            (f"context : {names.FROM_TRUNK}", f"aors : {trunk.name}"),
            absent=NO_SUCH_OBJECT,
        )
        if trunk.registers:
            yield Probe(
                where,
                f"pjsip show registration {trunk.name}",
                (f"client_uri : {trunk.client_uri}", f"endpoint : {trunk.name}"),
                absent=NO_SUCH_OBJECT,
            )
        if trunk.sources:
            yield Probe(
                where,
                f"pjsip show identify {trunk.name}",
                (f"endpoint : {trunk.name}",),
                absent=NO_SUCH_OBJECT,
            )
