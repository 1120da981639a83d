"""The bare telephone of tests does over UDP what every real one does."""

import re
import socket
import threading
from contextlib import closing

import pytest

from tests.support.sip_agent import SipAgent
from tests.support.softphones.message import Message


@pytest.fixture
def server():
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(5)
        yield made


@pytest.fixture
def agent(server):
    with SipAgent(("127.0.0.1", 0), server.getsockname(), "201") as made:
        yield made


def asking(agent, method):
    """The agent's request, in a thread of its own."""
    thread = threading.Thread(target=agent.request, args=(method, "sip:202@127.0.0.1"))
    thread.start()
    return thread


def received(server):
    data, _sender = server.recvfrom(65535)
    return Message("RX", 0, data.decode())


def answer(server, agent, request, status):
    copied = [line for line in request.text.split("\r\n")
              if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))]  # fmt: skip
    text = "\r\n".join((f"SIP/2.0 {status} Word", *copied, "Content-Length: 0", "", ""))
    server.sendto(text.encode(), agent.own)


def branch(message):
    return re.search(r"branch=([^;\s]+)", message.header("via"))[1]


def test_a_request_that_nobody_answers_is_sent_again(server, agent):
    asked = asking(agent, "REGISTER")
    first, second = received(server), received(server)
    assert second.text == first.text
    answer(server, agent, second, 200)
    asked.join()


@pytest.mark.parametrize("status", [200, 486])
def test_an_answer_that_comes_again_is_acknowledged_again(server, agent, status):
    asked = asking(agent, "INVITE")
    invitation = received(server)
    answer(server, agent, invitation, status)
    first = received(server)
    asked.join()
    answer(server, agent, invitation, status)
    agent.read_one(5)
    assert first.method == "ACK"
    assert received(server).text == first.text


@pytest.mark.parametrize(("status", "same"), [(200, False), (486, True)])
def test_only_a_refusal_is_acknowledged_within_its_transaction(server, agent, status, same):
    asked = asking(agent, "INVITE")
    invitation = received(server)
    answer(server, agent, invitation, status)
    assert (branch(received(server)) == branch(invitation)) is same
    asked.join()
