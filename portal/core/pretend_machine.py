"""The pretend engine's machine: what the pages about it show without one."""

from __future__ import annotations

import json
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from appliance import product
from appliance.apply.client import EngineError
from appliance.apply.machine_client import Upload
from appliance.state.faults import Fault


def _alarm(name: str, level: str, subject: str, age_s: int, **texts: str) -> dict[str, Any]:
    return {
        "source": "pretend",
        "name": name,
        "subject": subject,
        "level": level,
        "since": int(time.time()) - age_s,
        "acknowledged_by": "",
        "acknowledged": 0,
        "until": 0,
        "text": {"en": texts["en"], "it": texts["it"]},
        "advice": {"en": texts["advice_en"], "it": texts["advice_it"]},
    }


def pretended_call() -> bytes:
    """A call as Asterisk's logger would have written it: a few messages between two
    telephones and the machine."""
    anna, machine, bruno = b"\x0a\x01\x00\x15", b"\x0a\x01\x00\x01", b"\x0a\x01\x00\x2a"
    story = (
        (anna, machine, "INVITE sip:215@pbx.example.com SIP/2.0"),
        (machine, anna, "SIP/2.0 100 Trying"),
        (machine, bruno, "INVITE sip:215-1@10.1.0.42:5060 SIP/2.0"),
        (bruno, machine, "SIP/2.0 180 Ringing"),
        (machine, anna, "SIP/2.0 180 Ringing"),
        (bruno, machine, "SIP/2.0 200 OK"),
        (machine, bruno, "ACK sip:215-1@10.1.0.42:5060 SIP/2.0"),
        (machine, anna, "SIP/2.0 200 OK"),
        (anna, machine, "ACK sip:215@pbx.example.com SIP/2.0"),
        (anna, machine, "BYE sip:215@pbx.example.com SIP/2.0"),
        (machine, anna, "SIP/2.0 200 OK"),
    )
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
    for number, (sender, receiver, line) in enumerate(story):
        text = f"{line}\r\nCall-ID: pretended\r\nCSeq: 1 INVITE\r\n\r\n".encode()
        udp = struct.pack(">HHHH", 5060, 5060, 8 + len(text), 0) + text
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
        packet = head + sender + receiver + udp
        size = len(packet)
        parts.append(struct.pack("<IIII", 1795852800, number * 45_000, size, size) + packet)
    return b"".join(parts)


