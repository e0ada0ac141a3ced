"""Let a run be posted again with its key, and an upload begin before it is announced."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a column that may be null, and widen a check and an index: the version before uses neither."""
    op.execute(
        """
        ALTER TABLE runs ADD COLUMN key_hash bytea;
        CREATE UNIQUE INDEX runs_one_a_key ON runs (project_id, key_hash) WHERE key_hash IS NOT NULL;
        COMMENT ON COLUMN runs.key_hash IS 'SHA-256 of the idempotency key that it was posted with';

        ALTER TABLE uploads DROP CONSTRAINT uploads_state_check;
        ALTER TABLE uploads ADD CONSTRAINT uploads_state_check
              CHECK (state IN ('begun', 'received', 'ready', 'error'));
        CREATE UNIQUE INDEX uploads_one_contribution ON uploads (party_id) WHERE state IN ('received', 'ready');
        DROP INDEX uploads_one_a_party;
        CREATE INDEX uploads_of_party ON uploads (party_id);
        """
    )
