//! The protocol's headers: what OpenAPI, the portal and the server know of each.
//!
//! Two lengths stand side by side: what the reference prints and platen sends, and what platen
//! takes. Where nothing is at stake it takes more, because real clients send more.

/// When a header has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderNeed {
    /// Always.
    Always,
    /// On every call of a partner; not on a callback to one.
    ExceptCallbacks,
    /// Where the request or the response is encrypted.
    WhereEncrypted,
}

impl HeaderNeed {
    /// The word that documentation prints.
    pub fn word(self) -> &'static str {
        match self {
            HeaderNeed::Always => "Required",
            HeaderNeed::ExceptCallbacks | HeaderNeed::WhereEncrypted => "Conditional",
        }
    }

    /// The condition as a sentence, for a conditional header.
    pub fn condition(self) -> Option<&'static str> {
        match self {
            HeaderNeed::Always => None,
            HeaderNeed::ExceptCallbacks => Some("Not on callbacks."),
            HeaderNeed::WhereEncrypted => {
                Some("Required where the request or the response is encrypted.")
            }
        }
    }
}

/// Which characters a header's value is made of, as far as they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Visible ASCII.
    Visible,
    /// Decimal digits.
    Digits,
    /// `KMV1:`, 17 digits, `:`, 43 characters of base64 and `=`.
    TranToken,
    /// One of [`TIME_ZONES`].
    TimeZone,
}

/// The time zones that a call may name.
pub const TIME_ZONES: &[&str] = &["UTC", "GMT", "KST", "JST"];

/// One header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: &'static str,
    /// Length in characters that the reference gives it and that platen sends.
    pub len: usize,
    /// Fewest characters taken.
    pub len_min: usize,
    /// Most characters taken.
    pub len_max: usize,
    /// When it has to be there.
    pub need: HeaderNeed,
    /// Its form, as documentation prints it.
    pub form: &'static str,
    /// What is taken.
    pub taken: Taken,
    /// A value of this form.
    pub example: &'static str,
    /// What it means.
    pub doc: &'static str,
}

impl Header {
    /// Whether a value is within length and form. Says nothing of whether it is the right one.
    pub fn accepts(&self, value: &str) -> bool {
        (self.len_min..=self.len_max).contains(&value.len())
            && match self.taken {
                Taken::Visible => value.bytes().all(|byte| byte.is_ascii_graphic()),
                Taken::Digits => value.bytes().all(|byte| byte.is_ascii_digit()),
                Taken::TranToken => is_tran_token(value),
                Taken::TimeZone => TIME_ZONES.contains(&value),
            }
    }

    /// A regular expression for exactly the values that [`Header::accepts`].
    pub fn pattern(&self) -> String {
        let Header { len_min, len_max, .. } = self;
        match self.taken {
            Taken::Visible => format!("^[!-~]{{{len_min},{len_max}}}$"),
            Taken::Digits => format!("^[0-9]{{{len_min},{len_max}}}$"),
            Taken::TranToken => "^KMV1:[0-9]{17}:[A-Za-z0-9+/]{43}=$".to_owned(),
            Taken::TimeZone => format!("^({})$", TIME_ZONES.join("|")),
        }
    }
}

fn is_tran_token(value: &str) -> bool {
    let Some((time, mac)) = value.strip_prefix("KMV1:").and_then(|rest| rest.split_once(':'))
    else {
        return false;
    };
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    time.len() == 17
        && time.bytes().all(|byte| byte.is_ascii_digit())
        && mac.len() == 44
        && mac.strip_suffix('=').is_some_and(|digits| digits.bytes().all(base64))
}

/// The partner.
pub const ASP_ID: Header = Header {
    name: "X-KM-User-AspId",
    len: 15,
    len_min: 1,
    len_max: 16,
    need: HeaderNeed::Always,
    form: "15 digits",
    taken: Taken::Digits,
    example: "000170000000000",
    doc: "The partner's id, given with the contract.",
};

/// The id of the transaction.
pub const CORRELATION_ID: Header = Header {
    name: "X-KM-Correlation-Id",
    len: 20,
    len_min: 1,
    len_max: 64,
    need: HeaderNeed::Always,
    form: "yyMMddHHmmss-xxxxxxx, x a hexadecimal digit",
    taken: Taken::Visible,
    example: "221108120814-0a1b2c3",
    doc: "The transaction's number for tracing, one per transaction; the answer carries it too.",
};

/// The project's access key.
pub const ACCESS_KEY: Header = Header {
    name: "X-KM-Access-Key",
    len: 40,
    len_min: 1,
    len_max: 64,
    need: HeaderNeed::ExceptCallbacks,
    form: "7 hexadecimal digits, -, 32 hexadecimal digits",
    taken: Taken::Visible,
    example: "0a1b2c3-00112233445566778899aabbccddeeff",
    doc: "The project's access key.",
};

