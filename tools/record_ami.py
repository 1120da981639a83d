"""Records the events of one call between two telephones, for the tests of the live view.

    python -m tools.record_ami >tests/support/ami/one_call.yaml

Times and names of channels differ from recording to recording; nothing depends on them.
"""

from __future__ import annotations

import socket
import sys
import threading
from typing import Any

import yaml

from appliance import credentials
from appliance.asterisk import names
from appliance.asterisk.ami import parse_event
from tests.calls.company import company, secret
from tests.support.network import new_network
from tests.support.pbx import Pbx, running_pbx
from tests.support.softphones import Softphones


def record(pbx: Pbx, work: Any) -> bytes:
    """Everything that Asterisk's manager interface sends while `work()` runs."""
    with pbx.network.entered():
        connection = socket.create_connection(("127.0.0.1", pbx.machine.ami_port))
    password = pbx.machine.secrets[credentials.AMI_LIVE].reveal()
    login = f"Action: Login\r\nUsername: {names.AMI_LIVE}\r\nSecret: {password}\r\n\r\n"
    connection.sendall(login.encode())
    received = bytearray()
    reader = threading.Thread(target=_read, args=(connection, received))
    reader.start()
    work()
    connection.sendall(b"Action: Logoff\r\n\r\n")
    reader.join(10)
    connection.close()
    return bytes(received)


def _read(connection: socket.socket, into: bytearray) -> None:
    while part := connection.recv(65536):
        into += part


def one_call(pbx: Pbx, phones: Softphones) -> None:
    """201 calls 202, who answers; both hear each other, 201 hangs up."""
    anna, niccolo = (phones.add(f"{n}-1", secret(n)) for n in ("201", "202"))
    call = anna.call("202")
    niccolo.expect_ringing().answer()
    call.expect_answered()
    call.hears(niccolo)
    anna.hang_up()
    call.expect_ended()


def main() -> None:
    with running_pbx() as pbx, new_network("phones") as network:
        pbx.apply(company("201", "202"))
        pbx.network.join(network, "10.98.0.1/24", "10.98.0.2/24")
        network.run("ip", "route", "add", pbx.address, "via", "10.98.0.1")
        authority = pbx.machine.layout.certificates / "authority.crt"
        with Softphones("10.98.0.2", pbx.address, network.name, authority) as phones:
            raw = record(pbx, lambda: one_call(pbx, phones))
    packets = [packet for packet in raw.split(b"\r\n\r\n") if packet.startswith(b"Event: ")]
    events = [parse_event(packet) for packet in packets]
    yaml.safe_dump(events, sys.stdout, allow_unicode=True, sort_keys=False)


if __name__ == "__main__":
    main()
