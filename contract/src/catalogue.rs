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

/// No such card.
pub const INVALID_CARD_INFO: Code = Code::new(
    "003_001",
    "Invalid card info.",
    "No such card in the hands of this member and partner.",
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
