//! Platen's own extensions of the reference.

pub mod delivery_call_off;
pub mod delivery_resend;
pub mod events;
