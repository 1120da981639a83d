"""The tree's own files, for tests about the tree."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent


@cache
def tracked() -> tuple[str, ...]:
    """Every file that belongs to the project, also before it is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=TOP,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(name for name in listed.stdout.split("\0") if name and (TOP / name).is_file())


def python_files(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """(path, syntax tree) of the Python files below these folders, of all without any."""
    for name in tracked():
        if name.endswith(".py") and (
            not folders or name.startswith(tuple(f"{f}/" for f in folders))
        ):
            yield name, ast.parse((TOP / name).read_text(), name)


def texts() -> Iterator[tuple[str, str]]:
    """(path, text) of every file that is text."""
    for name in tracked():
        content = (TOP / name).read_bytes()
        if b"\0" not in content:
            yield name, content.decode("utf-8", "replace")


def imported(tree: ast.Module, module: str) -> Iterator[str]:
    """Full names of everything that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".")[: -node.level]
                base = ".".join([*package, *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def module_name(path: str) -> str:
    """The dotted name of a file, as if it were a plain module."""
    return path.removesuffix(".py").replace("/", ".")
