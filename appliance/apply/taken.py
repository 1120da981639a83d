"""Takes one typed value out of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.state.codec import decode

_REQUIRED = object()


def take(request: Mapping[str, Any], name: str, kind: Any, default: Any = _REQUIRED) -> Any:
    """The value called `name`, decoded as `kind`. StateError when it is missing or wrong."""
    if name not in request and default is not _REQUIRED:
        return default
    return decode(kind, request.get(name), name)
