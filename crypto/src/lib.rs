//! Tokens, JWE, keys, card numbers and sealing: everything that touches a secret.
