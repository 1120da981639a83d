"""Words mean one thing each: names of modules, classes, tables and fields."""

from __future__ import annotations

import ast
from pathlib import PurePath

from tests.house.source import python_files, texts, tracked

PRODUCT = ("appliance", "portal", "provisioning", "ari_apps", "failover-router")

HIDING_MODULES = frozenset(
    {"queue", "calendar", "statistics", "profile", "platform", "secrets", "select", "signal"}
    | {"code", "resource", "sched"}
)
"""Names of the standard library that a module of ours would hide when run by its path."""

AMBIGUOUS_CLASSES = {
    "Group": "RingGroup, PickupGroup …: a group is always qualified",
    "Queue": "CallQueue, or job queue in other words",
    "Agent": "QueueMember or Agent of a call centre; a worker otherwise",
    "Role": "PermissionProfile: roles are Ansible's",
    "Profile": "PermissionProfile",
    "Recording": "Prompt or Message; CallRecord for the log",
    "Peer": "Trunk or Device",
    "Exten": "Extension",
    "Template": "layout (of a phone); templates are Jinja's",
    "Context": "values; contexts are the dialplan's",
    "Contact": "DirectoryEntry; contacts are SIP's",
    "Hunt": "RingGroup",
    "Voicemail": "VoicemailBox",
}

DURATION_WORDS = ("timeout", "delay", "interval", "duration", "ttl", "lifetime")


def test_no_module_hides_one_of_the_standard_library():
    wrong = [name for name in tracked() if hides(name)]
    assert not wrong


def hides(name):
    path = PurePath(name)
    return name.startswith(PRODUCT) and path.suffix == ".py" and path.stem in HIDING_MODULES


def test_no_class_has_a_name_of_two_meanings():
    wrong = [
        f"{path}: {node.name}: say {AMBIGUOUS_CLASSES[node.name]}"
        for path, tree in python_files(*PRODUCT)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name in AMBIGUOUS_CLASSES
    ]
    assert not wrong


def test_tables_are_plural_and_small():
    wrong = [
        f"{path}: {table}" for path, table in tables() if table != table.lower() or table[-1] != "s"
    ]
    assert not wrong


def tables():
    for path, tree in python_files("portal"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and "__tablename__" in map(ast.unparse, node.targets):
                yield path, str(ast.literal_eval(node.value))


def test_durations_say_their_unit():
    wrong = [f"{path}: {name}" for path, name in fields() if unitless(name)]
    assert not wrong


def unitless(name):
    return name.lower().endswith(DURATION_WORDS)


def fields():
    """(path, name) of each annotated field of a class."""
    for path, tree in python_files(*PRODUCT):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                        yield path, item.target.id


def test_the_products_name_stands_in_one_place():
    allowed = ("appliance/product.py", "setup.py")
    wrong = [
        path
        for path, text in texts()
        if path.startswith(PRODUCT) and path.endswith((".py", ".j2", ".html"))
        if path not in allowed and "Centralino" in text
    ]
    assert not wrong
