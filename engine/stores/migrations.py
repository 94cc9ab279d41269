"""The schema of the SQL stores, as the steps that lead to it.

A step is never changed once it has been released: a new one follows it. All statements are SQL that SQLite
and PostgreSQL both take.
"""

from typing import Final

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (  # 1
        """CREATE TABLE engines (
            name TEXT PRIMARY KEY, token BIGINT NOT NULL, holder TEXT NOT NULL, expires_ns BIGINT NOT NULL,
            first_position BIGINT NOT NULL, first_chain TEXT NOT NULL,
            position BIGINT NOT NULL, chain TEXT NOT NULL)""",
        """CREATE TABLE events (
            engine TEXT NOT NULL, position BIGINT NOT NULL, line TEXT NOT NULL, chain TEXT NOT NULL,
            PRIMARY KEY (engine, position))""",
        """CREATE TABLE snapshots (
            engine TEXT NOT NULL, position BIGINT NOT NULL, body TEXT NOT NULL, digest TEXT NOT NULL,
            PRIMARY KEY (engine, position))""",
        """CREATE TABLE executions (
            engine TEXT NOT NULL, execution TEXT NOT NULL, workflow TEXT NOT NULL, state TEXT NOT NULL,
            submitted_ns BIGINT NOT NULL, started_ns BIGINT NOT NULL, ended_ns BIGINT NOT NULL,
            reason TEXT NOT NULL, PRIMARY KEY (engine, execution))""",
        "CREATE INDEX executions_by_submission ON executions (engine, submitted_ns)",
        "CREATE INDEX executions_by_end ON executions (engine, ended_ns)",
    ),
)
