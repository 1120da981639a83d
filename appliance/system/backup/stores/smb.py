"""Copies onto a Windows share or NAS: SMB 2 and 3, signed, and encrypted where both can."""

from __future__ import annotations

import errno
import ntpath
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import smbclient
from smbprotocol import exceptions
from smbprotocol.header import NtStatus

from appliance.services.backups import Target
from appliance.state.machine import Layout
from appliance.system.backup.stores import (
    BLOCK,
    NO_ANSWER,
    SILENT_FOR_S,
    StoreFailed,
    There,
    Told,
    blocks,
)

_DISK_FULL = 0xC000007F
"""STATUS_DISK_FULL of [MS-ERREF] section 2.3.1, which the library does not name."""


class SmbStore:
    r"""A folder of a share, as `\\server\share\folder`."""

    def __init__(self, folder: str, session: dict[str, Any]) -> None:
        self._folder = folder
        self._connections: Mapping[str, Any] = session["connection_cache"]
        self._session = session
        """What each call needs to find the connection again."""

    def files(self) -> Iterator[There]:
        with _answered(self._connections):
            try:
                listed = list(smbclient.scandir(self._folder, **self._session))
            except OSError as error:
                if error.errno == errno.ENOENT:
                    return
                raise
        for each in listed:
            if each.is_file():
                yield There(each.name, each.smb_info.end_of_file)

    def size(self, name: str) -> int | None:
        with _answered(self._connections):
            try:
                return int(smbclient.stat(self._at(name), **self._session).st_size)
            except OSError as error:
                if error.errno == errno.ENOENT:
                    return None
                raise

    def put(self, file: Path, name: str, begin: int, told: Told) -> None:
        with _answered(self._connections) as still_there:
            self._make_folder()
            mode = "r+b" if begin else "wb"
            with smbclient.open_file(self._at(name), mode=mode, **self._session) as sink:
                sink.seek(begin)
                for block in blocks(file, begin, told):
                    sink.write(block)
                    still_there()

    def read(self, name: str) -> Iterator[bytes]:
        with (
            _answered(self._connections) as still_there,
            smbclient.open_file(self._at(name), mode="rb", **self._session) as source,
        ):
            while block := source.read(BLOCK):
                still_there()
                yield block

    def rename(self, old: str, new: str) -> None:
        with _answered(self._connections):
            smbclient.replace(self._at(old), self._at(new), **self._session)

    def delete(self, name: str) -> None:
        with _answered(self._connections):
            try:
                smbclient.remove(self._at(name), **self._session)
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise

    def _make_folder(self) -> None:
        share, below = ntpath.splitdrive(self._folder)
        path = share
        for piece in filter(None, below.split("\\")):
            path = ntpath.join(path, piece) if path != share else f"{share}\\{piece}"
            try:
                smbclient.mkdir(path, **self._session)
            except OSError as error:
                if error.errno != errno.EEXIST:
                    raise

    def _at(self, name: str) -> str:
        return ntpath.join(self._folder, name)


@contextmanager
def opened(target: Target, _layout: Layout, connect_s: int) -> Iterator[SmbStore]:
    """A session at the server of a target; it ends with the block."""
    connections: dict[str, Any] = {}
    session = {
        "username": target.user,
        "password": target.password.reveal(),
        "port": target.port or 445,
        "connection_timeout": connect_s,
        "connection_cache": connections,
    }
    try:
        share, *folders = [piece for piece in target.folder.split("/") if piece]
        root = rf"\\{target.address}\{share}"
        with _answered(connections):
            smbclient.register_session(target.address, **session)
            _find_share(root, session)
        yield SmbStore("\\".join([root, *folders]), session)
    finally:
        # Taking leave wants an answer, too.
        with _answered(connections):
            smbclient.reset_connection_cache(fail_on_error=False, connection_cache=connections)


def _find_share(root: str, session: dict[str, Any]) -> None:
    try:
        smbclient.stat(root, **session)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise StoreFailed(_NO_SHARE, passing=False) from error
        raise


_NO_SHARE = "there is no such share (the first piece of the folder)"
_REFUSED = {
    NtStatus.STATUS_LOGON_FAILURE: "the server refuses user or password",
    NtStatus.STATUS_WRONG_PASSWORD: "the server refuses user or password",
    NtStatus.STATUS_PASSWORD_EXPIRED: "the password of the account has expired",
    NtStatus.STATUS_BAD_NETWORK_NAME: _NO_SHARE,
    NtStatus.STATUS_ACCESS_DENIED: "the account may not write in the folder",
    _DISK_FULL: "the disk there is full",
}


@contextmanager
def _answered(connections: Mapping[str, Any]) -> Iterator[Callable[[], None]]:
    """Ends the connections when the server stays silent; yields what is called at each answer.

    The library waits for answers without an end, and TCP itself gives up only after a
    quarter of an hour, or never while it has nothing to send (RFC 9293, 3.8.3).
    """
    guard = _Guard(connections)
    try:
        with _explained():
            yield guard.begin
    except StoreFailed as failed:
        if guard.ended:
            said = f"{NO_ANSWER} any more (silent for {SILENT_FOR_S} seconds)"
            raise StoreFailed(said) from failed
        raise
    finally:
        guard.stop()


class _Guard:
    """Counts the seconds of silence, from its making and from each `begin`."""

    def __init__(self, connections: Mapping[str, Any]) -> None:
        self._connections = connections
        self._since = time.monotonic()
        self._stopped = threading.Event()
        self.ended = False
        threading.Thread(target=self._watch, name="smb silence", daemon=True).start()

    def begin(self) -> None:
        """Count anew."""
        self._since = time.monotonic()

    def stop(self) -> None:
        """Count no more."""
        self._stopped.set()

    def _watch(self) -> None:
        while (left := self._since + SILENT_FOR_S - time.monotonic()) > 0:
            if self._stopped.wait(left):
                return
        self.ended = True
        for connection in tuple(self._connections.values()):
            # Not `transport.close()`: it waits for whoever is just sending.
            line = getattr(connection.transport, "_sock", None)  # None before it is connected
            if line is not None:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)


@contextmanager
def _explained() -> Iterator[None]:
    """What the library raises, as a sentence that says what to do."""
    try:
        yield
    except (exceptions.SMBException, OSError, ValueError) as error:
        # Answers carry `status`, failures of file operations `ntstatus`; servers that are
        # not reached are a ValueError.
        status = getattr(error, "status", None) or getattr(error, "ntstatus", None)
        if status in _REFUSED:
            raise StoreFailed(_REFUSED[status], passing=False) from error
        raise StoreFailed(f"{NO_ANSWER} as meant ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
