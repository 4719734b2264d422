"""A document has a checksum, so that a second upload of the same text can be told."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Computed by the database, also for the documents that are there."""
    op.execute("ALTER TABLE documents ADD COLUMN checksum text GENERATED ALWAYS AS (md5(body)) STORED")
    op.execute("CREATE INDEX documents_checksum_idx ON documents (checksum)")


def downgrade() -> None:
    """Nothing is lost: it can be computed again."""
    op.execute("ALTER TABLE documents DROP COLUMN checksum")