class PretendMachine:
    """The verbs of `appliance.apply.machine_client` with invented answers."""

    def prepare_machine(self, _path: Path) -> None:
        self._machine_lock = threading.RLock()
        self._alarms: list[dict[str, Any]] = []
        self.silences: list[dict[str, Any]] = []
        self.days: list[dict[str, Any]] = []
        self._request = ""
        now = int(time.time())
        self._bans: list[dict[str, Any]] = [
            {"address": address, "jail": jail, "since": now - age, "until": now + 3600}
            for address, jail, age in (
                ("203.0.113.77", "sip", 300),
                ("2001:db8:bad::1", "portal", 1200),
            )
        ]
        self._let_in: dict[str, dict[str, Any]] = {}
        self.manages_network = True
        self._locked = {"202"}
        self.console_address: dict[str, Any] | None = None
        self._support = b""
        self._captures: list[dict[str, Any]] = []
        self._started: dict[str, int] = {}
        self._sources = {"web": "own", "server": "own"}

    def raise_pretended(self) -> None:
        """Two alarms, for `make preview` and tests of the pages."""
        self._alarms = [
            _alarm(
                *("trunk-down", "critical", "Alfatel", 1500),
                en="The line “Alfatel” does not answer.",
                it="La linea «Alfatel» non risponde.",
                advice_en="Calls take the next line. Check the internet connection, then ask the "
                "carrier.",
                advice_it="Le chiamate usano la linea successiva. Controllare la connessione a "
                "internet, poi chiamare l'operatore.",
            ),
            _alarm(
                *("disk-nearly-full", "warning", "", 86400 * 2),
                en="The disk is 84 % full.",
                it="Il disco è pieno al 84 %.",
                advice_en="Delete old recordings, captures or backups, or give the machine a "
                "larger disk.",
                advice_it="Eliminare registrazioni, catture o backup vecchi, oppure ampliare il "
                "disco.",
            ),
        ]

    def alarm_counts(self) -> dict[str, int]:
        levels = [each["level"] for each in self._alarms if not each["acknowledged"]]
        return {level: levels.count(level) for level in ("warning", "critical")}

    def alarms(self) -> dict[str, Any]:
        return {"open": list(self._alarms), "over": []}

    def acknowledge_alarm(self, name: str, subject: str, by: str) -> None:
        for each in self._alarms:
            if (each["name"], each["subject"]) == (name, subject):
                each.update(acknowledged_by=by, acknowledged=int(time.time()))
                return
        raise EngineError("lookuperror", "this alarm is over already")

    def call_sound(self) -> dict[str, Any]:
        return {"at": int(time.time()), "silences": list(self.silences), "days": list(self.days)}

    def silence_pretended(self) -> None:
        """Three calls without sound and the day of a branch, for `make preview` and tests."""
        now = int(time.time())
        silence = {"call": "1795852800.7", "leg": "1795852800.8", "device": "205-1", "trunk": ""}
        silence |= {"number": "205", "name": "Elena Conti", "site": "parma", "why": "blocked"}
        silence |= {"others": ["0521987654"], "began": now - 40, "until": 0, "deaf": False}
        deaf = {**silence, "call": "1795852400.1", "leg": "1795852400.2", "device": "207-1"}
        deaf |= {"number": "207", "name": "Marco Ferri", "site": "main", "deaf": True}
        deaf |= {"others": ["201 Anna Bianchi"], "began": now - 900, "until": now - 877}
        earlier = {"call": "1795852100.3", "leg": "1795852100.4", "device": "", "trunk": "alfa"}
        earlier |= {"number": "0521123456", "name": "", "site": "", "why": "carrier"}
        earlier |= {"deaf": False}
        earlier |= {"others": ["201 Anna Bianchi"], "began": now - 7200, "until": now - 7181}
        self.silences = [silence, deaf, earlier]
        spans = [
            {
                **{"at": now // 600 - back, "legs": 2, "worst": mos - 5, "mos": 2 * mos},
                **{"loss_ppm": 40 * (450 - mos) ** 2, "jitter_us": 8000, "round_trip_us": 42000},
            }
            for back, mos in ((back, 435 if back % 17 else 340) for back in range(60, -1, -1))
        ]
        self.days = [{"site": "parma", "spans": spans}]

    # ── certificates ──────────────────────────────────────────────────────────────

    def certificates(self) -> dict[str, Any]:
        now = int(time.time())
        listed = [("authority", 3000, "own")]
        listed += [(name, 250, source) for name, source in self._sources.items()]
        installed = [
            {
                "name": name,
                "subject": "pbx.example.com",
                "issuer": f"{product.NAME} authority",
                "names": ["pbx.example.com", "localhost", "192.0.2.10"],
                "begins": now - 86400,
                "expires": now + days * 86400,
                "key": "EC P-256",
                "fingerprint": ":".join(["5A", "0F", "C3", "91"] * 8),
                "own": source == "own",
                "source": source,
            }
            for name, days, source in listed
        ]
        renewal = {"at": 0, "problem": ""}
        return {
            "host_name": "pbx.example.com",
            "installed": installed,
            "request": self._request,
            "renewal": renewal,
        }

    def network(self) -> dict[str, Any]:
        card = {"up": True, "speed_mbits": 1000, "dhcp": False, "vlan": 0, "parent": ""}
        free = {"up": False, "speed_mbits": 0, "addresses": [], "gateways": []}
        first = {"addresses": ["192.0.2.10/24", "2001:db8:10::10/64"], "gateways": ["192.0.2.1"]}
        return {
            "managed": self.manages_network,
            "host_name": "pbx.example.com",
            "interfaces": [
                {**card, "name": "ens192", "mac": "00:50:56:a1:b2:c3", **first},
                {**card, "name": "ens224", "mac": "00:50:56:a1:b2:c4", **free},
            ],
            "console": self.console_address,
        }

    def authority_certificate(self) -> str:
        return ssl.DER_cert_to_PEM_cert(b"pretended")

    def install_certificate(
        self, upload: Upload, servers: Sequence[str], *, any_name: bool
    ) -> None:
        if b"BEGIN CERTIFICATE" not in upload.certificate:
            fault = Fault("certificate", "is neither PEM nor PKCS#12")
            raise EngineError("faults", str(fault), (fault,))
        self._sources |= dict.fromkeys(servers, "uploaded")

    def renew_certificate(self, server: str) -> None:
        self._sources[server] = "own"

    def request_certificate(self, names: Sequence[str], organisation: str) -> str:
        if not names:
            fault = Fault("names", "must be one to twenty names")
            raise EngineError("faults", str(fault), (fault,))
        self._request = (
            "-----BEGIN CERTIFICATE REQUEST-----\n…\n-----END CERTIFICATE REQUEST-----\n"
        )
        return self._request

    def obtain_certificate(self) -> str:
        return self._start("obtain_certificate", lambda step: step("asking"))

    # ── bans ──────────────────────────────────────────────────────────────────────

    def bans(self) -> list[dict[str, Any]]:
        return [dict(each) for each in self._bans]

    def lift(self, jail: str, address: str) -> None:
        left = [b for b in self._bans if (b["jail"], b["address"]) != (jail, address)]
        if len(left) == len(self._bans):
            raise EngineError("refused", f"{address} is not banned")
        self._bans = left

    def own_bans(self) -> str:
        listed = [
            {"network": f"{each['address']}/32", "why": each["jail"], "until": each["until"]}
            for each in self._bans
            if ":" not in each["address"]
        ]
        return json.dumps({"format": 1, "entries": listed})

    def peers(self) -> dict[str, Any]:
        """Each machine of the applied state shuts out two networks, and refuses some."""
        now = int(time.time())
        asked = [each["id"] for each in self.applied_peers()]
        entries = [
            {"peer": id, "network": network, "why": why, "until": until, "note": note}
            for id in asked
            for network, why, until, note in (
                ("198.51.100.23/32", "sip", now + 1800, ""),
                ("198.51.100.128/25", "block", 0, "scans every night"),
            )
        ]
        well = {"fault": "", "fault_at": 0, "heard_at": now - 20, "entries": 2}
        return {
            "peers": [{"id": id, "refused": {"private": 1}, **well} for id in asked],
            "entries": [{**each, "let_in": self._let_in.get(each["network"])} for each in entries],
        }

    def let_in(self, network: str, reason: str, by: str) -> bool:
        if network not in {each["network"] for each in self.peers()["entries"]}:
            return False
        self._let_in[network] = {"reason": reason, "by": by, "at": int(time.time())}
        return True

    # ── voicemail ─────────────────────────────────────────────────────────────────

    def locked_voicemail(self) -> list[dict[str, Any]]:
        return [{"number": number, "tries": 5} for number in sorted(self._locked)]

    def unlock_voicemail(self, number: str) -> None:
        if number not in self._locked:
            raise EngineError("refused", "this voicemail box is not locked")
        self._locked.remove(number)

    # ── services and logs ─────────────────────────────────────────────────────────

    def services(self) -> dict[str, Any]:
        names = ("engine", "asterisk", "mail", "live", "portal", "provisioning", "web")
        now = int(time.time())
        listed = [
            {
                "name": name,
                "purpose": "",
                "phase": "ready",
                "problem": "",
                "since": self._started.get(name, now - 86400),
                "restarts": int(name in self._started),
                "memory_bytes": (20 + 12 * number) * 1024 * 1024,
                "processor_ms": 40_000 * number,
                "processor_percent": number,
                "pid": 1000 + number,
            }
            for number, name in enumerate(names)
        ]
        return {"services": listed, "calls": 3}

    def restart_service(self, name: str, calls: int = 0) -> None:
        if name == "asterisk" and calls < 3:
            message = "there are more calls now than you have seen"
            raise EngineError("refused", message, details={"calls": 3})
        self._started[name] = int(time.time())

    def logs(self, **question: Any) -> dict[str, Any]:
        now = int(time.time() * 1000)
        said = (
            ("engine", "info", "engine INFO revision=3 in force"),
            ("asterisk", "warning", "WARNING[45] chan.c: caller “<script>alert(1)</script>”"),
            ("web", "error", "[error] upstream timed out"),
        )
        wanted = question.get("process", "")
        text = question.get("text", "").casefold()
        lines = [
            {"at": now - 1000 * number, "process": process, "level": level, "text": line}
            for number, (process, level, line) in enumerate(said)
            if wanted in ("", process) and text in line.casefold()
        ]
        return {"lines": [] if question.get("after") else lines[::-1], "cursor": str(now)}

    # ── captures ──────────────────────────────────────────────────────────────────

    def live_calls(self) -> list[dict[str, Any]]:
        return [
            {
                "id": "1795852800.7",
                "caller": "201",
                "called": "215",
                "seconds": 74,
                "parties": ["201-1", "215-1"],
            }
        ]

    def captures(self) -> list[dict[str, Any]]:
        return [dict(each) for each in self._captures]

    def capture_call(self, call: str, by: str, **options: Any) -> str:
        return self._captured("201 → 215", by, options)

    def capture_extension(self, number: str, by: str, **options: Any) -> str:
        if not number.isdigit():
            fault = Fault("number", "must be a number of 2 to 8 digits")
            raise EngineError("faults", str(fault), (fault,))
        return self._captured(number, by, options)

    def capture_trunk(self, trunk: str, by: str, **options: Any) -> str:
        return self._captured(trunk, by, options)

    def _captured(self, about: str, by: str, options: dict[str, Any]) -> str:
        id = f"{len(self._captures) + 1:016x}"
        capture = {"id": id, "about": about, "by": by, "audio": options["audio"], "why": ""}
        capture |= {"began": int(time.time()), "days": options["days"], "state": "running"}
        capture |= {"ended": 0, "signalling_bytes": 0, "packets_bytes": 0}
        self._captures.insert(0, capture)
        return id

    def stop_capture(self, id: str) -> None:
        for each in self._captures:
            if each["id"] == id:
                size = len(pretended_call())
                each.update(state="done", why="hand", ended=int(time.time()))
                each.update(signalling_bytes=size, packets_bytes=9 * size if each["audio"] else 0)

    def delete_capture(self, id: str) -> None:
        self._captures = [each for each in self._captures if each["id"] != id]

    def capture_pieces(self, id: str, part: str) -> Iterator[bytes]:
        yield pretended_call()

    # ── support file ──────────────────────────────────────────────────────────────

    def write_support_file(self, *, logs: bool = False, numbers: bool = False) -> str:
        def work(step: Callable[[str], None]) -> int:
            for name in ("machine", "processes", "configuration", "telephony", "packing"):
                step(name)
            self._support = b"pretended"
            return 81920

        return self._start("write_support_file", work)

    def support_pieces(self) -> Iterator[bytes]:
        if not self._support:
            raise EngineError("lookuperror", "no support file was written yet")
        yield self._support

    applied_peers: Callable[[], list[dict[str, Any]]]
    _start: Callable[[str, Callable[[Callable[[str], None]], Any]], str]
