"""Copies into object storage that speaks S3, addressed by path as all of them understand."""

from __future__ import annotations

import io
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.error import InvalidResponseError, S3Error, ServerError

from appliance.services.backups import Target
from appliance.state.machine import Layout
from appliance.system.backup.stores import (
    BLOCK,
    NO_ANSWER,
    SILENT_FOR_S,
    StoreFailed,
    There,
    Told,
)

PART = 64 * 1024 * 1024
"""Bytes of one part: at most 10,000 are allowed, so that 640 GB fit; one is in memory."""

USUAL_REGION = "us-east-1"


class S3Store:
    """Objects of a bucket whose names begin with a prefix. An upload that breaks off leaves
    nothing behind, so it always begins anew; its parts are sent again by the library."""

    def __init__(self, client: Minio, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def files(self) -> Iterator[There]:
        with _explained():
            listed = self._client.list_objects(self._bucket, prefix=self._prefix)
            for each in listed:
                name = (each.object_name or "").removeprefix(self._prefix)
                if name and not each.is_dir:
                    yield There(name, each.size or 0)

    def size(self, name: str) -> int | None:
        with _explained():
            try:
                return self._client.stat_object(self._bucket, self._at(name)).size
            except S3Error as error:
                if error.code == "NoSuchKey":
                    return None
                raise

    def put(self, file: Path, name: str, begin: int, told: Told) -> None:
        length = file.stat().st_size
        with _explained(), file.open("rb") as plain:
            source = cast(BinaryIO, _Watched(plain, told))
            self._client.put_object(
                self._bucket, self._at(name), source, length, part_size=PART,
                num_parallel_uploads=1,
            )  # fmt: skip

    def read(self, name: str) -> Iterator[bytes]:
        with _explained():
            answer = self._client.get_object(self._bucket, self._at(name))
            try:
                yield from answer.stream(BLOCK)
            finally:
                answer.close()
                answer.release_conn()

    def rename(self, old: str, new: str) -> None:
        """Copied by the server itself: S3 knows no renaming."""
        with _explained():
            source = CopySource(self._bucket, self._at(old))
            self._client.copy_object(self._bucket, self._at(new), source)
            self._client.remove_object(self._bucket, self._at(old))

    def delete(self, name: str) -> None:
        with _explained():
            self._client.remove_object(self._bucket, self._at(name))

    def _at(self, name: str) -> str:
        return self._prefix + name


class _Watched(io.RawIOBase):
    """A file that tells how far it was read."""

    def __init__(self, file: BinaryIO, told: Told) -> None:
        super().__init__()
        self._file = file
        self._told = told

    def read(self, size: int = -1, /) -> bytes:
        block = self._file.read(size)
        self._told(self._file.tell())
        return block


@contextmanager
def opened(target: Target, _layout: Layout, connect_s: int) -> Iterator[S3Store]:
    """The bucket of a target. TLS by the machine's own list of authorities."""
    address = urlsplit(target.address)
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=connect_s, read=SILENT_FOR_S),
        retries=urllib3.Retry(total=2, backoff_factor=1, status_forcelist=(500, 502, 503, 504)),
        ssl_context=ssl.create_default_context(),
    )
    client = Minio(
        address.netloc,
        access_key=target.user,
        secret_key=target.password.reveal(),
        secure=address.scheme == "https",
        # Told, so that nobody asks: the account may have no right to.
        region=target.region or USUAL_REGION,
        http_client=pool,
    )
    client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    bucket, _, folder = target.folder.strip("/").partition("/")
    try:
        yield S3Store(client, bucket, f"{folder}/" if folder else "")
    finally:
        pool.clear()


_REFUSED = {
    "InvalidAccessKeyId": "the access key is not known there",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "AccessDenied": "the access key may not write, read or delete in the bucket",
    "NoSuchBucket": "there is no such bucket (the first piece of the folder)",
    "AuthorizationHeaderMalformed": "the region is another one",
    "RequestTimeTooSkewed": "the clocks of this machine and the server differ too much",
    "QuotaExceeded": "the space there is used up",
}


@contextmanager
def _explained() -> Iterator[None]:
    """What the library raises, as a sentence that says what to do."""
    try:
        yield
    except S3Error as error:
        if error.code in _REFUSED:
            raise StoreFailed(_REFUSED[error.code], passing=False) from error
        raise StoreFailed(f"the server says {error.code}: {error.message}"[:300]) from error
    except urllib3.exceptions.HTTPError as error:
        raise StoreFailed(_sentence(error)) from error
    except (InvalidResponseError, ServerError) as error:
        raise StoreFailed(f"{NO_ANSWER} as object storage ({error})"[:300]) from error
    except ValueError as error:
        # Names of buckets and endpoints that cannot be.
        raise StoreFailed(str(error)[:300], passing=False) from error


def _sentence(error: urllib3.exceptions.HTTPError) -> str:
    cause = getattr(error, "reason", None) or error
    if isinstance(cause, urllib3.exceptions.SSLError):
        return f"the server's certificate is not trusted ({cause})"[:300]
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        return f"{NO_ANSWER} (no connection, or connection refused)"
    return f"{NO_ANSWER} ({cause})"[:300]
