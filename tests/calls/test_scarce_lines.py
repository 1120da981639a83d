"""Lines over TLS, lines that are full, and emergency calls when nothing seems to be left."""

from __future__ import annotations

import subprocess
import time

import pytest

from appliance.services.organisation import Site
from appliance.services.organisation import State as Organisation
from appliance.services.trunks import Authority, Trunk
from appliance.services.trunks import State as Trunks
from appliance.state.fields import Secret
from tests.calls.company import company
from tests.support.carrier import Customer, running_carrier
from tests.support.network import new_network

C, D = "10.97.3.2", "10.97.4.2"
OUR_C, OUR_D = "10.97.3.1", "10.97.4.1"
PASSWORD = "secret-of-the-tls-line"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A carrier's own authority and its certificate for the address C."""
    folder = tmp_path_factory.mktemp("certificate")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Carrier CA",
            "-addext", "basicConstraints=critical,CA:TRUE")  # fmt: skip
    openssl("req", "-x509", *key, "-keyout", "server.key", "-out", "server.crt", "-CA", "ca.crt",
            "-CAkey", "ca.key", "-subj", f"/CN={C}", "-addext", f"subjectAltName=IP:{C}",
            "-addext", "basicConstraints=critical,CA:FALSE")  # fmt: skip
    return folder


def scarce_company(authority, *, lines_at_d=1):
    trunks = (
        Trunk("c", "Carrier C", "registration", C, port=5061, transport="tls", encrypt_media=True,
              user="tlsuser", password=Secret(PASSWORD), number="+390522123400",
              presentation="asserted", max_calls=1, priority=1),
        Trunk("d", "Carrier D", "address", D, transport="tcp", number="+390599000000",
              presents_all=True, max_calls=lines_at_d, priority=2),
    )  # fmt: skip
    authorities = (Authority("carrier", authority),) if authority else ()
    return company(
        "201", "202", "203",
        extensions={"202": {"class_of_service": "unrestricted"},
                    "203": {"class_of_service": "internal"}},
        organisation=Organisation(sites=(Site("main", "Sede", number="+390522123400"),)),
        trunks=Trunks(trunks, authorities),
    )  # fmt: skip


@pytest.fixture(scope="module")
def carriers(pbx, certificate):
    """Carrier c over TLS with its own authority, carrier d over TCP; one call each."""
    with new_network("carc") as one, new_network("card") as other:
        pbx.network.join(one, f"{OUR_C}/24", f"{C}/24")
        pbx.network.join(other, f"{OUR_D}/24", f"{D}/24")
        at_c = Customer("tlsuser", password=PASSWORD, transport="tls")
        with (
            running_carrier(one, C, [at_c], certificate) as c,
            running_carrier(other, D, [Customer("acme", address=OUR_D)]) as d,
        ):
            # Without its authority the carrier's certificate is not believed.
            pbx.apply(scarce_company(""))
            assert "Rejected" not in pbx.console.ask("pjsip show registrations")
            time_out = time.monotonic() + 2
            while time.monotonic() < time_out:
                assert not c.registered("tlsuser")
                time.sleep(0.1)
            pbx.apply(scarce_company((certificate / "ca.crt").read_text()))
            c.expect_registered("tlsuser", within_s=40)
            # Until the line has answered a question of ours, calls take the other one.
            time_out = time.monotonic() + 40
            while "Avail" not in pbx.console.ask("pjsip show aor trunk-c"):
                assert time.monotonic() < time_out, pbx.log[-2000:]
                time.sleep(0.1)
            yield c, d


@pytest.fixture(autouse=True)
def quiet(carriers):
    for carrier in carriers:
        carrier.answers_with("answer")
        carrier.forget()
    yield
    for carrier in carriers:
        carrier.hang_up_all()


def test_a_line_over_tls_registers_and_carries_encrypted_sound(desks, carriers):
    c, _d = carriers
    anna = desks.phone("201")
    call = anna.call("0521123456")
    call.expect_answered()
    # The carrier takes this customer's sound encrypted or not at all.
    call.hears(anna)
    (arrived,) = c.calls(1)
    assert (arrived.number, arrived.from_, arrived.asserted) == (
        "+390521123456", "tlsuser", "+390522123400")  # fmt: skip


def test_a_full_line_is_passed_over_and_when_all_are_full_it_is_said(desks, carriers):
    c, d = carriers
    first, second = desks.phone("201"), desks.phone("202")
    first.call("0521123456").expect_answered()
    second.call("0521123457").expect_answered()
    assert (len(c.calls(1)), len(d.calls(1))) == (1, 1)
    third = desks.agent("201")
    assert third.invite("0521123458").status == 503
    assert (len(c.calls()), len(d.calls())) == (1, 1)


@pytest.mark.row("P17")
def test_an_emergency_call_frees_a_line_when_all_are_busy(pbx, desks, carriers):
    c, d = carriers
    first, second, third = desks.phone("201"), desks.phone("202"), desks.phone("203")
    one = first.call("0521123456")
    one.expect_answered()
    other = second.call("0521123457")
    other.expect_answered()
    emergency = third.call("112")
    emergency.expect_answered()
    one.expect_ended()
    assert [call.number for call in c.calls(2)] == ["+390521123456", "112"]
    assert len(d.calls()) == 1
    assert "is ended to free line c for an emergency call" in pbx.log
    # A second emergency does not end the first one.
    fourth = desks.agent("201")
    assert fourth.invite("118").status == 200
    emergency.hears(third)
    assert [call.number for call in d.calls(2)] == ["+390521123457", "118"]


@pytest.mark.row("P17")
def test_an_emergency_call_tries_even_lines_that_seem_dead(pbx, desks, carriers):
    c, d = carriers
    d.answers_with("503")
    c.falls_silent(OUR_C)
    try:
        deadline = time.monotonic() + 15
        while "Unavail" not in pbx.console.ask("pjsip show aor trunk-c"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        c.speaks_again(OUR_C)
    call = desks.phone("203").call("112")
    call.expect_answered(within_s=20)
    assert c.calls(1)[0].number == "112"
