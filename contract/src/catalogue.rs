//! The codes that operations share, each defined once. An operation lists those it can return in
//! its [`errors!`](crate::errors!), and says there what is particular to it.

use crate::errors::{Action, Code};

/// A field is missing or out of its limits; the message ends with its name.
pub const INVALID_INPUT: Code = Code::new(
    "000_002",
    "Invalid input parameter",
    "A request field is missing or out of its limits; the message ends with the field.",
)
.action(Action::MendRequest);

/// Not a member.
pub const WALLET_USER_NOT_FOUND: Code = Code::new(
    "001_006",
    "Wallet user not found.",
    "Not a member of this partner, or the membership was cancelled.",
);

/// No such card, where a card is discarded.
pub const CARD_DATA_NOT_VALID: Code =
    Code::new("001_047", "Invalid card info", "No card of this member and partner has this PAR.");

/// There is money on it.
pub const CARD_HAS_BALANCE: Code = Code::new(
    "001_052",
    "Active card has balance",
    "The card, or a sub card that would end with it, holds money.",
);

/// A basic card.
pub const BASIC_CARD: Code =
    Code::new("001_059", "Can not delete basic card", "The membership needs the card.");

/// A sub card.
pub const SUB_CARD: Code = Code::new(
    "001_061",
    "Cannot delete Sub card directly, Sub Card will be automatically deleted when Main card \
     deleted.",
    "The card belongs to a main card and ends with it.",
)
.action(Action::MendRequest);

/// A married card.
pub const MARRIED_CARD: Code = Code::new(
    "001_062",
    "Card is married to cardSe. Disconnect before delete.",
    "The card is linked to the plastic of another account.",
);

/// No such card.
pub const INVALID_CARD_INFO: Code = Code::new(
    "003_001",
    "Invalid card info.",
    "No such card in the hands of this member and partner.",
);

/// Not today.
pub const NOT_CANCELABLE_DUE_TO_DAY: Code = Code::new(
    "003_002",
    "Card issue is not cancelable due to day.",
    "The application was made on an earlier day, by the Korean calendar.",
);

/// Not in this state.
pub const NOT_CANCELABLE_DUE_TO_STATUS: Code = Code::new(
    "003_003",
    "Card issue is not cancelable due to status.",
    "Too much came of the application already, or it has ended.",
);

/// Renewed before.
pub const NOT_ALLOWED_TO_REISSUE: Code = Code::new(
    "003_004",
    "Card issue status is not allowed to reissue",
    "The expiring card was replaced before, or its renewal is open.",
);

/// Not in use.
pub const CARD_NOT_ACTIVE_OR_SUSPENDED: Code = Code::new(
    "003_005",
    "Card status is not active or suspended",
    "The card has ended or has expired.",
);

/// Too early.
pub const EXPIRY_NOT_PROPER: Code = Code::new(
    "003_006",
    "Card expiry date is not proper to reissue.",
    "The last day of the card is more than 30 days ahead.",
);

/// No such card by its number.
pub const PAR_NOT_FOUND_FROM_CARD_NO: Code = Code::new(
    "003_008",
    "Par not found from cardNo.",
    "No card of this member and partner has this number.",
);

/// Not a product to renew into.
pub const NOT_VALID_PRODUCT: Code = Code::new(
    "003_009",
    "Not valid product for card issue type",
    "The product into which the card would be renewed is not valid.",
)
.action(Action::CallOperator);

/// The fee of a renewal was refused.
pub const REISSUE_FEE_FAILED: Code = Code::new(
    "003_010",
    "Card reissue cost pay fail",
    "The fee was not charged: no bank account to charge, or the bank refused.",
)
.action(Action::NewCallLater);

/// The application cannot be completed.
pub const ISSUE_NOT_READY: Code = Code::new(
    "003_012",
    "Indicated card issue is not ready to active.",
    "The application named is not one that this card completes.",
);

/// No such application.
pub const ISSUE_NOT_FOUND: Code = Code::new(
    "003_013",
    "Indicated card issue not found error.",
    "The member has no application of this number.",
);

/// There is nothing to send again or to call off.
pub const DELIVERY_NOT_RETURNED: Code = Code::new(
    "003_931",
    "Card delivery is not returned.",
    "The plastic has not come back: it is on its way and not overdue, was registered, or was \
     called off before.",
)
.assigned();

/// Older than what is kept.
pub const EVENTS_CURSOR_TOO_OLD: Code = Code::new(
    "003_941",
    "Cursor is too old.",
    "The cursor was given more than 30 days ago: begin without one, and compare what you have.",
)
.action(Action::MendRequest)
.assigned();

/// No plastic.
pub const CARD_WITHOUT_PLASTIC: Code = Code::new(
    "003_951",
    "Card has no physical card.",
    "No plastic of the card is registered: there is none that could be defective.",
)
.action(Action::MendRequest)
.assigned();

/// The mobile card has ended.
pub const DIGITAL_CARD_TERMINATED: Code = Code::new(
    "003_014",
    "Digital card is already terminated error.",
    "The mobile card that this card would be linked to has ended.",
);

/// Reissued before.
pub const CARD_ALREADY_REISSUED: Code = Code::new(
    "003_018",
    "Card is already reissued error.",
    "The card has been reissued before: its balance has moved to a successor.",
);

/// No usable account.
pub const USER_BANK_ACCOUNT_INVALID: Code = Code::new(
    "003_019",
    "User bank account invalid.",
    "The member's bank accounts are not fully registered: pending, failed, or consent ended.",
);

/// A reissue is open.
pub const REISSUE_IN_PROGRESS: Code = Code::new(
    "003_020",
    "There is in progress reissue type card apply no.",
    "A reissue of this card is open and its balance has not moved yet.",
);

