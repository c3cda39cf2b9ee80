//! platen: the platform's pipeline, operations, sandbox and command line.
//!
//! A call goes straight through: [`http`] → [`pipeline`] → an operation of [`ops`] (by [`op`], or
//! [`fee`] where the bank is needed) → the rules in `domain` and the rows in `store` → back out.

pub mod address;
pub mod applying;
pub mod audit;
pub mod bookmark;
pub mod cards;
pub mod certificate;
pub mod cli;
pub mod context;
pub mod cpu;
pub mod customer;
pub mod delivery;
pub mod directory;
pub mod ending;
pub mod facts;
pub mod fee;
pub mod fence;
pub mod http;
pub mod issuing;
pub mod jobs;
pub mod keys;
pub mod limits;
pub mod measure;
pub mod metrics;
pub mod moving;
pub mod onboarding;
pub mod op;
pub mod operator;
pub mod ops;
pub mod pipeline;
pub mod policy;
pub mod portal;
pub mod production;
pub mod reconciling;
pub mod report;
pub mod running;
pub mod sandbox;
pub mod settings;
pub mod spans;
pub mod supply;
pub mod telling;
pub mod verification;
