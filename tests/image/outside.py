"""What is seen of the machine under test from outside: its portal, telephones that call."""

from __future__ import annotations

import re
import ssl
import urllib.error
import urllib.request

from appliance.state.system_state import SystemState
from tests.support.rtp import SoundEnd
from tests.support.sip_agent import SipAgent
from tests.support.virtual_machine import Machine


def https(machine: Machine, path: str = "/health") -> int:
    """The status that the portal's address answers with; 0 when nothing answers."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            machine.network.entered(),
            urllib.request.urlopen(
                f"https://127.0.0.1{path}", timeout=10, context=context
            ) as answer,
        ):
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def reached(machine: Machine) -> bool:
    """Whether its portal is reached from outside; the first page after a start takes a while."""
    machine.wait("its portal", lambda: https(machine) == 200, 120, every_s=5)
    return True


def agent_of(
    machine: Machine,
    example: SystemState,
    id: str,
    own: str = "127.0.0.1",
    server: str = "127.0.0.1",
) -> SipAgent:
    """A telephone of the company: at the forwarded port of the machine, or in its branch."""
    (device,) = (each for each in example["devices"].devices if each.id == id)
    line = device.lines[0]
    name, inside = f"{line.extension}-{line.slot}", machine.network.entered()
    return SipAgent((own, 0), (server, 5060), name, line.secret.reveal(), inside=inside)


def offer(end: SoundEnd) -> str:
    """A description that names a sound's port; the machine learns the address by itself."""
    lines = ("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0")
    media = (f"m=audio {end.port} RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "a=sendrecv", "")
    return "\r\n".join((*lines, *media))


def sound_port(description: str) -> int:
    """The port that the machine's description names for sound."""
    found = re.search(r"^m=audio (\d+) ", description, re.M)
    assert found, description
    return int(found[1])


def answered(caller: SipAgent, called: SipAgent, ear: SoundEnd, other: SoundEnd) -> tuple[str, str]:
    """Call, answer and acknowledge; the machine's description for each side."""
    sdp = ("Content-Type: application/sdp",)
    uri = "sip:202@127.0.0.1"
    caller.start("INVITE", uri, sdp, body=offer(ear))
    ringing = called.expect(lambda m: m.method == "INVITE" and not m.status, 30, "the call")
    called.respond(ringing, 200, "OK", offer(other))
    answer = caller.expect(lambda m: m.method == "INVITE" and m.status == 200, 30, "the answer")
    dialog = {"to": answer.header("to"), "call_id": answer.header("call-id")}
    caller.send(caller.build("ACK", uri, cseq=int(answer.header("cseq").split()[0]), **dialog))
    return answer.body, ringing.body
