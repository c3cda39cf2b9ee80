//! The codes of the pipeline: what goes wrong before, around or below an operation. They are
//! platen's own (000_9xx), one code a cause, and always sent in clear.

use crate::errors::{Action, Code};

macro_rules! pipeline_codes {
    ($(
        $name:ident $code:literal $http:literal $action:ident $message:literal,
        $meaning:literal;
    )+) => {
        $(
            #[doc = $meaning]
            pub const $name: Code =
                Code::new($code, $message, $meaning).http($http).action(Action::$action).assigned();
        )+

        /// All of them, for the error page and for OpenAPI.
        pub const ALL: &[Code] = &[$($name),+];
    };
}

pipeline_codes! {
    INVALID_HEADER "000_901" 400 MendRequest "Invalid request header.",
        "A request header is missing or malformed; the message ends with its name.";
    AUTHENTICATION_FAILED "000_902" 401 MendRequest "Authentication failed.",
        "Partner, access key and token do not belong together; the operator's log says which.";
    TRAN_TIME_OUT_OF_WINDOW "000_903" 401 MendRequest "Request time is out of the window.",
        "X-KM-Tran-Time is too far from the platform's clock.";
    PROJECT_NOT_ACTIVE "000_904" 403 CallOperator "Project or partner is not active.",
        "The call is authentic, but its project or partner is suspended.";
    UNKNOWN_OPERATION "000_905" 404 MendRequest "Unknown operation.",
        "No operation has this path.";
    METHOD_NOT_ALLOWED "000_906" 405 MendRequest "Method not allowed. Use POST.",
        "Every operation is called with POST.";
    BODY_TOO_LARGE "000_907" 413 MendRequest "Request body is too large.",
        "The body is longer than the platform takes.";
    UNSUPPORTED_MEDIA_TYPE "000_908" 415 MendRequest "Content type must be application/json.",
        "Content-Type names something else than JSON.";
    MALFORMED_BODY "000_909" 400 MendRequest "Request body is not a JSON object.",
        "The body is empty, cut off, not JSON, not an object, or nested too deeply.";
    CRYPTO_KEY_ID_MISSING "000_910" 400 MendRequest "Crypto key id is missing.",
        "The body is encrypted and the header that names the key is missing.";
    CRYPTO_KEY_UNKNOWN "000_911" 400 MendRequest "Unknown or retired crypto key.",
        "X-KM-Crypto-Key-Id names no live key of the project.";
    DECRYPTION_FAILED "000_912" 400 MendRequest "Request body cannot be decrypted.",
        "encData is no compact JWE of RSA-OAEP-256 and A128GCM or A256GCM for the platform.";
    ENCRYPTION_REQUIRED "000_913" 400 MendRequest "Request must be encrypted.",
        "The project takes this operation encrypted only.";
    CIPHERTEXT_REUSED "000_914" 403 MendRequest "Encrypted request was used before.",
        "The same encrypted text came before under another correlation id: encrypt each call anew.";
    CORRELATION_ID_REUSED "000_915" 400 MendRequest "Correlation id was used before.",
        "The project is set to strict and this correlation id came before with another body.";
    BODY_TIMEOUT "000_916" 408 NewCallLater "Request body did not arrive in time.",
        "The connection was too slow, or the body ended before its announced length.";
    TOO_MANY_CALLS "000_917" 429 SameCallAgain "Too many calls.",
        "The partner makes more calls than it may; the header Retry-After says how many seconds \
         to wait.";
    NUMBERS_USED_UP "000_996" 503 CallOperator "No card number is left in the product's ranges.",
        "The operator has to add a number range to the product.";
    UNAVAILABLE "000_997" 503 SameCallAgain "Service is temporarily unavailable.",
        "The database is away or too busy, or the server is stopping.";
    SERVER_FAULT "000_999" 500 CallOperator "Internal server error.",
        "A fault of the platform; the operator finds it by the correlation id.";
}
