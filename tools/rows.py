"""Writes docs/features.md: every feature row and the tests that show it.

The rows stand in docs/features.txt. Tests carry `@pytest.mark.row("P3")`; they are found by
reading the source, so no test has to run. A row without a test is *not yet* there,
whatever the code may do.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
ROWS = TOP / "docs/features.txt"
PAGE = TOP / "docs/features.md"
MOST_TESTS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Row:
    """One feature: its name in marks, its area, what it is and when it counts as shown."""

    name: str
    area: str
    title: str
    shown_when: str


def rows() -> list[Row]:
    """Every row of docs/features.txt, in its order."""
    found, area = [], ""
    for line in ROWS.read_text().splitlines():
        if line.startswith("## "):
            area = line.removeprefix("## ")
        elif line and not line.startswith("#"):
            name, title, shown_when = (part.strip() for part in line.split("|"))
            found.append(Row(name, area, title, shown_when))
    return found


def marked_tests() -> Iterator[tuple[str, str]]:
    """(row name, test) for every mark; a test is written as `folder/file.py::name`."""
    for path in sorted((TOP / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text())
        where = str(path.relative_to(TOP / "tests"))
        module_rows = list(_module_rows(tree))
        for function in _tests(tree):
            for name in dict.fromkeys([*module_rows, *_rows_of(function)]):
                yield name, f"{where}::{function.name}"


def _tests(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_":
            yield node


def _module_rows(tree: ast.Module) -> Iterator[str]:
    """Rows of `pytestmark = …`, which hold for every test of a file."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and _names(node.targets[0]) == "pytestmark":
            for mark in ast.walk(node.value):
                yield from _marked(mark)


def _rows_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        yield from _marked(decorator)


def _marked(node: ast.AST) -> Iterator[str]:
    """The arguments of `pytest.mark.row(…)`."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.row":
        yield from (ast.literal_eval(argument) for argument in node.args)


def _names(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def page() -> str:
    """The whole page."""
    shown = defaultdict(list)
    for name, test in marked_tests():
        shown[name].append(test)
    listed = rows()
    done = sum(1 for row in listed if shown[row.name])
    lines = [
        "# Features, and the tests that show them",
        "",
        "Made by `make rows`; do not edit. A row counts only through tests that pass on a fresh",
        "machine; *not yet* means that no test shows it. A row with tests may still be shown in",
        "part: the names of the tests say how far.",
        "",
        f"{done} of {len(listed)} rows have tests.",
    ]
    area = ""
    for row in listed:
        if row.area != area:
            area = row.area
            lines += [
                "",
                f"## {area}",
                "",
                "| row | what | shown when | tests |",
                "|---|---|---|---|",
            ]
        lines.append(f"| {row.name} | {row.title} | {row.shown_when} | {_cell(shown[row.name])} |")
    return "\n".join(lines) + "\n"


def _cell(tests: list[str]) -> str:
    if not tests:
        return "*not yet*"
    more = len(tests) - MOST_TESTS_SHOWN
    told = [f"`{test}`" for test in tests[:MOST_TESTS_SHOWN]]
    return "<br>".join([*told, *([f"and {more} more"] if more > 0 else [])])


def main() -> int:
    """Write the page, or with --check say whether it is up to date."""
    if "--check" in sys.argv:
        current = PAGE.read_text() if PAGE.exists() else ""
        if current != page():
            print("docs/features.md is out of date: run `make rows`", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
