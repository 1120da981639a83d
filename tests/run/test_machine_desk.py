"""Services, logs and the support file of a running system, asked as the portal asks."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from appliance.apply.client import EngineClient, EngineError
from appliance.services import registry
from appliance.state.codec import secrets_in
from tests.support.checkout import new_checkout, until

pytestmark = pytest.mark.row("D1")


@pytest.fixture(scope="module")
def checkout():
    with new_checkout() as made:
        made.run(DEMO="1")
        yield made


@pytest.fixture
def client(checkout):
    return EngineClient(checkout.place.layout.engine_socket)


def services(client):
    return {each["name"]: each for each in client.services()["services"]}


def test_every_process_tells_its_memory_and_since_when(client):
    found = services(client)
    assert {"engine", "asterisk", "mail", "live", "portal", "provisioning", "web"} <= set(found)
    for each in found.values():
        assert each["phase"] == "ready", each
        assert each["memory_bytes"] > 500_000, each
        assert each["since"] > 1_700_000_000, each


def test_a_process_is_started_again_and_asterisk_only_by_who_knows_its_calls(checkout, client):
    first = checkout.record("live")
    client.restart_service("live")
    until(
        20,
        lambda: (
            checkout.record("live") not in (None, first)
            and services(client)["live"]["phase"] == "ready"
        ),
        "it does not come back",
    )
    assert services(client)["live"]["restarts"] >= 1
    with pytest.raises(EngineError, match="does not restart itself"):
        client.restart_service("engine")


def test_logs_are_found_by_process_and_text(client):
    lines = client.logs(process="engine", text="IN FORCE")["lines"]
    assert lines
    assert all(each["process"] == "engine" for each in lines)
    with pytest.raises(EngineError):
        client.logs(process="../../etc/shadow")


def every_secret(checkout, client):
    """Every secret of the machine: made by it, in its state, in its folders."""
    layout = checkout.place.layout
    found = {path.read_text().strip() for path in (layout.state / "secrets").iterdir()}
    state = registry.decode(client.state(client.status()["current"]))
    for part in state.services.values():
        found |= {secret.reveal() for _where, secret in secrets_in(part)}
    for folder in (layout.certificates, layout.state / "vpn"):
        for path in folder.rglob("*"):
            if path.is_file() and b"KEY-----" in (content := path.read_bytes()):
                found |= {line for line in content.decode().splitlines()
                          if len(line) > 40 and "-----" not in line and "CERT" not in line
                          and path.suffix != ".crt"}  # fmt: skip
    return {word for word in found if len(word) >= 6}


def test_the_support_file_tells_much_and_holds_no_secret(checkout, client):
    secrets = every_secret(checkout, client)
    assert len(secrets) > 60
    log = checkout.place.logs / "engine.log"
    with log.open("a") as file:
        day = "2099-01-01 10:00:00.000+01:00"
        file.write(f"{day} leaked {min(secrets)} of +390522123456\n")
    client.wait(client.write_support_file(logs=True), 120)
    content = b"".join(client.support_pieces())
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}
    whole = b"\n".join(files.values())
    assert not [word for word in secrets if word.encode() in whole]
    assert b"PRIVATE KEY" not in whole
    assert b"leaked [secret] of +390522123..." in files["support/logs/engine.txt"]
    missing = [name for name, text in files.items() if text.startswith(b"not available")]
    # A checkout has neither systemd nor chrony.
    assert set(missing) <= {"support/machine/clock.txt", "support/machine/units.txt"}, missing
    assert b"Asterisk 22" in files["support/telephony/core-show-version.txt"]
    path = checkout.place.layout.state / "support/support.tar.gz"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_uid == os.getuid() == 0


def test_figures_for_prometheus_are_written(checkout, client):
    folder = Path(checkout.place.layout.metrics)
    until(15, lambda: list(folder.glob("*.prom")), "no figures are written")
    (path,) = folder.glob("*.prom")
    text = path.read_text()
    assert '_process_ready{process="asterisk"} 1' in text
    assert '_certificate_expiry_seconds{certificate="web"}' in text


def test_the_next_call_of_a_telephone_is_captured_through_the_engine(client):
    """The demo's telephones call each other now and then; asking Asterisk for them is what
    needs the whole system."""
    contacts = client.live_calls()
    assert isinstance(contacts, list)
    state = registry.decode(client.state(client.status()["current"]))
    numbers = [extension.number for extension in state["extensions"].extensions]
    id = next(filter(None, (begun(client, number) for number in numbers)))
    with pytest.raises(EngineError, match="another capture"):
        begun(client, numbers[0], refused=True)
    client.stop_capture(id)
    until(10, lambda: client.captures()[0]["state"] == "done", "it does not stop")
    (capture,) = client.captures()
    assert (capture["why"], capture["by"]) == ("hand", "test")
    client.delete_capture(id)
    assert client.captures() == []


def begun(client, number, *, refused=False):
    """Capture an extension; "" when no telephone of it is registered."""
    try:
        return client.capture_extension(number, "test", audio=True, seconds=60)
    except EngineError as error:
        if refused or "registered" not in error.message:
            raise
        return ""
