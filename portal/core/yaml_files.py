"""The whole system as YAML: one file for wishes, a second one for secrets.

The first file may be shown to anybody and kept in version control: each secret stands
there as `$secret: <place>`, and the second file (mode 0600) maps places to texts. Writing
what was read gives the same bytes. Reading takes the plain core of YAML only: files come
from people and from elsewhere, so aliases, tags and double keys are refused.

A file wishes for whole services: what it names becomes so, lists without an entry included;
what it does not name stays (docs/decisions/0073-files-name-what-they-change.md).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from appliance.services import registry
from appliance.state.fields import Secret
from appliance.state.system_state import SystemState, encode_system
from portal.core.keys import SEALED

LARGEST_FILE = 64 * 1024 * 1024
DEEPEST = 24
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class YamlError(ValueError):
    """A file that cannot be used; the message says where and why."""


# ── out ───────────────────────────────────────────────────────────────────────────────


def dump(state: SystemState) -> tuple[str, dict[str, str]]:
    """The text of a state without its secrets, and the secrets by place."""
    secrets: dict[str, str] = {}

    def put_apart(where: str, secret: Secret) -> Any:
        if not secret:
            return ""
        secrets[where] = secret.reveal()
        return {SEALED: where}

    return _text(encode_system(state, put_apart)), secrets


def _text(data: Any) -> str:
    return yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6, indent=2
    )


def write(path: Path, state: SystemState) -> Path:
    """Write both files; returns the path of the one with the secrets."""
    text, secrets = dump(state)
    beside = secrets_beside(path)
    _write_private(beside, _text(secrets))
    path.write_text(text)
    return beside


def secrets_beside(path: Path) -> Path:
    """Where the secrets of a file lie: `company.yaml` has `company.secrets.yaml`."""
    return path.with_name(f"{path.stem}.secrets{path.suffix}")


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)


# ── in ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Reading:
    """A state from a file, and the services that it says nothing of: they are as they were."""

    state: SystemState
    kept: tuple[str, ...]


def read(path: Path, secrets: Path | None = None) -> SystemState:
    """The state in a file alone; YamlError for a bad file, StateError for a bad state.

    `secrets` is the second file, by default the one beside the first if it is there.
    """
    return registry.decode(_data(path, secrets))


def read_over(base: SystemState, path: Path, secrets: Path | None = None) -> Reading:
    """As `read`, with the services that the file does not name as they are in `base`."""
    data = _data(path, secrets)
    return Reading(registry.decode(data, base), registry.unnamed(data))


def _data(path: Path, secrets: Path | None) -> Any:
    beside = secrets or secrets_beside(path)
    known = load(_content(beside)) if secrets or beside.exists() else {}
    if not isinstance(known, dict):
        raise YamlError(f"{beside} does not map places to secrets")
    return _with_secrets(load(_content(path)), known)


def load(content: bytes) -> Any:
    """The plain data in a YAML text."""
    if len(content) > LARGEST_FILE:
        raise YamlError(f"larger than {LARGEST_FILE // 2**20} MB")
    try:
        text = content.decode("utf-8-sig")
        _refuse_tricks(text)
        return yaml.load(text, Loader=_Strict)  # noqa: S506 - a safe loader, made stricter
    except UnicodeDecodeError as error:
        raise YamlError("not UTF-8") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise YamlError(" ".join(str(error).split())[:300]) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise YamlError(f"{path}: {error.strerror}") from error


def _refuse_tricks(text: str) -> None:
    """Look at the events before anything is built from them."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        place = f"line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise YamlError(f"{place}: anchors and aliases are not taken")
        if getattr(event, "tag", None):
            raise YamlError(f"{place}: tags are not taken")
        opens = isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent))
        closes = isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent))
        depth += opens - closes
        if depth > DEEPEST:
            raise YamlError(f"{place}: too deeply nested")


class _Strict(_Loader):  # type: ignore[misc,valid-type]
    """Takes each key of a mapping once, and only texts as keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _value in node.value:
            place = f"line {key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise YamlError(f"{place}: keys must be texts")
            if key.value in seen:
                raise YamlError(f"{place}: {key.value[:60]!r} stands twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _with_secrets(data: Any, known: dict[str, Any]) -> Any:
    if isinstance(data, dict):
        if data.keys() == {SEALED}:
            return _known(str(data[SEALED]), known)
        return {name: _with_secrets(item, known) for name, item in data.items()}
    return [_with_secrets(item, known) for item in data] if isinstance(data, list) else data


def _known(place: str, known: dict[str, Any]) -> str:
    text = known.get(place)
    if not isinstance(text, str):
        raise YamlError(f"the file of secrets has none for {place[:120]}")
    return text
