//! The sandbox: seeded data, scenarios to be armed, faults by request on the bank's side. It goes
//! through the same code as production; production has none of it.

pub mod also;
pub mod api;
pub mod arm;
pub mod bank;
mod before;
pub mod calls;
pub mod clock;
pub mod delivering;
pub mod given;
pub mod keys;
pub mod plastic;
pub mod populate;
pub mod published;
pub mod run;
pub mod seed;
pub mod seeded;
pub mod view;
pub mod world;

/// The sandbox's partner.
pub const ASP_ID: &str = "000170000000000";
/// The partner's project.
pub const PROJECT_ID: i64 = 1;
