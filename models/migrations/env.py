"""Alembic's entry: runs the versions on the engine that `models.database` hands over."""

from alembic import context

from models.tables import METADATA

engine = context.config.attributes["engine"]

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
