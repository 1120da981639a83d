"""A branch router without any network: the real messages, and lines that are as a test says."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask

from failover_router import enrol, router_profile
from failover_router.decoding import decode, encode
from failover_router.door import PATH, Refused, signature
from failover_router.report import Answer, DrillReport, LineReport, Report, Switch

Post = Callable[[str, bytes, Mapping[str, str]], tuple[bytes, str]]


def through(app: Flask, address: str = "198.51.100.20") -> Post:
    """Knocks at an application's door without a socket."""
    client = app.test_client()

    def post(verb: str, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, str]:
        answer = client.post(
            f"{PATH}/{verb}",
            data=body,
            headers=dict(headers),
            environ_base={"REMOTE_ADDR": address},
            base_url="https://localhost",
        )
        if answer.status_code != 200:
            reason = (answer.get_json(silent=True) or {}).get("error", "unknown")
            raise Refused(answer.status_code, reason)
        return answer.data, answer.headers.get("X-Signature", "")

    return post


def line(name: str, **fields: Any) -> LineReport:
    """A good line, but for what `fields` say."""
    plain: dict[str, Any] = {
        "name": name,
        "up": True,
        "good": True,
        "loss_permille": 0,
        "rtt_us": 12_000,
        "jitter_us": 400,
        "up_kbits": 216,
        "down_kbits": 214,
        "month_mb": 0,
        "address": "198.51.100.7",
    }
    return LineReport(**{**plain, **fields})


@dataclass
class FakeRouter:
    """A router that has its profile."""

    post: Post
    profile: router_profile.RouterProfile
    boot: str = field(default_factory=lambda: secrets.token_hex(8))
    sequence: int = 0

    @classmethod
    def enrolled(cls, post: Post, secret: str, folder: Path, *, come: bool = True) -> FakeRouter:
        """Take the place of a branch's router with the secret part of a code."""
        key, request = enrol.new_key(folder)
        asked = {"code": secret, "request": request, "hardware": "Protectli VP2420"}
        text, _none = post("enrol", json.dumps(asked).encode(), {})
        data = json.loads(text)["profile"]
        data["vpn"]["key"] = key
        made = cls(post, router_profile.from_data(data))
        if come:
            made.ask("enrolled", {})
        return made

    def ask(self, verb: str, data: Any) -> Any:
        """Ask with a signature; the answer's is checked as the real router does."""
        body = json.dumps(data).encode()
        key, identity = self.profile.portal_key, self.profile.identity
        said = signature(key, verb, body)
        headers = {
            "X-Router": identity.name,
            "X-Generation": str(identity.generation),
            "X-Signature": said,
        }
        text, answered = self.post(verb, body, headers)
        assert answered == signature(key, said, text)
        return json.loads(text)

    def report(
        self,
        *lines: LineReport,
        active: str = "",
        switches: tuple[Switch, ...] = (),
        drill: DrillReport | None = None,
    ) -> Answer:
        """Report, and read the answer as the real router does."""
        self.sequence += 1
        told = lines or tuple(line(each.name) for each in self.profile.lines)
        report = Report(
            schema=1,
            boot=self.boot,
            sequence=self.sequence,
            uptime_s=10 * self.sequence,
            version="0.1.0",
            profile=router_profile.digest(self.profile),
            active=active or told[0].name,
            tunnels=(active or told[0].name,),
            lines=told,
            switches=switches,
            drill=drill,
        )
        return decode(Answer, self.ask("report", encode(report)))

    def restart(self) -> None:
        self.boot, self.sequence = secrets.token_hex(8), 0