/// No such PAR.
pub const CANNOT_FIND_PAR: Code =
    Code::new("003_021", "Cannot find par", "No card of this member and partner has this PAR.");

/// Terminated.
pub const CARD_ALREADY_TERMINATED: Code = Code::new(
    "003_022",
    "Card already terminated",
    "The card was ended for good; its state cannot change any more.",
);

/// Mobile only is not to be had.
pub const CARD_DELIVERY_REQUIRED: Code = Code::new(
    "003_024",
    "Card delivery should be required in case of normal type.",
    "A mobile card alone was asked of a product that always comes with plastic.",
)
.action(Action::MendRequest);

/// No account information.
pub const NO_ACCOUNT_INFO: Code = Code::new(
    "003_024",
    "Don't have account info",
    "The member has no fully registered bank account.",
);

/// The ID card was not verified.
pub const USER_NOT_AUTHENTICATED: Code = Code::new(
    "003_044",
    "User is not authenticated.",
    "The product pays abroad and the member's ID card has not been verified.",
);

/// No valid next product.
pub const INVALID_NEXT_SERVICE_ID: Code = Code::new(
    "003_048",
    "Invalid next service id.",
    "The product into which the card would be reissued is not valid.",
)
.action(Action::CallOperator);

/// The bank could not be reached.
pub const FEE_NETWORK_ISSUE: Code = Code::new(
    "003_051",
    "Card cost payment fail. network issue.",
    "The fee was surely not charged: the order never reached the bank.",
)
.action(Action::NewCallLater);

/// The bank says that the account is not valid.
pub const FEE_INVALID_BANK_ACCOUNT: Code = Code::new(
    "003_052",
    "Card cost payment fail. invalid bank account.",
    "The fee was not charged: the member's bank account is not valid.",
)
.assigned();

/// The bank says that it is somebody else's account.
pub const FEE_OWNER_MISMATCH: Code = Code::new(
    "003_053",
    "Card cost payment fail. account owner mismatch.",
    "The fee was not charged: the account's owner is not the requesting member.",
)
.assigned();

/// The bank could not withdraw.
pub const FEE_WITHDRAW_FAILURE: Code = Code::new(
    "003_054",
    "Card cost payment fail. withdraw failure.",
    "The fee was not charged: the withdrawal failed.",
)
.action(Action::NewCallLater)
.assigned();

/// The bank has not answered.
pub const FEE_IN_PROGRESS: Code = Code::new(
    "003_055",
    "Card cost payment fail. cost payment in progress.",
    "The bank has not said yet whether the fee was taken.",
)
.action(Action::SameCallAgain)
.assigned();

/// Too little money.
pub const FEE_INSUFFICIENT_BALANCE: Code = Code::new(
    "003_056",
    "Card cost payment fail. insufficient account balance.",
    "The fee was not charged: not enough money in the account.",
)
.assigned();

/// Terms not agreed to.
pub const FEE_TERMS_NOT_AGREED: Code = Code::new(
    "003_057",
    "Card cost payment fail. open banking terms not agreed.",
    "The fee was not charged: the member has not agreed to the open-banking terms.",
)
.assigned();

/// The bank could not read the order.
pub const FEE_MESSAGE_ERROR: Code = Code::new(
    "003_058",
    "Card cost payment fail. open banking message error.",
    "The fee was not charged: open banking could not process the message.",
)
.action(Action::CallOperator)
.assigned();

/// Any other cause.
pub const FEE_FAILED: Code = Code::new(
    "003_059",
    "Card cost payment fail.",
    "The fee was not charged, for any other cause.",
)
.action(Action::NewCallLater)
.assigned();

/// Another bank's product.
pub const SERVICE_OF_ANOTHER_BANK: Code = Code::new(
    "003_060",
    "Service is not related to the request bank.",
    "The product is of another bank than the account that the card would pay from.",
);

/// No product of this kind.
pub const CARD_ISSUE_TYPE_INVALID: Code = Code::new(
    "003_061",
    "Not valid card issue type with the service.",
    "The product is no debit product.",
);

/// No cash IC.
pub const SERVICE_WITHOUT_APPLET: Code = Code::new(
    "003_062",
    "Service does not support the applet.",
    "The plastic of the product cannot have a cash IC.",
);

/// Not suspended.
pub const CARD_NOT_SUSPENDED: Code = Code::new(
    "003_901",
    "Card is not suspended.",
    "The card is not suspended as lost, which a reissue needs.",
)
.assigned();

/// No bank account.
pub const BANK_ACCOUNT_NOT_FOUND: Code = Code::new(
    "007_001",
    "Bank account not found.",
    "The member has no registered bank account to charge the fee to.",
);

/// A product of another type.
pub const PRODUCT_TYPE_MISMATCH: Code = Code::new(
    "023_005",
    "Product type does not match.",
    "Two parts of the product's policy contradict each other.",
)
.action(Action::MendRequest);

/// Digits of another type.
pub const TOKEN_BIN_MISMATCH: Code = Code::new(
    "023_008",
    "Token Bin No type does not match.",
    "The digits are not free for this product.",
)
.action(Action::MendRequest);

/// A deleted product.
pub const PRODUCT_DELETED: Code = Code::new(
    "023_901",
    "Product is deleted.",
    "The product was deleted; its policy cannot change any more.",
)
.action(Action::MendRequest)
.assigned();

/// Another change came first.
pub const PRODUCT_CHANGED: Code = Code::new(
    "023_902",
    "Product was changed meanwhile.",
    "The product has another version than the one that the change was made for.",
)
.action(Action::MendRequest)
.assigned();
