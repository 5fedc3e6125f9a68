//! How a list of codes is written down.

/// Implements [`Coded`](super::Coded) for a list: the codes with their values, in the
/// order of preference for writing.
macro_rules! coded {
    ($(#[$about:meta])* $type:ident { $($code:literal => $value:ident,)+ }) => {
        $(#[$about])*
        impl $crate::codes::Coded for $type {
            const LIST: &'static [(&'static str, Self)] = &[$(($code, $type::$value)),+];

            fn other(code: String) -> Self {
                $type::Other(code)
            }

            fn as_other(&self) -> Option<&str> {
                match self {
                    $type::Other(code) => Some(code),
                    _ => None,
                }
            }
        }
    };
}
