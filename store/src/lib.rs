//! One SQL text over SQLite and PostgreSQL, with migrations and group commit.
