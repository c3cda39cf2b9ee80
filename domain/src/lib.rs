//! Money, states and rules of prepaid cards: pure functions that return a plan.
