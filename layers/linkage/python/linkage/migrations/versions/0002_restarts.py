"""Count the restarts of runs and uploads, so that the reconciler does not restart them for ever."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns. They have a default, so that the version before goes on working."""
    op.execute(
        """
        ALTER TABLE uploads ADD COLUMN restarts integer NOT NULL DEFAULT 0;
        ALTER TABLE runs ADD COLUMN restarts integer NOT NULL DEFAULT 0;
        COMMENT ON COLUMN uploads.restarts IS 'how often the reconciler started its intake again';
        COMMENT ON COLUMN runs.restarts IS 'how often the reconciler started it again since it last moved by itself';
        """
    )
