"""How Alembic reaches the portal's tables; run inside the application by Flask-Migrate."""

from alembic import context
from flask import current_app
from sqlalchemy.types import TypeDecorator

# Tables of modules that the application itself has already imported.
from portal.core import accounts, attempts, audit, draft, screen_views  # noqa: F401

database = current_app.extensions["migrate"].db


def as_plain_type(kind: str, thing: object, _context: object) -> str | bool:
    """Write our own column types as the types of the database that stand below them."""
    if kind == "type" and isinstance(thing, TypeDecorator):
        return f"sa.{thing.impl!r}"
    return False


def run() -> None:
    """Upgrade within one transaction, so that a failure leaves the old schema."""
    with database.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            render_as_batch=True,
            compare_type=True,
            render_item=as_plain_type,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