/// The key that a body is encrypted with.
pub const CRYPTO_KEY_ID: Header = Header {
    name: "X-KM-Crypto-Key-Id",
    len: 32,
    len_min: 1,
    len_max: 64,
    need: HeaderNeed::WhereEncrypted,
    form: "32 hexadecimal digits",
    taken: Taken::Visible,
    example: "00112233445566778899aabbccddeeff",
    doc: "The project's crypto key: opens an encrypted request, and has the response encrypted.",
};

/// The signature.
pub const TRAN_TOKEN: Header = Header {
    name: "X-KM-Tran-Token",
    len: 67,
    len_min: 67,
    len_max: 67,
    need: HeaderNeed::Always,
    form: "KMV1:yyyyMMddHHmmssSSS:base64(HMAC-SHA256(secret key, body as sent))",
    taken: Taken::TranToken,
    example: "KMV1:20221108120814608:uLD+mU8mz9K95neGiSJTSsF3zzAQJglCggZAOSs5Fkg=",
    doc: "Signs the body as sent, byte for byte; an encrypted one as its whole envelope.",
};

/// The caller's time.
pub const TRAN_TIME: Header = Header {
    name: "X-KM-Tran-Time",
    len: 14,
    len_min: 14,
    len_max: 17,
    need: HeaderNeed::Always,
    form: "yyyyMMddHHmmss",
    taken: Taken::Digits,
    example: "20221108120814",
    doc: "The caller's time, in the zone of X-KM-Time-Zone; digits behind seconds are taken.",
};

/// The zone of the caller's time.
pub const TIME_ZONE: Header = Header {
    name: "X-KM-Time-Zone",
    len: 3,
    len_min: 3,
    len_max: 3,
    need: HeaderNeed::Always,
    form: "UTC, GMT, KST or JST",
    taken: Taken::TimeZone,
    example: "KST",
    doc: "The zone of X-KM-Tran-Time.",
};

/// The headers of a request, in the reference's order.
pub const REQUEST: &[Header] =
    &[ASP_ID, CORRELATION_ID, ACCESS_KEY, CRYPTO_KEY_ID, TRAN_TOKEN, TRAN_TIME, TIME_ZONE];

/// The headers of a response, in the reference's order.
pub const RESPONSE: &[Header] = &[
    Header { doc: "The request's, unchanged; left out where it is malformed.", ..CORRELATION_ID },
    Header { doc: "The crypto key that the response is encrypted with.", ..CRYPTO_KEY_ID },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_taken_and_has_the_printed_length() {
        for header in REQUEST.iter().chain(RESPONSE) {
            assert!(header.accepts(header.example), "{}", header.name);
            assert_eq!(header.example.len(), header.len, "{}", header.name);
        }
    }

    #[test]
    fn what_real_clients_send_is_taken() {
        assert!(ASP_ID.accepts("0001700000000000"));
        assert!(CORRELATION_ID.accepts("221108120814-0a1b2c3d"));
        assert!(TRAN_TIME.accepts("20221108120814608"));
    }

    #[test]
    fn what_is_out_of_length_or_form_is_not() {
        let long = "1".repeat(65);
        let token = |time: &str, mac: &str| format!("KMV1:{time}:{mac}");
        let mac = "uLD+mU8mz9K95neGiSJTSsF3zzAQJglCggZAOSs5Fkg=";
        let time = "20221108120814608";
        for (header, value) in [
            (ASP_ID, String::new()),
            (ASP_ID, "00017000000000a".to_owned()),
            (ASP_ID, "00017000000000000".to_owned()),
            (CORRELATION_ID, String::new()),
            (CORRELATION_ID, "a b".to_owned()),
            (CORRELATION_ID, "카드".to_owned()),
            (CORRELATION_ID, long.clone()),
            (ACCESS_KEY, long),
            (TRAN_TIME, "2022110812081".to_owned()),
            (TRAN_TIME, "202211081208146081".to_owned()),
            (TRAN_TIME, "2022-11-08T12:08".to_owned()),
            (TRAN_TOKEN, token(time, &mac.replace('+', "-"))),
            (TRAN_TOKEN, token(time, &mac.replace('=', "A"))),
            (TRAN_TOKEN, token("2022110812081460x", mac)),
            (TRAN_TOKEN, token(time, mac).replace("KMV1", "KMV2")),
            (TIME_ZONE, "CET".to_owned()),
            (TIME_ZONE, "kst".to_owned()),
        ] {
            assert!(!header.accepts(&value), "{} {value}", header.name);
        }
    }
}
