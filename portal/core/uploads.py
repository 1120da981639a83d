"""Large files that people send: straight onto the disk, and only after everything was allowed.

Without this a form's file would first lie in memory or in /tmp, which is memory too. A view
that takes one says how large it may be and in which folder it lands; permission is looked
at before the first byte of it is read, and the form's token right after the last.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

from flask import Flask, Request, abort, current_app, request
from werkzeug.datastructures import FileStorage

from portal.core.i18n import _

View = TypeVar("View", bound=Callable[..., Any])

LEFT_FREE = 256 * 1024 * 1024
"""Bytes that stay free on the disk beside an upload: telephony goes on writing."""

_PART = ".part"


def _everybody() -> bool:
    return True


def takes_upload(
    folder: str, most: int, allowed: Callable[[], bool] = _everybody
) -> Callable[[View], View]:
    """The view takes a file of at most `most` bytes into `folder` of the portal's own.

    `allowed` decides before the file is read, beside the view's permission.
    """

    def mark(view: View) -> View:
        view.upload = (folder, most, allowed)  # type: ignore[attr-defined]
        return view

    return mark


class UploadRequest(Request):
    """A request whose file goes where its view has said."""

    upload_folder: Path | None = None

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if self.upload_folder is None:
            return super()._get_file_stream(
                total_content_length, content_type, filename, content_length
            )
        return tempfile.NamedTemporaryFile(dir=self.upload_folder, suffix=_PART)  # type: ignore[return-value]


def folder_of(name: str) -> Path:
    """A folder of the portal's own for uploads; made when it is not there."""
    folder: Path = current_app.extensions["settings"].folder / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def prepare() -> None:
    """Before the body is read: let the view's limit and folder hold."""
    wanted = getattr(current_app.view_functions.get(request.endpoint or ""), "upload", None)
    if wanted is None or request.method != "POST":
        return
    name, most, allowed = wanted
    if not allowed():
        abort(404)
    folder = folder_of(name)
    coming = request.content_length or 0
    if shutil.disk_usage(folder).free < coming + LEFT_FREE:
        abort(409, _("The disk has no room for this file."))
    request.max_content_length = most
    request.upload_folder = folder  # type: ignore[attr-defined]


def keep(sent: FileStorage, folder: str, suffix: str) -> str:
    """Keep what was sent, on the disk and under a name of ours; others of the folder go.

    The name that somebody chose is kept as far as it is harmless, so that people know it
    again in what is said about it.
    """
    place = folder_of(folder)
    sent.stream.flush()
    os.fsync(sent.stream.fileno())
    stem = re.sub(r"[^A-Za-z0-9.]+", "-", (sent.filename or "").removesuffix(suffix)).strip("-.")
    name = f"{stem[:60] or 'upload'}-{secrets.token_hex(4)}{suffix}"
    os.link(str(sent.stream.name), place / name)
    for other in place.glob(f"*{suffix}"):
        if other.name != name:
            other.unlink(missing_ok=True)
    return name


def init_app(app: Flask) -> None:
    """Let requests of this application take large files where a view says so."""
    app.request_class = UploadRequest
    app.before_request(prepare)
