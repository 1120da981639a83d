"""`centralino`: the same draft and the same engine from the command line.

`status`, `history`, `rollback`, `keep` and `take-back` ask the engine alone, so that they
also work when the portal's database is damaged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from flask import Flask

from appliance import credentials, product
from appliance.apply.client import EngineClient, EngineError, EngineUnreachable
from appliance.services import registry
from appliance.state.changes import Change, changes
from appliance.state.faults import Fault, StateError
from appliance.state.machine import Layout
from appliance.state.system_state import SystemState
from portal.core import yaml_files
from portal.core.yaml_files import YamlError

PROVING_LASTS_S = 900.0
NOTHING, FAILED, DIFFERS = 0, 1, 2
"""Exit codes: nothing to do or done; something is wrong; there are changes to apply."""


class Tools:
    """What the commands work with, opened when first needed."""

    def __init__(self, prefix: Path) -> None:
        self.layout = Layout(prefix.resolve())
        self._app: Flask | None = None

    def engine(self) -> EngineClient:
        return EngineClient(self.layout.engine_socket)

    def portal(self) -> Flask:
        """The portal's application, for the draft."""
        if self._app is None:
            from portal.core.app import create_app
            from portal.core.settings import Settings

            os.environ["CENTRALINO_PREFIX"] = str(self.layout.prefix)
            os.environ.setdefault(credentials.VARIABLE, str(self.layout.state / "secrets"))
            self._app = create_app(Settings.from_environment())
        return self._app


