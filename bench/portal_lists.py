"""The list of people and its search with 10,000 people beside the same with forty.

    .venv/bin/python -m bench.portal_lists [people]

Every request goes through the whole application: session, permissions, database, page.
The best of the rounds counts. What a page shows is as long in both companies, so the ratio
is what the size of the company costs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from flask import Flask

from portal import sample
from portal.core import draft
from portal.core.app import create_app
from portal.core.db import db, transaction
from portal.core.upgrade import bring_up_to_date
from portal.preview import add_account, settings_in
from tests.support.portal_accounts import session_of

PEOPLE = 10_000
ROUNDS = 7
QUESTIONS = {
    "first page": "/people/",
    "last page": "/people/?page=last",
    "search for a name": "/people/?q=D%27Amico",
    "search that finds nobody": "/people/?q=qwxyz",
    "order by department": "/people/?sort=department",
}


def portal_of(people: int, folder: Path) -> Flask:
    """A portal whose draft is a company of so many people."""
    app = create_app(settings_in(folder, testing=True))
    bring_up_to_date(app)
    with app.app_context(), transaction():
        draft.replace(sample.company(people), "draft.wizard", "sample", author="system")
    return app


def measured(people: int) -> dict[str, float]:
    """Question -> seconds until the whole page is there."""
    with tempfile.TemporaryDirectory(prefix="bench-portal-") as name:
        app = portal_of(people, Path(name))
        add_account(
            app, "it@example.com", "Ada Fermi", "quattro lampioni blu dondolano", "it_manager"
        )
        client = session_of(app, "it@example.com")
        found = {}
        for question, address in QUESTIONS.items():
            times = []
            for _ in range(ROUNDS):
                begin = time.perf_counter()
                answer = client.get(address)
                times.append(time.perf_counter() - begin)
                assert answer.status_code == 200, (address, answer.status_code)
            found[question] = min(times)
        with app.app_context():
            db.engine.dispose()
    return found


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE
    few, many = measured(sample.PEOPLE), measured(people)
    print(f"{'':28}{sample.PEOPLE:>8} people {people:>9,} people   ratio")
    for question, seconds in many.items():
        base = few[question]
        print(
            f"{question:28}{base * 1000:12.1f} ms {seconds * 1000:13.1f} ms {seconds / base:7.2f}"
        )


if __name__ == "__main__":
    main()
