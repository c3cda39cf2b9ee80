//! A seeded simulation: the real operations, store and fee driver under a simulated clock,
//! network and bank, checked after every step against a model that shares nothing with them.

pub mod bank;
pub mod broken;
pub mod rng;
pub mod server;
