//! What depends on a key: rows, by table and column.

use crypto::keyring::KeyPurpose;
use domain::Timestamp;
use store::tables::{PLATFORM, partners};
use store::{DbError, Tx, Value};

/// What depends, in an operator's words, and how to count it within a partner: `$2` is the key.
type Use = (&'static str, &'static str);

/// Rows that name the lookup key.
const LOOKUP: &[Use] = &[(
    "cards found by it (card.lookup_key_id)",
    "SELECT COUNT(*) AS depending FROM card WHERE asp_id = $1 AND lookup_key_id = $2",
)];
/// Rows that name the card verification key.
const CARD_VERIFICATION: &[Use] = &[(
    "cards with its CVC (card.cvc_key_id)",
    "SELECT COUNT(*) AS depending FROM card WHERE asp_id = $1 AND cvc_key_id = $2",
)];
/// Rows that name the number key and have numbers to come.
const NUMBER: &[Use] = &[
    (
        "number ranges (number_range.number_key_id)",
        "SELECT COUNT(*) AS depending FROM number_range WHERE asp_id = $1 AND number_key_id = $2",
    ),
    (
        "open applications (application.number_key_id)",
        "SELECT COUNT(*) AS depending FROM application
         WHERE asp_id = $1 AND state = 'COST_PAYING' AND number_key_id = $2",
    ),
];
/// Rows that name the digest key.
const DIGEST: &[Use] = &[
    (
        "access keys that were not used since (access_key.digest_key_id)",
        "SELECT COUNT(*) AS depending FROM access_key k
         JOIN project p ON p.asp_id = k.asp_id AND p.project_id = k.project_id
         WHERE k.asp_id = $1 AND k.digest_key_id = $2 AND k.state <> 'DISCARDED'
             AND p.state <> 'DISCARDED'",
    ),
    (
        "projects whose access key was not used since (project.digest_key_id)",
        "SELECT COUNT(*) AS depending FROM project
         WHERE asp_id = $1 AND digest_key_id = $2 AND state <> 'DISCARDED'",
    ),
];
/// Rows that name the audit key.
const AUDIT: &[Use] = &[(
    "seals of the operation log (audit_seal.audit_key_id)",
    "SELECT COUNT(*) AS depending FROM audit_seal WHERE asp_id = $1 AND audit_key_id = $2",
)];
/// Sealed values; each names its data key in bytes 2 to 5, which is `$2`.
const DATA: &[Use] = &[
    (
        "card numbers (card.pan_sealed)",
        "SELECT COUNT(*) AS depending FROM card
         WHERE asp_id = $1 AND SUBSTR(pan_sealed, 2, 4) = $2",
    ),
    (
        "given CVCs (card.given_cvc_sealed)",
        "SELECT COUNT(*) AS depending FROM card
         WHERE asp_id = $1 AND SUBSTR(given_cvc_sealed, 2, 4) = $2",
    ),
    (
        "members (member)",
        "SELECT COUNT(*) AS depending FROM member
         WHERE asp_id = $1 AND (SUBSTR(name_sealed, 2, 4) = $2
             OR SUBSTR(phone_sealed, 2, 4) = $2 OR SUBSTR(birth_date_sealed, 2, 4) = $2)",
    ),
    (
        "bank accounts (bank_account.account_no_sealed)",
        "SELECT COUNT(*) AS depending FROM bank_account
         WHERE asp_id = $1 AND SUBSTR(account_no_sealed, 2, 4) = $2",
    ),
    (
        "virtual accounts (virtual_account.account_no_sealed)",
        "SELECT COUNT(*) AS depending FROM virtual_account
         WHERE asp_id = $1 AND SUBSTR(account_no_sealed, 2, 4) = $2",
    ),
    (
        "recipients (application.recipient_sealed)",
        "SELECT COUNT(*) AS depending FROM application
         WHERE asp_id = $1 AND SUBSTR(recipient_sealed, 2, 4) = $2",
    ),
    (
        "recipients (delivery.recipient_sealed)",
        "SELECT COUNT(*) AS depending FROM delivery
         WHERE asp_id = $1 AND SUBSTR(recipient_sealed, 2, 4) = $2",
    ),
    (
        "secret keys (access_key.secret_key_sealed)",
        "SELECT COUNT(*) AS depending FROM access_key
         WHERE asp_id = $1 AND SUBSTR(secret_key_sealed, 2, 4) = $2",
    ),
    (
        "secret keys (project.secret_key_sealed)",
        "SELECT COUNT(*) AS depending FROM project
         WHERE asp_id = $1 AND SUBSTR(secret_key_sealed, 2, 4) = $2",
    ),
    (
        "crypto keys (crypto_key.server_private_key_sealed)",
        "SELECT COUNT(*) AS depending FROM crypto_key
         WHERE asp_id = $1 AND SUBSTR(server_private_key_sealed, 2, 4) = $2",
    ),
    (
        "secrets (sandbox_secret.value_sealed)",
        "SELECT COUNT(*) AS depending FROM sandbox_secret
         WHERE asp_id = $1 AND SUBSTR(value_sealed, 2, 4) = $2",
    ),
];

