"""Keeps certificates valid: once after the start, then twice a day, and when asked."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.apply.errors import Refused
from appliance.services.certificates import State
from appliance.system.acme import AcmeClient
from appliance.system.alarms import AlarmBook, Raised
from appliance.system.server_certificates import ServerCertificates, leaf

log = logging.getLogger("engine.renewal")

FIRST_AFTER_S = 60.0
EVERY_S = 12 * 3600.0
SPREAD_S = 3600.0
"""Authorities ask their clients not to come all at the same minute."""


@dataclass(slots=True)
class Renewal:
    """`wishes` gives what the state in force says about ACME."""

    certificates: ServerCertificates
    client: AcmeClient
    book: AlarmBook
    wishes: Callable[[], State]
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        threading.Thread(target=self._run, name="renewal", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        pause_s = FIRST_AFTER_S
        while not self._stop.wait(pause_s):
            self.look()
            pause_s = EVERY_S + random.uniform(0, SPREAD_S)  # noqa: S311 - spreads load

    def look(self) -> None:
        """Renew what is due; what does not work is an alarm, and the old one stays."""
        try:
            if self.wishes().automatic:
                self.obtain()
            self.certificates.keep_valid()
        except Refused as error:
            log.error("renewal refused: %s", error)
        except Exception as error:  # noqa: BLE001 - tried again in some hours
            log.error("renewal error=%s", type(error).__name__)

    def obtain(self, *, anew: bool = False) -> None:
        """Ask the authority, and present what it gives unless that is in force already."""
        wanted = self.wishes()
        try:
            pair = self.client.obtain(wanted, anew=anew)
            folder = self.certificates.folder
            held = folder / "acme-held.pem"
            held.write_bytes(pair.certificate)
            if any(leaf(held) != leaf(folder / f"{each}.crt") for each in wanted.servers):
                self.certificates.present(pair, wanted.servers)
        except Refused as error:
            values = {"reason": str(error)}
            subject = ", ".join(wanted.names[:3])
            self.book.report("acme", [Raised("certificate-not-renewed", subject, values)])
            raise
        self.book.report("acme", ())
