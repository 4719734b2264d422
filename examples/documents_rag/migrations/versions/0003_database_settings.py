"""Defaults for every session of this database; an administrator can override them for a role."""

from alembic import op

revision = "0003"
down_revision = "0002"

_SETTINGS = {
    # No statement, lock or forgotten transaction may hold others up for long.
    "statement_timeout": "'10s'",
    "lock_timeout": "'3s'",
    "idle_in_transaction_session_timeout": "'15s'",
    "hnsw.iterative_scan": "'relaxed_order'",
    "hnsw.ef_search": "200",
}


def upgrade() -> None:
    """Set them. Using the type loads the library, which makes its settings known: only then may the owner set them."""
    op.execute("SELECT '[1]'::vector")
    for name, value in _SETTINGS.items():
        _alter(f"SET {name} = {value}")


def downgrade() -> None:
    """Back to the server's own."""
    for name in _SETTINGS:
        _alter(f"RESET {name}")


def _alter(change: str) -> None:
    quoted = change.replace("'", "''")
    op.execute(f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {quoted}', current_database()); END $$")
