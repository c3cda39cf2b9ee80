//! The connector and the simulator, against each other and against worse.

mod admin;
mod answers;
mod behaviours;
mod common;
mod durability;
mod tokens;
