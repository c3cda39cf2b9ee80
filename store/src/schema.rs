//! The platform's tables: migrations, and what each column means.

use crate::Migration;

mod columns;

pub use columns::{COLUMNS, Class, Column};

/// The platform's migrations, in order.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "first", sql: include_str!("schema/0001_first.sql") },
    Migration { version: 2, name: "keys", sql: include_str!("schema/0002_keys.sql") },
    Migration { version: 3, name: "log chain", sql: include_str!("schema/0003_log_chain.sql") },
    Migration { version: 4, name: "card check", sql: include_str!("schema/0004_card_check.sql") },
    Migration { version: 5, name: "programme", sql: include_str!("schema/0005_programme.sql") },
    Migration { version: 6, name: "operator", sql: include_str!("schema/0006_operator.sql") },
    Migration { version: 7, name: "onboarding", sql: include_str!("schema/0007_onboarding.sql") },
    Migration { version: 8, name: "key holder", sql: include_str!("schema/0008_key_holder.sql") },
    Migration { version: 9, name: "access keys", sql: include_str!("schema/0009_access_keys.sql") },
    Migration {
        version: 10,
        name: "key components",
        sql: include_str!("schema/0010_key_components.sql"),
    },
    Migration { version: 11, name: "standing", sql: include_str!("schema/0011_standing.sql") },
];
