//! States are text in the database and in documents, and enums in code.

/// Defines an enum of states with their stored names.
#[macro_export]
macro_rules! states {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$vmeta:meta])* $variant:ident = $text:literal ),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $( $(#[$vmeta])* $variant ),+ }

        impl $name {
            /// All of them, in the order of a life.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// The name that is stored and printed.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $text ),+ }
            }

            /// The state of that name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $( $text => Some(Self::$variant), )+ _ => None }
            }
        }
    };
}
