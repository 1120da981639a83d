"""No secret of a state shows in anything that the engine says, logs or keeps for people."""

import dataclasses
import json

import pytest

from appliance.apply.client import EngineError
from appliance.state.codec import secrets_in
from appliance.state.fields import Secret
from appliance.state.system_state import SystemState, encode_system
from tests.support.daemon import Daemon, running_daemon
from tests.support.pbx import Pbx, new_system
from tools.demo.company import company


@pytest.fixture(scope="module")
def system():
    with new_system() as system:
        system.start_asterisk()
        yield system


@pytest.fixture
def daemon(system):
    with running_daemon(system) as daemon:
        yield daemon


def full_of_secrets(sign: str) -> SystemState:
    """The sample company, whose secrets are new each time, with a relay that wants one and
    a line whose password looks like syntax."""
    state = company()
    line = state["trunks"].trunks[0]
    hostile = dataclasses.replace(
        line,
        user="user",
        auth_user="user",
        password=Secret(f"{sign};pa$$[word]=>#inc{{l}}ude-{line.id}"),
    )
    return state.replaced(
        trunks=dataclasses.replace(state["trunks"], trunks=(hostile, *state["trunks"].trunks[1:])),
        mail=dataclasses.replace(
            state["mail"],
            server="relay.example",
            user="us",
            password=Secret(f"{sign}-of-the-relay"),
            sender="us@relay.example",
        ),
    )


def secrets_of(*states: SystemState) -> dict[str, str]:
    """Secret -> its place. Boxes' PINs are short enough to stand in other texts by chance."""
    return {
        secret.reveal(): place
        for state in states
        for name, part in state.services.items()
        for place, secret in secrets_in(part, name)
        if len(secret.reveal()) >= 8
    }


def refusals(daemon: Daemon, old: SystemState, new: SystemState, base: int) -> list[str]:
    """What is said to requests that fail, each in another way."""
    client = daemon.client
    wrong_type = encode_system(new)
    wrong_type["services"]["devices"]["devices"][0]["lines"][0]["slot"] = "x"
    doubled = new["devices"].devices
    twice = new.replaced(devices=dataclasses.replace(new["devices"], devices=doubled * 2))
    broken = Secret("broken\nsecret-of-line")
    line = dataclasses.replace(new["trunks"].trunks[0], password=broken)
    unwritable = new.replaced(trunks=dataclasses.replace(new["trunks"], trunks=(line,)))
    requests = [
        lambda: client._ask("plan", state=wrong_type, base=base),
        lambda: client._ask("plan", state=json.dumps(encode_system(new)), base=base),
        lambda: client.plan(twice, base),
        lambda: client.plan(unwritable, base),
        lambda: client.plan(new, base + 5),
        lambda: client.wait(client.apply(new, base + 5, "test"), 30),
    ]
    said = []
    for request in requests:
        with pytest.raises(EngineError) as caught:
            request()
        said.append(f"{caught.value!r} {caught.value.faults} {caught.value.details}")
    return said


def everything_said(system: Pbx, daemon: Daemon, old: SystemState, new: SystemState) -> str:
    """All that the engine tells and keeps for people, about two states and their faults."""
    client = daemon.client
    said: list[object] = []
    base = client.status()["current"]
    for state in (old, new):
        plan = client.plan(state, base)
        job = client.prove(plan["candidate"])
        said += [plan, client.wait(job, 60), client.job(job)]
        job = client.apply(plan["candidate"], base, "test", "a reason")
        base = client.wait(job, 60)
        said += [client.job(job), client.report(base), client.masked_state(base)]
    auths = system.machine.layout.asterisk_etc / "pjsip_trunks.conf"
    auths.write_text(auths.read_text() + "; by hand\n")
    said += [client.drift(), client.edited(), client.plan(old, base), client.history()]
    said += [client.difference(base - 1, base), client.difference(1, base)]
    said += refusals(daemon, old, new, base)
    client.wait(client.restore(), 60)
    said += [(system.folder / "engine.out").read_text(), system.log]
    return "\n".join(json.dumps(each, ensure_ascii=False, default=str) for each in said)


def test_no_secret_of_a_state_is_said_logged_or_kept_for_people(system, daemon):
    old, new = full_of_secrets("old"), full_of_secrets("new")
    said = everything_said(system, daemon, old, new)
    secrets = secrets_of(old, new)
    assert len(secrets) > 100
    forms = list(secrets.items())
    # As Asterisk's files write them.
    forms += [(secret.replace(";", "\\;"), place) for secret, place in forms]
    assert {place for secret, place in forms if json.dumps(secret)[1:-1] in said} == set()
    for secret in system.machine.secrets.values():
        assert secret.reveal() not in said
    assert "secret-of-line" not in said
