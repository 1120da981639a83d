"""What can be asked of the engine about the machine itself, beside its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from appliance.apply.capture_verbs import CaptureVerbs
from appliance.apply.certificate_verbs import CertificateVerbs
from appliance.apply.errors import Refused
from appliance.apply.network_verbs import NetworkVerbs
from appliance.apply.service_verbs import ServiceVerbs
from appliance.apply.support_verbs import SupportVerbs
from appliance.apply.taken import take
from appliance.apply.voicemail_verbs import VoicemailVerbs
from appliance.state.fields import Label, Printable
from appliance.system import sound_alarms
from appliance.system.alarms import Alarm, Name

Subject = Annotated[str, Printable(200, shortest=0)]


class MachineVerbs(
    CaptureVerbs, CertificateVerbs, NetworkVerbs, ServiceVerbs, SupportVerbs, VoicemailVerbs
):
    """Each public method is one verb."""

    def alarms(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """What is wrong with the machine now, and what was."""
        book = self._machine.book
        return {
            "open": [_shown(alarm) for alarm in book.open()],
            "over": [_shown(alarm) for alarm in book.over()],
        }

    def acknowledge_alarm(self, request: Mapping[str, Any]) -> None:
        """Somebody knows of an alarm: it stays open, but nobody is reminded of it."""
        name, subject = take(request, "name", Name), take(request, "subject", Subject, "")
        self._machine.book.acknowledge(name, subject, take(request, "by", Label))

    def call_sound(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Which calls had no sound lately, and how good the sound of each site was."""
        try:
            return asdict(sound_alarms.kept(self._machine.site.layout))
        except ValueError as error:
            raise Refused(f"what is kept of the sound of calls {error}") from error


def _shown(alarm: Alarm) -> dict[str, Any]:
    """An alarm as data, with its sentences in each language."""
    return {
        **asdict(alarm),
        "level": alarm.kind.level,
        "text": {language: alarm.text(language) for language in ("en", "it")},
        "advice": {language: alarm.advice(language) for language in ("en", "it")},
    }
