"""Collects all texts for people and brings the Italian catalogues up to date.

    .venv/bin/python -m tools.texts          # add what is new, drop what is gone
    .venv/bin/python -m tools.texts --check  # say what is missing, change nothing

Texts of the portal are marked in code and templates. Texts of the engine are found by
what they are: the second argument of `Fault(...)`, what a rule's `problem` returns, the
meaning of a `Pattern`, and names of services and fields that only exist as identifiers.
New texts come without translation: write it into `portal/translations/it/*.po`.
"""

from __future__ import annotations

import ast
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
CATALOGUES = ROOT / "portal/translations"
MARKS = {"_": None, "_n": (1, 2), "_l": None}
ENGINE_FOLDERS = ("appliance", "provisioning")
FAULT_CALLS = {"Fault": 1, "Finding": 1, "Spot": 1, "Rule": 2, "_deny": 1, "Decision": 2}
"""Calls with a text for people, and which of their arguments that is."""
SAID_CALLS = {"Problem", "NotOpened", "UpdateRefused", "_unfit", "said"}
"""Calls whose first argument is a text for people."""


def main() -> int:
    """Entry point."""
    wrong = []
    for part, wanted in collected().items():
        path = CATALOGUES / "it" / f"{part}.po"
        catalogue = read(path)
        if "--check" in sys.argv:
            wrong += [f"{path.name}: {text}" for text in missing(catalogue, wanted)]
        else:
            write(path, merged(catalogue, wanted))
    print("\n".join(wrong))
    return 1 if wrong else 0


def collected() -> dict[str, Catalog]:
    """Catalogue name -> all texts that belong into it."""
    return {"portal": _portal(), "engine": _engine()}


def read(path: Path) -> Catalog:
    """The catalogue in a file; an empty one where there is none."""
    if not path.exists():
        return empty()
    with path.open("rb") as file:
        return read_po(file, locale="it")


def empty() -> Catalog:
    """A catalogue with the two forms that counted texts have here.

    CLDR gives Italian a third, for whole millions; nothing is counted that far.
    """
    made = Catalog(locale="it", project="", header_comment="# Italian texts.")
    made.mime_headers = [("Plural-Forms", "nplurals=2; plural=(n != 1);")]
    return made


def missing(catalogue: Catalog, wanted: Catalog) -> list[str]:
    """Every text that has no finished translation, and every one that is not used any more."""
    found = [str(m.id) for m in wanted if m.id and not translated(catalogue, m.id)]
    gone = [f"{m.id} (not used any more)" for m in catalogue if m.id and m.id not in wanted]
    return found + gone


def translated(catalogue: Catalog, id: str | tuple[str, ...]) -> bool:
    """Whether a text has a finished translation in all its forms."""
    message = catalogue.get(id if isinstance(id, str) else id[0])
    if message is None or message.fuzzy:
        return False
    forms = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return all(forms) and len(forms) == (1 if isinstance(id, str) else 2)


def merged(catalogue: Catalog, wanted: Catalog) -> Catalog:
    """The wanted texts with the translations that are known. Nothing is guessed."""
    result = empty()
    for message in wanted:
        if message.id:
            known = catalogue.get(message.id if isinstance(message.id, str) else message.id[0])
            plural = not isinstance(message.id, str)
            same_form = known is not None and isinstance(known.string, (tuple, list)) == plural
            result.add(message.id, known.string if same_form else ("", "") if plural else "")
    return result


def write(path: Path, catalogue: Catalog) -> None:
    """Write a catalogue in an order and form that does not change by itself."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=98, omit_header=True, no_location=True, sort_output=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    head = (
        'msgid ""\nmsgstr ""\n"Language: it\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
    )
    path.write_text(head + buffer.getvalue().decode().strip() + "\n")


def _portal() -> Catalog:
    catalogue = empty()
    found = extract_from_dir(
        ROOT / "portal",
        method_map=[("**.py", "python"), ("**/templates/**.html", "jinja2")],
        keywords=MARKS,
        options_map={"**/templates/**.html": {"silent": "false"}},
    )
    for _file, _line, id, _comments, _context in found:
        catalogue.add(id)
    return catalogue


def _engine() -> Catalog:
    catalogue = empty()
    for folder in ENGINE_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for text in engine_texts(ast.parse(path.read_text())):
                catalogue.add(text)
    for text in _identifiers():
        catalogue.add(text)
    return catalogue


def engine_texts(tree: ast.AST) -> Iterator[str]:
    """The texts for people in a module of the engine."""
    for scope in ast.walk(tree):
        if isinstance(scope, (ast.FunctionDef, ast.Module)):
            named = _assigned(scope)
            for node in ast.walk(scope):
                yield from _texts_of(node, named)


def _assigned(scope: ast.AST) -> dict[str, list[str]]:
    """Variable -> the plain texts that a function gives it."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(scope):
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        target = node.target if isinstance(node, ast.AnnAssign) and node.value else target
        if isinstance(target, ast.Name):
            found.setdefault(target.id, []).extend(_constants(node.value))
    return found


def _texts_of(node: ast.AST, named: dict[str, list[str]]) -> Iterator[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        place = FAULT_CALLS.get(node.func.id, 0)
        if place and len(node.args) > place:
            text = node.args[place]
            text = text.value if isinstance(text, ast.Subscript) else text
            yield from named.get(text.id, ()) if isinstance(text, ast.Name) else _constants(text)
        if node.func.id in SAID_CALLS and node.args:
            text = node.args[0]
            yield from named.get(text.id, ()) if isinstance(text, ast.Name) else _constants(text)
        if node.func.id == "Pattern" and len(node.args) == 2:
            yield from (f"must be {text}" for text in _constants(node.args[1]))
    if isinstance(node, ast.FunctionDef) and node.name == "problem":
        for inner in ast.walk(node):
            if isinstance(inner, ast.Tuple) and len(inner.elts) == 2:
                yield from _constants(inner.elts[0])


def _constants(node: ast.AST) -> Iterator[str]:
    """The text of an expression: plain, or one of two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if re.search(r"[a-z]{2}", re.sub(r"%\(\w+\)\w", "", node.value)):
            yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _constants(value)


def _identifiers() -> Iterator[str]:
    """Kinds and services that are shown by their own names, with blanks for underscores."""
    from appliance.services.registry import SERVICES

    for name in SERVICES:
        yield name.replace("_", " ")
    for kind in KINDS:
        yield kind.replace("_", " ")


KINDS = ("site", "user", "extension", "device", "ending", "phone_site")
"""Kinds of references that faults name; each service adds its own by its module's name."""

if __name__ == "__main__":
    sys.exit(main())
