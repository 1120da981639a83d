"""The test mail: sent as the draft says, or the reason in words."""

import re
import socket
import threading

import pytest

from tests.support.smtp_sink import SmtpSink


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def configured(manager, port, **more):
    version = re.search(r'name="version" value="([^"]+)"', manager.get("/mail/").text)[1]
    form = {"server": "127.0.0.1", "port": str(port), "security": "none"}
    form |= {"sender": "pbx@example.com", "version": version, **more}
    assert manager.send("/mail/", form).status_code == 302
    return manager


def answer(manager, **form):
    manager.send("/mail/test", form)
    return manager.get("/mail/").text


@pytest.mark.row("P12")
def test_a_test_mail_arrives_before_anything_is_applied(company, manager):
    port = free_port()
    configured(manager, port)
    with SmtpSink(("127.0.0.1", port)) as sink:
        page = answer(manager, to="chiara@example.com")
        mail = sink.expect(within_s=5)
    assert "ha accettato" in page
    assert (mail["From"], mail["To"]) == ("pbx@example.com", "chiara@example.com")
    assert "E-mail di prova" in mail["Subject"]


def test_a_server_that_is_not_there_is_said(company, manager):
    configured(manager, free_port())
    assert "non è raggiungibile" in answer(manager)


def test_a_server_without_encryption_is_said(company, manager):
    port = free_port()
    configured(manager, port, security="starttls")
    with SmtpSink(("127.0.0.1", port)):
        assert "prova un&#39;altra porta" in answer(manager)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"530 5.7.0 Must issue a STARTTLS command first\r\n", "5.7.0"),
        (b"550 5.7.1 Sender <b>not</b> allowed\r\n", "5.7.1"),
    ],
)
def test_what_the_server_answers_is_shown_as_text(company, manager, line, said):
    port = free_port()
    configured(manager, port)
    with refusing(port, line):
        page = answer(manager)
    assert said in page
    assert "<b>not</b>" not in page


class refusing:  # noqa: N801 - used as a function
    """A mail server that refuses every sender with one line."""

    def __init__(self, port, line):
        self.listening = socket.create_server(("127.0.0.1", port))
        self.line = line

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        client, _address = self.listening.accept()
        with client, client.makefile("rb") as lines:
            client.sendall(b"220 mx\r\n")
            for line in lines:
                word = line[:4].upper()
                client.sendall(self.line if word == b"MAIL" else b"250 fine\r\n")
                if word == b"QUIT":
                    return

    def __exit__(self, *_error):
        self.thread.join(5)
        self.listening.close()


@pytest.mark.parametrize("to", ["not an address", "a@b\r\nBcc: c@d.example", "x" * 300])
def test_only_one_address_is_taken(company, manager, to):
    configured(manager, free_port())
    assert "non è un indirizzo" in answer(manager, to=to)


def test_without_a_server_nothing_is_tried(company, manager):
    assert "Prima salva" in answer(manager)
