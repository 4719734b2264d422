"""What Alembic runs around the migrations. migrate.py hands in the connection; each revision is a transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
