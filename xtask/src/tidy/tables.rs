//! The platform's tables: the partner comes first in every row and every key.

use crate::tree::{Source, Tree};

const SCHEMA: &str = "store/src/schema/";
const FIRST_COLUMN: &str = "asp_id TEXT NOT NULL";
const FIRST_IN_KEYS: &str = "asp_id";

pub(super) fn partner_first(tree: &Tree) -> Vec<String> {
    let schemas = tree.ending(".sql").filter(|source| source.path.starts_with(SCHEMA));
    schemas.flat_map(check).collect()
}

fn check(source: &Source) -> Vec<String> {
    let text: Vec<&str> = source.text.lines().map(without_comment).collect();
    let text = text.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut problems = Vec::new();
    for statement in text.split(';').map(str::trim) {
        let problem = if let Some(table) = statement.strip_prefix("CREATE TABLE ") {
            table_problem(table)
        } else if statement.starts_with("CREATE INDEX ")
            || statement.starts_with("CREATE UNIQUE INDEX ")
        {
            index_problem(statement)
        } else {
            None
        };
        problems.extend(problem.map(|problem| format!("{}: {problem}", source.path)));
    }
    problems
}

fn without_comment(line: &str) -> &str {
    line.split("--").next().unwrap_or(line)
}

fn table_problem(table: &str) -> Option<String> {
    let (name, columns) = table.split_once('(')?;
    let (name, first) = (name.trim(), first_in_list(columns));
    if first != FIRST_COLUMN {
        return Some(format!("the first column of {name} is not `{FIRST_COLUMN}`"));
    }
    let key = columns.split_once("PRIMARY KEY (").map_or("", |(_, key)| key);
    let is_first = first_in_list(key) == FIRST_IN_KEYS;
    (!is_first).then(|| format!("the primary key of {name} does not begin with {FIRST_IN_KEYS}"))
}

fn index_problem(index: &str) -> Option<String> {
    let (head, columns) = index.split_once('(')?;
    let is_first = first_in_list(columns) == FIRST_IN_KEYS;
    (!is_first).then(|| format!("`{}` does not begin with {FIRST_IN_KEYS}", head.trim()))
}

fn first_in_list(columns: &str) -> &str {
    columns.split([',', ')']).next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_indexes_without_the_partner_first_are_told() {
        let text = "-- a; comment\nCREATE TABLE good (\n    asp_id TEXT NOT NULL, -- whose\n\
            \x20   id BIGINT NOT NULL,\n    PRIMARY KEY (asp_id, id)\n);\n\
            CREATE UNIQUE INDEX good_by_id ON good (asp_id, id) WHERE id > 0;\n\
            CREATE TABLE second (id BIGINT, asp_id TEXT NOT NULL, PRIMARY KEY (asp_id));\n\
            CREATE TABLE key (asp_id TEXT NOT NULL, id BIGINT, PRIMARY KEY (id, asp_id));\n\
            CREATE TABLE keyless (asp_id TEXT NOT NULL);\n\
            CREATE INDEX by_id ON good (id);\n";
        let found = partner_first(&Tree::of(&[("store/src/schema/0001.sql", text)]));
        let told = [
            "the first column of second is not `asp_id TEXT NOT NULL`",
            "the primary key of key does not begin with asp_id",
            "the primary key of keyless does not begin with asp_id",
            "`CREATE INDEX by_id ON good` does not begin with asp_id",
        ];
        let told: Vec<String> =
            told.iter().map(|told| format!("store/src/schema/0001.sql: {told}")).collect();
        assert_eq!(found, told);
        assert!(partner_first(&Tree::of(&[("bank/sim.sql", text)])).is_empty());
    }
}
