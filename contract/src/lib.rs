//! What is said on the wire: operations, their fields with limits, the error catalogue, scenarios,
//! the registry of all this, and OpenAPI made from it.
//!
//! This crate knows shapes, never cards, HTTP or SQL. An operation's file in the server states its
//! [`Spec`], its [`input!`], [`output!`] and [`errors!`] once; everything else is derived.

pub mod catalogue;
pub mod errors;
pub mod field;
pub mod headers;
pub mod input;
pub mod json;
pub mod openapi;
pub mod output;
pub mod pipeline;
pub mod registry;
pub mod scenario;
pub mod shape;
pub mod spec;

pub use errors::{Action, Code, ErrorSet, Origin};
pub use field::{Field, Need, Preset, Privacy, at, out};
pub use input::{Input, Invalid, Object};
pub use json::Json;
pub use output::Output;
pub use registry::{Entry, Registry};
pub use scenario::Scenario;
pub use shape::{Digits, Kind, List, Text, UInt};
pub use spec::Spec;
