"""Copies over SFTP: the machine's own key, and a server that is known by its host keys."""

from __future__ import annotations

import errno
import posixpath
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paramiko

from appliance.services.backups import Target
from appliance.state.machine import Layout
from appliance.system.backup.stores import (
    ANOTHER_SERVER,
    BLOCK,
    NO_ANSWER,
    SILENT_FOR_S,
    StoreFailed,
    There,
    Told,
    blocks,
)
from appliance.system.backup.stores.ssh_keys import own_key

READ_AHEAD = 64
"""Requests of 32 KiB that may be under way: enough for a fast line, 2 MiB of memory."""


class SftpStore:
    """A folder of an SFTP server; a relative one begins where the account is led."""

    def __init__(self, session: paramiko.SFTPClient, folder: str) -> None:
        self._session = session
        self._folder = folder

    def files(self) -> Iterator[There]:
        with _explained():
            try:
                listed = self._session.listdir_attr(self._folder or ".")
            except FileNotFoundError:
                return
        for each in listed:
            if stat.S_ISREG(each.st_mode or 0):
                yield There(each.filename, each.st_size or 0)

    def size(self, name: str) -> int | None:
        with _explained():
            try:
                return self._session.stat(self._at(name)).st_size
            except FileNotFoundError:
                return None

    def put(self, file: Path, name: str, begin: int, told: Told) -> None:
        with _explained():
            self._make_folder()
            with self._session.open(self._at(name), "r+" if begin else "w") as sink:
                sink.set_pipelined(True)
                sink.seek(begin)
                for block in blocks(file, begin, told):
                    sink.write(block)

    def read(self, name: str) -> Iterator[bytes]:
        with _explained(), self._session.open(self._at(name), "r") as source:
            source.prefetch(max_concurrent_requests=READ_AHEAD)
            while block := source.read(BLOCK):
                yield block

    def rename(self, old: str, new: str) -> None:
        with _explained():
            try:
                self._session.posix_rename(self._at(old), self._at(new))
            except OSError as error:
                if error.errno is not None:
                    raise
                # Servers without OpenSSH's extension rename onto nothing only.
                self.delete(new)
                self._session.rename(self._at(old), self._at(new))

    def delete(self, name: str) -> None:
        with _explained(), suppress(FileNotFoundError):
            self._session.remove(self._at(name))

    def _make_folder(self) -> None:
        path = "/" if self._folder.startswith("/") else ""
        for piece in filter(None, self._folder.split("/")):
            path = posixpath.join(path, piece)
            try:
                self._session.stat(path)
            except FileNotFoundError:
                self._session.mkdir(path, 0o700)

    def _at(self, name: str) -> str:
        return posixpath.join(self._folder, name)


@contextmanager
def opened(target: Target, layout: Layout, connect_s: int) -> Iterator[SftpStore]:
    """A connection to the server of a target, if it is the one that was recognised."""
    client = paramiko.SSHClient()
    # An unknown host key is refused; none is taken from the account's own files.
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    port = target.port or 22
    host = target.address if port == 22 else f"[{target.address}]:{port}"
    for key in target.host_keys:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(f"{host} {key}")
        if entry is not None and entry.key is not None:
            client.get_host_keys().add(host, entry.key.get_name(), entry.key)
    with client:
        with _explained():
            session = _session(client, target, layout, connect_s)
        yield SftpStore(session, target.folder.rstrip("/") or target.folder)


def _session(
    client: paramiko.SSHClient, target: Target, layout: Layout, connect_s: int
) -> paramiko.SFTPClient:
    client.connect(
        target.address,
        target.port or 22,
        target.user,
        pkey=paramiko.Ed25519Key.from_private_key_file(str(own_key(layout))),
        timeout=connect_s,
        banner_timeout=connect_s,
        auth_timeout=connect_s,
        allow_agent=False,
        look_for_keys=False,
    )
    session = client.open_sftp()
    channel = session.get_channel()
    if channel is not None:
        channel.settimeout(SILENT_FOR_S)
    return session


@contextmanager
def _explained() -> Iterator[None]:
    """What the library raises, as a sentence that says what to do."""
    try:
        yield
    except paramiko.BadHostKeyException as error:
        raise StoreFailed(ANOTHER_SERVER, passing=False) from error
    except paramiko.AuthenticationException as error:
        raise StoreFailed(
            "the server refuses this machine's key; add it to authorized_keys of the account",
            passing=False,
        ) from error
    except paramiko.SSHException as error:
        if "not found in known_hosts" in str(error):
            raise StoreFailed(ANOTHER_SERVER, passing=False) from error
        raise StoreFailed(f"{NO_ANSWER} as an SSH server ({error})") from error
    except PermissionError as error:
        raise StoreFailed("the account may not write in the folder", passing=False) from error
    except (OSError, EOFError) as error:
        raise StoreFailed(_sentence(error)) from error


def _sentence(error: OSError | EOFError) -> str:
    if isinstance(error, EOFError):
        return "the server closed the connection"
    if isinstance(error, TimeoutError):
        return NO_ANSWER
    if error.errno == errno.ENOENT:
        return "the folder is not there and cannot be made"
    if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        return f"{NO_ANSWER} (connection refused)"
    return f"{NO_ANSWER} as meant ({error})"
