//! What must hold of any bytes that a stranger sends, one check for each parser that meets them.
//! A check fails by a panic. The fuzzer makes the bytes up; the server's tests run the kept ones.

pub mod headers;
pub mod json;
pub mod jwe;
pub mod requests;
pub mod token;

/// A check: it takes any bytes.
pub type Check = fn(&[u8]);

/// Every check by its name, which its folder in `corpus/` has too.
pub const CHECKS: [(&str, Check); 5] = [
    ("headers", headers::check),
    ("json", json::check),
    ("jwe", jwe::check),
    ("requests", requests::check),
    ("token", token::check),
];
