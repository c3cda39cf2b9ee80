//! A seeded simulation: the real operations, store and fee driver under a simulated clock,
//! network and bank, checked after every step against a model that shares nothing with them.

pub mod bank;
pub mod broken;
pub mod call;
pub mod explain;
pub mod given;
pub mod invariants;
pub mod mirror;
pub mod model;
pub mod rng;
pub mod server;
pub mod tally;
pub mod world;
