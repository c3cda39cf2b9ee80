//! What a production platform's configuration has besides the settings.

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It must.
    Required,
    /// It may be left out: then this counts.
    Default(&'static str),
    /// It may be left out.
    Optional,
}

/// A key: its name, with its table; whether it is needed; what it means.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) need: Need,
    doc: &'static str,
}

const fn key(name: &'static str, need: Need, doc: &'static str) -> Key {
    Key { name, need, doc }
}

/// All of them.
pub(super) const KEYS: [Key; 25] = [
    key(
        "listen",
        Need::Default("127.0.0.1:8080"),
        "Where the API listens. Another address than a loopback one needs `tls` or `behind_proxy`.",
    ),
    key(
        "admin_listen",
        Need::Default("127.0.0.1:8081"),
        "Where `/metrics`, `/readyz` and the developer portal are, in clear. Not for callers.",
    ),
    key(
        "behind_proxy",
        Need::Default("false"),
        "`true`: a proxy in front ends TLS, and `listen` takes what it passes on, in clear.",
    ),
    key(
        "database",
        Need::Required,
        "Path of a SQLite file, or `postgres://` URL; with \
         `?sslmode=verify-full&sslrootcert=FILE` over TLS.",
    ),
    key(
        "database_password_file",
        Need::Optional,
        "Secret file with the password of a PostgreSQL database.",
    ),
    key(
        "tls.certificate",
        Need::Optional,
        "PEM file: the certificate, then those that lead to its root. Taken up anew when it \
         changes, and at SIGHUP.",
    ),
    key("tls.private_key", Need::Optional, "Secret PEM file: the certificate's private key."),
    key("master_key.file", Need::Optional, "Secret file that `platen keys master` has made."),
    key(
        "master_key.descriptor",
        Need::Optional,
        "Number of a descriptor that the process is started with; the same text is read there.",
    ),
    key(
        "master_key.command",
        Need::Optional,
        "Command that prints the same text within 30 s: a list of its name and its arguments.",
    ),
    key(
        "master_key.shares",
        Need::Optional,
        "List of two secret files, each with one of the three shares that `platen keys master \
         --shares` has made.",
    ),
    key(
        "master_key.pkcs11",
        Need::Optional,
        "Label of the AES-256 key in the token that is the master key, or a list of labels.",
    ),
    key("pkcs11.module", Need::Optional, "Path of the PKCS#11 library that opens the token."),
    key("pkcs11.token", Need::Optional, "Label of the token."),
    key(
        "pkcs11.pin_file",
        Need::Optional,
        "Secret file with the PIN of the token's user. It is tried once; a token counts tries.",
    ),
    key("bank.url", Need::Required, "Address of the bank's open-banking API, without a path."),
    key("bank.client_id", Need::Required, "The platform's id at the bank."),
    key("bank.client_secret_file", Need::Required, "Secret file with the secret to it."),
    key(
        "bank.institution_code",
        Need::Required,
        "The institution's code, 10 characters: each order's id begins with it.",
    ),
    key(
        "bank.contract_account",
        Need::Required,
        "The contract account that fees arrive at (`cntr_account_num`).",
    ),
    key(
        "bank.deposit_passphrase_file",
        Need::Optional,
        "Secret file with the passphrase of deposits (`wd_pass_phrase`), where one was agreed.",
    ),
    key("bank.receiver_name", Need::Optional, "Final receiver of withdrawals: the holder."),
    key("bank.receiver_bank_code", Need::Optional, "Its bank, 3 digits."),
    key("bank.receiver_account", Need::Optional, "Its account number."),
    key(
        "bank.gateways",
        Need::Optional,
        "Further gateways of the bank, a table `[[bank.gateways]]` each: `fintech_prefix`, how the \
         account numbers begin that it gave out (`fintech_use_num`; the longest prefix counts), \
         and `url`, as in `bank.url`.",
    ),
];

/// The part of `docs/reference/settings.md` about them.
pub fn reference() -> String {
    let mut page = String::from(
        "\n# A production platform's configuration\n\nMade from \
         `server/src/production/config/keys.rs`. These stand beside the settings in the file that \
         `platen serve --config` names, and nowhere else; a name with a dot is a key within a \
         table, `[tls]` or `[bank]`. Exactly one key of `master_key` is given, but that `pkcs11` \
         may stand beside another while one master key takes the other's place. A path that does \
         not begin with `/` is taken from the file's own folder. A secret file must have the mode \
         0600 or less and belong to the user who runs platen, or to root.\n\n\
         | name | default | meaning |\n|---|---|---|\n",
    );
    for key in &KEYS {
        let default = match key.need {
            Need::Required => "required",
            Need::Default(value) => value,
            Need::Optional => "–",
        };
        page.push_str(&format!("| `{}` | {default} | {} |\n", key.name, key.doc));
    }
    page
}
