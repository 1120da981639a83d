"""The web server in front: its configuration, and how it is told of a new one."""

import functools
import os
import signal
import subprocess

import pytest

from appliance.render.escape import UnsafeValue, nginx_value
from appliance.services import registry, web_front
from appliance.state.machine import Layout, Machine
from appliance.state.references import References
from appliance.system.signals import ask_to_reload


def _file(machine):
    (file,) = web_front.files(web_front.State(), References.of(()), machine)
    return file


def test_without_a_plain_port_nothing_listens_without_tls():
    text = _file(Machine(web_plain_port=0)).content.decode()
    assert all(" ssl " in line for line in text.splitlines() if "listen " in line)


def test_a_changed_limit_asks_the_web_server_alone_to_read_again():
    machine = Machine(secrets=dict.fromkeys(("ami-live", "ari-apps"), _NoSecret()))
    plain = registry.files(registry.empty_state(), machine)
    wish = registry.empty_state().replaced(web_front=web_front.State(pages_per_second=77))
    other = registry.files(wish, machine)
    changed = [file for file in other if plain.get(file.path) != file]
    assert [file.reload for file in changed] == [("web",)]


class _NoSecret:
    def reveal(self):
        return "x" * 20


@pytest.mark.parametrize("value", ["a b", "a;b", 'a"', "{", "}", "$host", "a\nb", "#", "\\"])
def test_what_nginx_would_read_as_syntax_is_refused(value):
    with pytest.raises(UnsafeValue):
        nginx_value(value)


def test_a_daemon_is_told_by_a_signal(tmp_path):
    folder = Layout(tmp_path).run_of("web")
    folder.mkdir(parents=True)
    # A run under nohup hands its ignorance of the signal on, which no daemon has.
    hears = functools.partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)
    with subprocess.Popen(["sleep", "30"], preexec_fn=hears) as child:
        (folder / "nginx.pid").write_text(f"{child.pid}\n")
        assert ask_to_reload(Layout(tmp_path), "web")
        assert child.wait(5) == -signal.SIGHUP


def test_a_pid_file_cannot_make_root_signal_another_account(tmp_path):
    folder = Layout(tmp_path).run_of("web")
    folder.mkdir(parents=True)
    with subprocess.Popen(["sleep", "30"]) as child:
        record = folder / "nginx.pid"
        record.write_text(f"{child.pid}\n")
        os.chown(record, 59814, 59815)
        assert not ask_to_reload(Layout(tmp_path), "web")
        assert child.poll() is None
        child.kill()


def test_a_daemon_that_does_not_run_needs_no_signal(tmp_path):
    assert not ask_to_reload(Layout(tmp_path), "web")
