//! Codes, and an operation's own set of them in order of precedence.

/// What a caller can do about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it succeeded.
    None,
    /// Correct the request.
    MendRequest,
    /// Something about the member or the card has to change first.
    AskMember,
    /// Try again later, with a new correlation id.
    NewCallLater,
    /// Send the same call again: it is answered once the outcome is known, and never done twice.
    SameCallAgain,
    /// Tell the operator of the platform.
    CallOperator,
}

impl Action {
    /// The advice as a sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Action::None => "Nothing to do.",
            Action::MendRequest => "Correct the request and send it again.",
            Action::AskMember => "Something about the member or the card has to change first.",
            Action::NewCallLater => "Try again later, as a new call with a new correlation id.",
            Action::SameCallAgain => {
                "Send the same call again, with the same correlation id: nothing happens twice."
            }
            Action::CallOperator => "Tell the operator of the platform, with the correlation id.",
        }
    }
}

/// Where a code and its message come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The reference prints it for this operation.
    Documented,
    /// The reference prints it elsewhere; its use here is platen's choice.
    AssignedUse,
    /// Code and message are platen's choice.
    Assigned,
}

/// One code as one operation uses it: a message belongs to (operation, code).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// `NNN_NNN`.
    pub code: &'static str,
    /// HTTP status.
    pub http: u16,
    /// The wire message, misspelt where the reference is.
    pub message: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do about it.
    pub action: Action,
    /// Where it comes from.
    pub origin: Origin,
}

impl Code {
    /// A code that the reference documents, with HTTP 400.
    pub const fn new(code: &'static str, message: &'static str, meaning: &'static str) -> Self {
        let (action, origin) = (Action::AskMember, Origin::Documented);
        Code { code, http: 400, message, meaning, action, origin }
    }

    /// The same with another HTTP status.
    pub const fn http(mut self, status: u16) -> Self {
        self.http = status;
        self
    }

    /// The same with another message.
    pub const fn saying(mut self, message: &'static str) -> Self {
        self.message = message;
        self
    }

    /// The same with another meaning.
    pub const fn meaning(mut self, meaning: &'static str) -> Self {
        self.meaning = meaning;
        self
    }

    /// The same with other advice.
    pub const fn action(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    /// The same, marked as platen's own code.
    pub const fn assigned(mut self) -> Self {
        self.origin = Origin::Assigned;
        self
    }

    /// The same, marked as the reference's code in a use that is platen's choice.
    pub const fn assigned_use(mut self) -> Self {
        self.origin = Origin::AssignedUse;
        self
    }

    /// The message as sent: the field at fault behind it, where there is one.
    pub fn description(&self, field: Option<&str>) -> String {
        match field {
            None => self.message.to_owned(),
            Some(field) if self.message.ends_with('.') => format!("{} {field}", self.message),
            Some(field) => format!("{}. {field}", self.message),
        }
    }
}

/// Every refusal of one operation, in order of precedence. Implemented by
/// [`errors!`](crate::errors!).
pub trait ErrorSet: Copy + Send + 'static {
    /// All of them, in order of precedence.
    const ALL: &'static [Self];

    /// Its code.
    fn code(self) -> &'static Code;
}

/// Defines an operation's refusals: `Variant = a Code`, in order of precedence.
#[macro_export]
macro_rules! errors {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $variant:ident = $code:expr ),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $(
            #[doc = concat!("See `", stringify!($code), "`.")]
            $variant
        ),+ }

        impl $crate::ErrorSet for $name {
            const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            fn code(self) -> &'static $crate::Code {
                match self { $( Self::$variant => const { &$code } ),+ }
            }
        }
    };
}
