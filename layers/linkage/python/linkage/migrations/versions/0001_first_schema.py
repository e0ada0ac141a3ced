"""Create the first schema: projects, parties, uploads, runs, tombstones, audit trail, the reconciler's timer."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.execute(
        """
        CREATE TABLE projects (
            project_id        text PRIMARY KEY,
            result_token_hash bytea NOT NULL,
            schema            text NOT NULL,
            result_type       text NOT NULL CHECK (result_type IN ('groups', 'permutations', 'similarity_scores')),
            number_parties    integer NOT NULL CHECK (number_parties >= 2),
            name              text NOT NULL,
            notes             text NOT NULL,
            uses_blocking     boolean NOT NULL,
            encoding_size     integer,
            time_added        timestamp NOT NULL
        );
        COMMENT ON COLUMN projects.schema IS 'the linkage schema as JSON text, kept as it came';
        COMMENT ON COLUMN projects.encoding_size IS 'bytes; that of the first upload that became ready';

        CREATE TABLE parties (
            party_id           text PRIMARY KEY,
            project_id         text NOT NULL REFERENCES projects ON DELETE CASCADE,
            dataset_index      integer NOT NULL,
            update_token_hash  bytea NOT NULL,
            credentials_expire timestamp,
            UNIQUE (project_id, dataset_index)
        );
        COMMENT ON COLUMN parties.credentials_expire IS 'until when the party may still write to the uploads bucket';

        CREATE TABLE uploads (
            upload_id          text PRIMARY KEY,
            project_id         text NOT NULL REFERENCES projects ON DELETE CASCADE,
            party_id           text NOT NULL REFERENCES parties ON DELETE CASCADE,
            receipt_token_hash bytea NOT NULL,
            manifest           jsonb NOT NULL,
            state              text NOT NULL CHECK (state IN ('received', 'ready', 'error')),
            message            text,
            time_added         timestamp NOT NULL,
            time_moved         timestamp,
            time_ended         timestamp
        );
        CREATE UNIQUE INDEX uploads_one_a_party ON uploads (party_id) WHERE state <> 'error';
        CREATE INDEX uploads_of_project ON uploads (project_id);
        CREATE INDEX uploads_received ON uploads (time_added) WHERE state = 'received';
        COMMENT ON COLUMN uploads.time_moved IS 'when the reconciler last started its intake again';

        CREATE TABLE runs (
            run_id            text PRIMARY KEY,
            project_id        text NOT NULL REFERENCES projects ON DELETE CASCADE,
            threshold         double precision NOT NULL CHECK (threshold > 0 AND threshold <= 1),
            name              text NOT NULL,
            notes             text NOT NULL,
            state             text NOT NULL
                              CHECK (state IN ('created', 'queued', 'running', 'completed', 'error')),
            message           text,
            total_comparisons bigint,
            chunks_stored     integer NOT NULL DEFAULT 0,
            time_added        timestamp NOT NULL,
            time_started      timestamp,
            time_completed    timestamp,
            time_moved        timestamp
        );
        CREATE INDEX runs_of_project ON runs (project_id);
        CREATE INDEX runs_unfinished ON runs (time_added) WHERE state IN ('created', 'queued', 'running');
        CREATE INDEX runs_completed ON runs (time_completed DESC) WHERE state = 'completed';
        COMMENT ON COLUMN runs.chunks_stored IS 'how many chunks the reconciler last saw';
        COMMENT ON COLUMN runs.time_moved IS 'when that last changed, or the run was last moved on';

        CREATE TABLE tombstones (
            project_id  text NOT NULL,
            run_id      text NOT NULL,
            time_added  timestamp NOT NULL,
            sweep_until timestamp NOT NULL,
            due         timestamp NOT NULL,
            PRIMARY KEY (project_id, run_id)
        );
        COMMENT ON TABLE tombstones IS 'ids of what was deleted, until nothing can write to it any more';
        COMMENT ON COLUMN tombstones.run_id IS 'empty for a whole project';

        CREATE TABLE audit (
            audit_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            time       timestamp NOT NULL,
            event      text NOT NULL,
            project_id text NOT NULL,
            run_id     text
        );

        CREATE TABLE timer (
            single boolean PRIMARY KEY DEFAULT true CHECK (single),
            due    timestamp NOT NULL
        );
        COMMENT ON TABLE timer IS 'one row: when the reconciler''s next message is due';
        """
    )
