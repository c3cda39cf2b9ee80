//! Who may call: partners and their projects.

use crate::states;

states! {
    /// State of a partner.
    pub enum PartnerState {
        /// Its calls are taken.
        Active = "ACTIVE",
        /// Its calls are refused; what was begun for it goes on.
        Suspended = "SUSPENDED",
        /// The same, for good.
        Discarded = "DISCARDED",
    }
}

states! {
    /// What a project is for.
    pub enum ProjectKind {
        /// A sandbox's.
        Sandbox = "SANDBOX",
        /// For tests before production.
        Uat = "UAT",
        /// For production.
        Production = "SI",
    }
}

states! {
    /// State of a project.
    pub enum ProjectState {
        /// Its calls are taken.
        Active = "ACTIVE",
        /// Its calls are refused for now.
        Inactive = "INACTIVE",
        /// Its calls are refused for good.
        Discarded = "DISCARDED",
    }
}

states! {
    /// State of a project's access key, and of a bank.
    pub enum Standing {
        /// It serves.
        Active = "ACTIVE",
        /// It does not serve for now.
        Suspended = "SUSPENDED",
        /// It does not serve any more, for good.
        Discarded = "DISCARDED",
    }
}

states! {
    /// What becomes of a plain request to an operation that asks for encryption.
    pub enum PlainRequests {
        /// It is taken.
        Accepted = "ACCEPTED",
        /// It is refused.
        Refused = "REFUSED",
    }
}

states! {
    /// What becomes of a correlation id that comes again with another body.
    pub enum CorrelationIds {
        /// That is another call.
        Lenient = "LENIENT",
        /// It is refused.
        Strict = "STRICT",
    }
}
