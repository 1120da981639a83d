"""Jinja environments: one per file format, each with that format's escaping.

A template's name says its format: `….conf.j2` below `asterisk/` is an Asterisk file.
Undefined values are errors, and every value written by a template passes the format's
`finalize`, so that forgetting a filter cannot open a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.runtime import Undefined
from markupsafe import Markup

from appliance import paths
from appliance.render import escape

Escape = Callable[[Any], str]


def render(template: str, escaping: Escape = escape.asterisk_value, /, **values: Any) -> bytes:
    """The bytes of one file: `template` is a path below `templates/`."""
    return render_from(paths.templates(), template, escaping, **values)


def render_from(folder: Path, template: str, escaping: Escape, /, **values: Any) -> bytes:
    """The bytes of one file whose `template` lies below `folder`, for packages that
    bring templates of their own (telephone vendors)."""
    text = _environment(escaping, folder).get_template(template).render(**values)
    return text.encode()


def render_asterisk(service: str, name: str, /, **values: Any) -> bytes:
    """The bytes of `templates/asterisk/<service>/<name>.j2`."""
    return render(f"asterisk/{service}/{name}.j2", escape.asterisk_value, **values)


FILTERS: Mapping[str, Escape] = {
    "caller_name": escape.caller_name,
    "dialplan_text": escape.dialplan_text,
    "routeros_text": escape.routeros_text,
    "script_comment": escape.script_comment,
    "section": escape.section,
    "uci_section": escape.uci_section,
    "uci_value": escape.uci_value,
    "voicemail_field": escape.voicemail_field,
    "yes_no": lambda value: "yes" if value else "no",
}


@cache
def _environment(escaping: Escape, folder: Path) -> Environment:
    environment = Environment(  # noqa: S701 - not HTML; `finalize` escapes for the format
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        finalize=_finalizer(escaping),
    )
    for name, function in FILTERS.items():
        environment.filters[name] = _already_safe(function)
    return environment


def _finalizer(escaping: Escape) -> Callable[[Any], Any]:
    def finalize(value: Any) -> Any:
        if isinstance(value, (Markup, Undefined)):
            return value
        return escaping(value)

    return finalize


def _already_safe(function: Escape) -> Callable[[Any], Markup]:
    """A filter's own escaping stands; the finalizer must not escape it again."""

    def filtered(value: Any) -> Markup:
        return Markup(function(value))  # noqa: S704 - not HTML: marks text as escaped

    return filtered
