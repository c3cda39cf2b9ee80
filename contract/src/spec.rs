//! What an operation is, apart from its fields and codes.

/// The head of an operation's page.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Its id, `group.verb`, unique.
    pub id: &'static str,
    /// The reference's title.
    pub title: &'static str,
    /// The group of the navigation in which it stands.
    pub group: &'static str,
    /// Path below the base, unique.
    pub path: &'static str,
    /// Version, as the reference prints it.
    pub version: &'static str,
    /// What it does and when it is allowed.
    pub about: &'static str,
    /// Whether the reference asks for an encrypted request.
    pub request_encrypted: bool,
    /// Whether the response is encrypted for a caller with a crypto key.
    pub response_encrypted: bool,
    /// The description that comes with `000_000`.
    pub success_message: &'static str,
    /// The day (yyyy-MM-dd) on which it was added: the changelog says so.
    pub since: &'static str,
    /// Further titles of the reference that are this same operation.
    pub same_as: &'static [&'static str],
}
