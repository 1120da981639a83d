"""What the tree must not hold, and what must be in it."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib

import pytest

from tests.house.source import TOP, python_files, texts, tracked
from tools import rows

# Written in pieces, so that this file does not hold what it looks for.
OPEN_WORDS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
MACHINE_PATHS = re.compile(
    "|".join(["/wo" + r"rk/(?!flows)", "/srv/" + "exp", "/ho" + "me/[a-z]+/"])
)
REGISTRIES = re.compile(
    r"https?://[a-z0-9.-]*(?:"
    + "|".join(["deb" + "ian", "pypi", "python" + "hosted", "npm" + "js"])
    + ")"
)

LONGEST_FILE = 500
GENERATED = ("docs/features.md",)


def found(pattern, *, skip=()):
    return [
        f"{path}:{text[: match.start()].count(chr(10)) + 1}: {match[0]}"
        for path, text in texts()
        if not path.startswith(skip)
        for match in pattern.finditer(text)
    ]


def test_nothing_is_left_open_in_the_source():
    assert not found(OPEN_WORDS, skip=("tests/golden/", "LICENSE"))


def test_no_path_of_somebodys_machine_is_in_the_tree():
    assert not found(MACHINE_PATHS)


def test_no_address_of_a_package_registry_is_in_the_tree():
    assert not found(REGISTRIES)


def test_files_of_source_have_one_topic():
    sizes = {
        path: text.count("\n")
        for path, text in texts()
        if path.endswith((".py", ".ts", ".svelte", ".js", ".j2", ".html"))
    }
    assert not {path: size for path, size in sizes.items() if size > LONGEST_FILE}


def test_every_folder_of_tests_is_a_package():
    folders = {
        path.rpartition("/")[0] for path in tracked() if re.match(r"tests/.*test_[^/]*\.py$", path)
    }
    assert not [folder for folder in folders if f"{folder}/__init__.py" not in tracked()]


def test_no_folder_of_tests_is_called_like_a_package():
    names = {path.split("/")[1] for path in tracked() if re.match(r"tests/[^/]+/", path)}
    assert not names & {"appliance", "portal", "ari_apps", "tools", "router_agent"} - {"tools"}


def test_setup_lists_every_package():
    tree = ast.parse((TOP / "setup.py").read_text())
    (call,) = (
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "setup"
    )
    (listed,) = (keyword.value for keyword in call.keywords if keyword.arg == "packages")
    folders = ("appliance", "portal", "provisioning", "ari_apps", "failover-router/failover_router")
    packages = {
        path.rpartition("/")[0].removeprefix("failover-router/").replace("/", ".")
        for path, _tree in python_files(*folders)
    }
    assert packages - {""} == set(ast.literal_eval(listed))


PACKAGES = sorted(
    path.partition("/")[0]
    for path in tracked()
    if path.endswith("/__init__.py") and path.count("/") == 1 and not path.startswith("te")
)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_packages_that_are_imported_are_ours(package):
    module = importlib.import_module(package)
    assert [TOP / package] == [TOP.__class__(path).resolve() for path in module.__path__]


FRAGMENT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\.(feature|fix)\.md")


def test_fragments_of_changes_are_short_and_well_named():
    for name in (path for path in tracked() if path.startswith("changes/")):
        if name == "changes/README.md":
            continue
        assert FRAGMENT.fullmatch(name.removeprefix("changes/")), name
        lines = (TOP / name).read_text().splitlines()
        assert 1 <= len([line for line in lines if line.strip()]) <= 3, name


DECISION = re.compile(r"docs/decisions/(\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.md")
SECTIONS = ("## Context", "## Choice", "## Rejected", "## Consequences")


def test_decisions_have_a_number_of_their_own_and_every_section():
    numbers = []
    for name in (path for path in tracked() if path.startswith("docs/decisions/")):
        match = DECISION.fullmatch(name)
        assert match, name
        numbers.append(match[1])
        text = (TOP / name).read_text()
        assert [section for section in SECTIONS if section not in text] == [], name
    assert sorted(set(numbers)) == sorted(numbers), "a number stands twice"


def test_make_help_tells_every_target():
    text = (TOP / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (\S+)$", text, re.M))
    told = set(re.findall(r"^([a-z-]+):.*?##", text, re.M))
    assert phony == told


def test_the_tools_are_told_of_every_python_that_is_supported():
    tools = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]
    assert tools["ruff"]["target-version"] == "py311"
    assert tools["mypy"]["python_version"] == "3.11"
    assert sys.version_info >= (3, 11)


def test_shell_scripts_have_no_syntax_errors():
    for path, text in texts():
        if text.startswith(("#!/bin/sh", "#!/bin/bash")):
            said = subprocess.run([text[2:].split()[0], "-n", TOP / path], capture_output=True)
            assert said.returncode == 0, said.stderr


def test_marks_name_rows_that_exist():
    known = {row.name for row in rows.rows()}
    assert not [(name, test) for name, test in rows.marked_tests() if name not in known]


@pytest.mark.generated
def test_the_page_of_features_is_up_to_date():
    assert rows.PAGE.read_text() == rows.page(), "run `make rows`"
