//! Operations, fields, limits, the error catalogue and OpenAPI: what is said on the wire.
