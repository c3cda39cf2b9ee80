//! The tables as the engines have them, against what we say of them.

use std::collections::{BTreeMap, BTreeSet};

use store::schema::{COLUMNS, Class};
use store::testing::for_each_engine;
use store::{Row, Target};

use crate::books::Books;

/// A column as an engine has it.
struct Found {
    kind: String,
    /// Its place in the table, from 1.
    place: i64,
    /// Its place in the primary key, from 1; 0 where it is not in it.
    key_place: i64,
}

type Tables = BTreeMap<(String, String), Found>;

const ON_SQLITE: &str = "
    SELECT t.name, c.name, c.type, c.cid + 1, c.pk
    FROM pragma_table_list t, pragma_table_info(t.name) c
    WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
const ON_POSTGRES: &str = "
    SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
        a.attnum::bigint, COALESCE(array_position(i.indkey::int2[], a.attnum) + 1, 0)::bigint
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relkind IN ('r', 'p')";

fn read(target: &Target) -> Tables {
    let sql = match target {
        Target::Sqlite(_) => ON_SQLITE,
        Target::Postgres(_) => ON_POSTGRES,
    };
    let text = |row: &Row, index| row.text(index).unwrap().to_owned();
    let found = Books::open(target).rows(sql).into_iter().map(|row| {
        let column = Found {
            kind: text(&row, 2).to_lowercase(),
            place: row.int(3).unwrap(),
            key_place: row.int(4).unwrap(),
        };
        ((text(&row, 0), text(&row, 1)), column)
    });
    // The migrations' own table is the store's.
    found.filter(|((table, _), _)| !table.contains("migration")).collect()
}

#[test]
fn every_column_is_classed_and_every_class_has_its_column() {
    for_each_engine(|target| {
        let found: BTreeSet<_> = read(target).into_keys().collect();
        let told: BTreeSet<_> = COLUMNS
            .iter()
            .map(|column| (column.table.to_owned(), column.name.to_owned()))
            .collect();
        assert_eq!(told.len(), COLUMNS.len(), "a column is told twice");
        let odd: Vec<_> = found.symmetric_difference(&told).collect();
        assert!(odd.is_empty(), "{target}: only found or only told: {odd:?}");
        assert!(COLUMNS.iter().all(|column| column.doc.ends_with('.')));
    });
}

#[test]
fn the_partner_comes_first_in_every_table_and_key() {
    for_each_engine(|target| {
        let tables = read(target);
        let names: BTreeSet<_> = tables.keys().map(|(table, _)| table.clone()).collect();
        assert!(!names.is_empty());
        for table in names {
            let partner = &tables[&(table.clone(), "asp_id".to_owned())];
            assert_eq!((partner.place, partner.key_place), (1, 1), "{target}: {table}");
        }
    });
}

#[test]
fn what_is_not_public_is_bytes() {
    for_each_engine(|target| {
        let tables = read(target);
        for column in COLUMNS {
            let found = &tables[&(column.table.to_owned(), column.name.to_owned())];
            let place = format!("{target}: {}.{} is {}", column.table, column.name, found.kind);
            match column.class {
                Class::Personal | Class::Card | Class::Secret => {
                    assert_eq!(found.kind, "bytea", "{place}");
                }
                // A digest or a sealed value that is called public is called wrong.
                Class::Public => {
                    let bytes = ["client_public_key", "public_key", "digest"];
                    let sealed = found.kind == "bytea" && !bytes.contains(&column.name);
                    assert!(!sealed, "{place}");
                }
            }
        }
    });
}
