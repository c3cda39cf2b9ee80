//! The platen platform: pipeline, operations, sandbox and command line.