def plain_failures(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn every expected failure into a sentence and exit code 1."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except StateError as error:
            _say_faults(error.faults)
        except EngineError as error:
            click.echo(f"The engine refused: {error.message}", err=True)
            _say_faults(error.faults)
        except (EngineUnreachable, YamlError, credentials.CredentialMissing) as error:
            click.echo(str(error), err=True)
        except TimeoutError as error:
            click.echo(str(error), err=True)
        sys.exit(FAILED)

    return guarded


@click.group()
@click.version_option(product.VERSION, prog_name=product.SLUG)
@click.option(
    "--prefix",
    type=click.Path(path_type=Path),
    default=lambda: os.environ.get("CENTRALINO_PREFIX", "/"),
    help="Where the system lives: / on the appliance, .run of a checkout.",
)
@click.pass_context
def main(context: click.Context, prefix: Path) -> None:
    """The telephone system's draft and its revisions."""
    context.obj = Tools(Path(prefix))


# ── without the database ──────────────────────────────────────────────────────────────


@main.command()
@click.pass_obj
@plain_failures
def status(tools: Tools) -> None:
    """What runs, and whether something waits for a decision."""
    found = tools.engine().status()
    click.echo(f"revision in force: {found['current'] or 'none yet'}")
    click.echo(f"telephone system: {'runs' if found['asterisk_running'] else 'does not run'}")
    if found["trial"]:
        left = found["seconds_left"] or 0
        number = found["trial"]["number"]
        click.echo(f"revision {number} is on trial: it goes back in {_time(int(left))}")
        click.echo(f"  to keep it, type: {product.SLUG} keep")
    for path, how in tools.engine().drift().items():
        click.echo(f"changed by hand: {path} ({how})")


@main.command()
@click.pass_obj
@plain_failures
def history(tools: Tools) -> None:
    """All kept revisions, newest first."""
    for each in tools.engine().history():
        line = f"{each['number']:>5}  {each['created']}  {each['status']:<7}  {each['author']}"
        click.echo(f"{line}  {each['reason']}".rstrip())


@main.command()
@click.argument("number", type=int, required=False)
@click.option(
    "--within", type=click.IntRange(0, 3600), default=0, help="Seconds to decide; 0: keep."
)
@click.pass_obj
@plain_failures
def rollback(tools: Tools, number: int | None, within: int) -> None:
    """Return to revision NUMBER; without it, to the one before the revision in force."""
    engine = tools.engine()
    number = _before(engine) if number is None else number
    _finish(engine, engine.return_to(number, _author(), within), within)


@main.command()
@click.pass_obj
@plain_failures
def keep(tools: Tools) -> None:
    """Keep the revision that is on trial."""
    engine = tools.engine()
    trial = engine.status()["trial"]
    if not trial:
        raise EngineError("refused", "nothing is on trial")
    engine.confirm(trial["number"])
    click.echo(f"revision {trial['number']} is kept")


@main.command("take-back")
@click.pass_obj
@plain_failures
def take_back(tools: Tools) -> None:
    """Take back the revision that is on trial."""
    click.echo(f"revision {tools.engine().undo(f'taken back by {_author()}')} is in force again")


# ── with the draft ────────────────────────────────────────────────────────────────────


@main.command()
@click.option("--files", is_flag=True, help="Show the differences of files too.")
@click.pass_obj
@plain_failures
def plan(tools: Tools, files: bool) -> None:
    """What applying the draft would change. Exit code 2 when there is something."""
    engine, wanted = tools.engine(), _draft(tools)
    found = engine.plan(wanted, engine.status()["current"])
    for each in found["changes"]:
        click.echo(_line(Change(**each)))
    for each in found["files"] if files else ():
        click.echo(f"\n{each['kind']} {each['path']}\n{each['difference']}")
    if found["empty"]:
        click.echo("The draft is what runs.")
    sys.exit(NOTHING if found["empty"] else DIFFERS)


@main.command()
@click.pass_obj
@plain_failures
def lint(tools: Tools) -> None:
    """Everything that stops the draft from being applied. Exit code 1 when there is something."""
    faults = registry.check(_draft(tools))
    _say_faults(faults)
    if not faults:
        click.echo("No fault found.")
    sys.exit(FAILED if faults else NOTHING)


@main.command()
@click.option("--reason", default="", help="Why, for the history.")
@click.option(
    "--within", type=click.IntRange(0, 3600), default=0, help="Seconds to decide; 0: keep."
)
@click.option("--overwrite", is_flag=True, help="Replace files that were changed by hand.")
@click.pass_obj
@plain_failures
def apply(tools: Tools, reason: str, within: int, overwrite: bool) -> None:
    """Make the draft run."""
    engine, wanted = tools.engine(), _draft(tools)
    base = engine.status()["current"]
    job = engine.apply(
        wanted, base, _author(), reason[:80], confirm_within_s=within, overwrite=overwrite
    )
    _finish(engine, job, within)


@main.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--running", is_flag=True, help="What runs, instead of the draft.")
@click.option("--revision", type=int, help="What a revision holds, instead of the draft.")
@click.pass_obj
@plain_failures
def export(tools: Tools, path: Path | None, running: bool, revision: int | None) -> None:
    """Write the draft as YAML to PATH, and its secrets beside it; without PATH to the screen."""
    engine = tools.engine()
    if running:
        revision = engine.status()["current"]
    state = _draft(tools) if revision is None else _revision(engine, revision)
    if path is None:
        click.echo(yaml_files.dump(state)[0], nl=False)
        return
    beside = yaml_files.write(path, state)
    click.echo(f"{path} is written, its secrets are in {beside}")


@main.command("import")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--secrets", type=click.Path(path_type=Path, exists=True), help="The secrets' file.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
@plain_failures
def import_(tools: Tools, path: Path, secrets: Path | None, dry_run: bool, yes: bool) -> None:
    """Make the draft what PATH says. Telephones notice it only after `apply`.

    A service that PATH does not name stays as it is in the draft; one that it names becomes
    what it says. `firewall: {}` gives a service its usual settings back.
    """
    from portal.core import draft
    from portal.core.db import transaction

    with tools.portal().app_context():
        read = yaml_files.read_over(draft.state(), path, secrets)
        wanted, found = read.state, changes(draft.state(), read.state)
        if read.kept:
            click.echo(f"{path.name} does not name, so these stay: {', '.join(read.kept)}")
        for each in found:
            click.echo(_line(each))
        _say_faults(registry.check(wanted))
        if not found:
            click.echo("The draft says this already.")
        elif not dry_run and (yes or click.confirm("Take it into the draft?")):
            with transaction():
                draft.replace(wanted, "draft.import", path.name, author=_author())
            click.echo("Taken into the draft.")


# ── parts ─────────────────────────────────────────────────────────────────────────────


def _draft(tools: Tools) -> SystemState:
    from portal.core import draft

    with tools.portal().app_context():
        return draft.state()


def _revision(engine: EngineClient, number: int) -> SystemState:
    return registry.decode(engine.state(number)) if number else registry.empty_state()


def _before(engine: EngineClient) -> int:
    """The revision that the one in force replaced."""
    current = engine.status()["current"]
    parents = {each["number"]: each["parent"] for each in engine.history()}
    if not parents.get(current):
        raise EngineError("refused", "there is no revision before the one in force")
    return parents[current]


def _finish(engine: EngineClient, job: str, within: int) -> None:
    number = engine.wait(job, PROVING_LASTS_S, lambda step: click.echo(f"… {step}"))
    click.echo(f"revision {number} is in force")
    trial = engine.status()["trial"]
    if trial:
        # The engine also waits, unasked, where network, firewall or VPN change.
        seconds = trial["seconds"] or within
        click.echo(f"It is on trial: in {_time(seconds)} it goes back to what ran before")
        click.echo(f"  to keep it, type within that time:  {product.SLUG} keep")
        click.echo(f"  to go back at once, type:           {product.SLUG} take-back")


def _time(seconds: int) -> str:
    """A duration as people say it: 2 min, 1 min 30 s, 45 s."""
    minutes, rest = divmod(seconds, 60)
    return " ".join([f"{minutes} min"] * bool(minutes) + [f"{rest} s"] * bool(rest or not minutes))


def _author() -> str:
    """Who sits at the keyboard, as far as the system knows."""
    names = (os.environ.get(name) for name in ("SUDO_USER", "USER", "LOGNAME"))
    return f"{next((name for name in names if name), 'root')} (command line)"[:80]


def _line(change: Change) -> str:
    if change.kind == "added":
        return f"+ {change.where}"
    if change.kind == "removed":
        return f"- {change.where}"
    return f"~ {change.where}: {change.before!r} -> {change.after!r}"


def _say_faults(faults: tuple[Fault, ...] | list[Fault]) -> None:
    for fault in faults:
        click.echo(str(fault), err=True)


if __name__ == "__main__":
    main()