/// Calls that are remembered by digests of before `$2`: fees that are open, or ended since `$3`.
const SETTLED_LATE: &str = "SELECT COUNT(*) AS depending FROM application
     WHERE asp_id = $1 AND applied_at < $2 AND (state = 'COST_PAYING' OR settled_at > $3)";

/// What depends on a key that makes no new values since `quiet_from`, with how many rows do.
pub(super) fn of(
    tx: &mut Tx<'_>,
    purpose: KeyPurpose,
    id: i64,
    quiet_from: Timestamp,
    now: Timestamp,
) -> Result<Vec<(&'static str, i64)>, DbError> {
    let header = u32::try_from(id).unwrap_or_default().to_be_bytes();
    let (uses, key): (_, Value<'_>) = match purpose {
        KeyPurpose::DataKey => (DATA, header.as_slice().into()),
        KeyPurpose::Lookup => (LOOKUP, id.into()),
        KeyPurpose::CardVerification => (CARD_VERIFICATION, id.into()),
        KeyPurpose::Number => (NUMBER, id.into()),
        KeyPurpose::Digest => (DIGEST, id.into()),
        KeyPurpose::Audit => (AUDIT, id.into()),
    };
    let partners = all_with_platform(tx)?;
    let mut found = Vec::new();
    for (what, sql) in uses {
        let mut rows = 0;
        for asp in &partners {
            rows += tx.query_one(sql, &[asp.as_str().into(), key])?.int(0)?;
        }
        found.push((*what, rows));
    }
    if purpose == KeyPurpose::Digest {
        found.push(("remembered calls", remembered(tx, &partners, quiet_from, now)?));
    }
    found.retain(|(_, rows)| *rows > 0);
    Ok(found)
}

/// Calls that may be remembered by digests of before `quiet_from`. A digest does not name its key:
/// as long as a window reaches back so far, there may be some.
fn remembered(
    tx: &mut Tx<'_>,
    partners: &[String],
    quiet_from: Timestamp,
    now: Timestamp,
) -> Result<i64, DbError> {
    let mut rows = 0;
    for asp in partners {
        let windows = tx.query(
            "SELECT replay_window_ms, tran_time_window_ms FROM project WHERE asp_id = $1",
            &[asp.as_str().into()],
        )?;
        let mut window_ms = 0;
        for row in &windows {
            window_ms = window_ms.max(row.int(0)?).max(row.int(1)?);
        }
        let since = now.minus_ms(window_ms.unsigned_abs());
        let row = tx
            .query_one(SETTLED_LATE, &[asp.as_str().into(), quiet_from.0.into(), since.0.into()])?;
        rows += row.int(0)?;
        let row = tx.query_one(
            "SELECT COUNT(*) AS depending FROM operation_log
             WHERE asp_id = $1 AND happened_at > $2 AND happened_at < $3
                 AND (replay_key IS NOT NULL OR cipher_digest IS NOT NULL)",
            &[asp.as_str().into(), since.0.into(), quiet_from.0.into()],
        )?;
        rows += row.int(0)?;
    }
    Ok(rows)
}

/// All partners, and the platform itself.
pub(crate) fn all_with_platform(tx: &mut Tx<'_>) -> Result<Vec<String>, DbError> {
    let own = partners::all(tx)?.into_iter().map(|asp| asp.to_string());
    Ok(std::iter::once(PLATFORM.to_owned()).chain(own).collect())
}
