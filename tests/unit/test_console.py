"""The console over its socket, against something that answers as Asterisk does."""

import socket
import threading

import pytest

from appliance.asterisk.console import LONGEST_COMMAND, Console, ConsoleError


@pytest.fixture
def asterisk(tmp_path):
    """Answers each command with itself in brackets, or refuses it, as netconsole() does."""
    path = tmp_path / "asterisk.ctl"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(8)
    seen = []

    def serve(connection):
        with connection:
            connection.sendall(b"host/1/Asterisk 22\n")
            while data := connection.recv(512):
                seen.append(len(data))
                once = data.startswith(b"cli quit after ")
                for command in data.removeprefix(b"cli quit after ").split(b"\0")[:-1]:
                    if command.startswith(b"@"):
                        connection.sendall(
                            b"No such command '%s' (type 'core show help %s')\n"
                            % (command, command)
                        )
                    elif command != b"silence":
                        connection.sendall(b"<%s>\nsecond line\n" % command)
                    if command == b"die":
                        return
                if once:
                    return

    def accept():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield Console(path, timeout_s=5), seen
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def test_one_answer_comes_without_the_greeting(asterisk):
    console, _seen = asterisk
    assert console.ask("core show version") == "<core show version>\nsecond line\n"


def test_many_answers_come_in_order_and_whole(asterisk):
    console, seen = asterisk
    commands = [f"dialplan eval function X({n})" for n in range(300)]
    answers = list(console.ask_all(commands))
    assert answers == [f"<{command}>\nsecond line\n" for command in commands]
    assert max(seen) <= 512


def test_an_empty_answer_is_told_from_its_neighbours(asterisk):
    console, _seen = asterisk
    assert list(console.ask_all(["a", "silence", "b"])) == [
        "<a>\nsecond line\n",
        "",
        "<b>\nsecond line\n",
    ]


def test_an_end_in_the_middle_is_an_error(asterisk):
    console, _seen = asterisk
    with pytest.raises(ConsoleError):
        list(console.ask_all(["a", "die", "b"]))


def test_nobody_listening_is_an_error(tmp_path):
    console = Console(tmp_path / "nobody.ctl")
    with pytest.raises(ConsoleError):
        console.ask("core show version")
    assert not console.running()
    assert console.calls() == 0


@pytest.mark.parametrize("command", ["a\nb", "a\0b", "x" * (LONGEST_COMMAND + 1)])
def test_what_could_become_two_commands_is_refused(asterisk, command):
    console, _seen = asterisk
    with pytest.raises(ValueError, match="console command"):
        console.ask(command)
    with pytest.raises(ValueError, match="console command"):
        list(console.ask_all([command]))
