"""Encryption by age(1): streams of authenticated pieces of 64 KiB, never a whole file in memory.

Keys go through a pipe: they stand neither on a disk nor on a command line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO

from appliance.apply.errors import Refused
from appliance.system.backup.errors import BadBackup, WrongCode
from appliance.system.backup.recovery_code import Keys


@contextmanager
def sealing(keys: Keys, target: BinaryIO) -> Iterator[IO[bytes]]:
    """A stream that encrypts to `target`; what was written is whole once the block has ended."""
    process = _age(keys, "--encrypt", stdin=subprocess.PIPE, stdout=target)
    assert process.stdin is not None
    try:
        with process.stdin as stream:
            yield stream
    except BaseException:
        process.kill()
        _said(process)
        raise
    said = _said(process)
    if process.returncode:
        raise OSError(f"age could not encrypt: {said}")


@contextmanager
def opening(keys: Keys, source: BinaryIO) -> Iterator[IO[bytes]]:
    """A stream of what `source` holds; each byte of it is authentic, and at the end of the
    block it was all there. WrongCode or BadBackup otherwise."""
    process = _age(keys, "--decrypt", stdin=source, stdout=subprocess.PIPE)
    assert process.stdout is not None
    failed: Exception | None = None
    try:
        with process.stdout as stream:
            try:
                yield stream
                while stream.read(1 << 16):
                    pass
            except (OSError, EOFError, ValueError) as error:
                failed = error
    except BaseException:
        process.kill()
        _said(process)
        raise
    _judge(process.wait(), _said(process), failed)


def _judge(status: int, said: str, failed: Exception | None) -> None:
    if status and "no identity matched" in said:
        raise WrongCode("this backup was made with another recovery code")
    if status:
        raise BadBackup(f"the file is no backup, is cut off or was changed ({said[:120]})")
    if failed is not None:
        raise BadBackup(f"the backup cannot be read ({failed})") from failed


def _age(
    keys: Keys, verb: str, *, stdin: int | BinaryIO, stdout: int | BinaryIO
) -> subprocess.Popen[bytes]:
    """A running age that reads its identity from a pipe."""
    program = shutil.which("age")
    if program is None:
        raise Refused("the program age is not installed: install Debian's package age")
    reading, writing = os.pipe()
    try:
        os.write(writing, keys.identity.reveal().encode() + b"\n")
        os.close(writing)
        return subprocess.Popen(
            [program, verb, "--identity", f"/dev/fd/{reading}"],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            pass_fds=(reading,),
        )
    finally:
        os.close(reading)


def _said(process: subprocess.Popen[bytes]) -> str:
    """What age complained of, in one line, once it has ended."""
    assert process.stderr is not None
    with process.stderr as stream:
        lines = stream.read(4096).decode("utf-8", "replace").splitlines()
    process.wait()
    return lines[0].removeprefix("age: error: ") if lines else ""
