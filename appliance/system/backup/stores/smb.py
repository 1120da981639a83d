"""Copies onto a Windows share or NAS: SMB 2 and 3, signed, and encrypted where both can."""

from __future__ import annotations

import errno
import ntpath
from collections.abc import Iterator
from contextlib import contextmanager
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
        self._session = session
        """What each call needs to find the connection again."""

    def files(self) -> Iterator[There]:
        with _explained():
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
        with _explained():
            try:
                return int(smbclient.stat(self._at(name), **self._session).st_size)
            except OSError as error:
                if error.errno == errno.ENOENT:
                    return None
                raise

    def put(self, file: Path, name: str, begin: int, told: Told) -> None:
        with _explained():
            self._make_folder()
            mode = "r+b" if begin else "wb"
            with smbclient.open_file(self._at(name), mode=mode, **self._session) as sink:
                sink.seek(begin)
                for block in blocks(file, begin, told):
                    sink.write(block)

    def read(self, name: str) -> Iterator[bytes]:
        with (
            _explained(),
            smbclient.open_file(self._at(name), mode="rb", **self._session) as source,
        ):
            while block := source.read(BLOCK):
                yield block

    def rename(self, old: str, new: str) -> None:
        with _explained():
            smbclient.replace(self._at(old), self._at(new), **self._session)

    def delete(self, name: str) -> None:
        with _explained():
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
        with _explained():
            smbclient.register_session(target.address, **session)
            _find_share(root, session)
        yield SmbStore("\\".join([root, *folders]), session)
    finally:
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
