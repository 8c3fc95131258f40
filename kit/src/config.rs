//! What an operator can set of a domain: typed sections of keys, each with a default and a meaning.
//!
//! A section is declared once, by [`section!`](crate::section): the struct that the domain works with,
//! its defaults, and what is told of it. Where values come from (a file, the environment) is the
//! binary's affair, which sets them by name as text.
//!
//! ```
//! use std::time::Duration;
//!
//! use atelier_kit::config::{Check, Problem, Section, Size, Span};
//!
//! atelier_kit::section! {
//!     /// What lamps may cost.
//!     #[derive(Debug, Clone)]
//!     pub struct LampConfig in "lamps" {
//!         /// The largest picture of a lamp.
//!         pub max_bytes: u64 as Size = "16 MiB",
//!         /// How long a lamp stays on.
//!         pub on_for: Duration as Span = "30s",
//!     }
//! }
//!
//! impl Check for LampConfig {
//!     fn check(&self) -> Result<(), Problem> {
//!         Problem::unless(self.max_bytes > 0, "max_bytes", "more than nothing")
//!     }
//! }
//!
//! let mut lamps = LampConfig::defaults();
//! lamps.set("on_for", "2h").unwrap();
//! assert_eq!(lamps.on_for, Duration::from_secs(7200));
//! assert_eq!(lamps.show("max_bytes").as_deref(), Some("16 MiB"));
//! ```

mod form;

pub use form::{Cores, Count, Flag, Form, List, Seconds, Size, Span, Text};

/// A key of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name within the section.
    pub name: &'static str,
    /// The default, as it would be written.
    pub default: &'static str,
    /// What is accepted, to be read behind "must be".
    pub accepts: &'static str,
    /// Whether a file writes it with quotation marks.
    pub quoted: bool,
    /// What it means: the lines of its documentation.
    pub meaning: &'static [&'static str],
}

impl Key {
    /// What it means, in one line.
    pub fn meaning(&self) -> String {
        let lines = self.meaning.iter().map(|line| line.trim());
        lines.collect::<Vec<_>>().join(" ")
    }
}

/// Part of a domain's configuration: one table of the file. Declared by [`section!`](crate::section).
pub trait Section {
    /// The table's name: the domain's, with dots for what is nested.
    const TABLE: &'static str;
    /// Its keys, in the order in which they are told.
    const KEYS: &'static [Key];

    /// Sets a key.
    ///
    /// # Errors
    /// What would be accepted. Nothing has been changed then.
    fn set(&mut self, key: &str, text: &str) -> Result<(), String>;

    /// The value of a key as it would be written; `None` if there is no such key.
    fn show(&self, key: &str) -> Option<String>;
}

/// What types alone do not say of a section's values.
pub trait Check {
    /// Whether the values make sense, each and together.
    ///
    /// # Errors
    /// Names the first that does not.
    fn check(&self) -> Result<(), Problem>;
}

/// A value that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key.
    pub key: &'static str,
    /// What its value must be, to be read behind "must be".
    pub must_be: String,
}

impl Problem {
    /// The problem of `key`, unless its value is right.
    ///
    /// # Errors
    /// The problem.
    pub fn unless(right: bool, key: &'static str, must_be: impl Into<String>) -> Result<(), Self> {
        if right {
            return Ok(());
        }
        Err(Self {
            key,
            must_be: must_be.into(),
        })
    }
}

/// The value of a default.
///
/// # Panics
/// If it is not written as its form demands: `defaults()` of a section panics in any test then.
#[doc(hidden)]
pub fn default<F: Form<T>, T>(text: &str) -> T {
    F::parse(text).unwrap_or_else(|| panic!("the default {text:?} is not {}", F::ACCEPTS))
}

/// Declares a [`Section`](crate::config::Section): a struct whose fields are `name: type as form =
/// "default"`. What the domain must be given by its builder, and no operator sets, stands behind it
/// in `given { … }`; `defaults` takes it in the same order.
#[macro_export]
macro_rules! section {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident in $table:literal {
            $( $(#[doc = $doc:literal])+ $key_vis:vis $key:ident: $ty:ty as $form:ty = $default:literal, )*
        }
        $(given {
            $( $(#[$given_meta:meta])* $given_vis:vis $given:ident: $given_ty:ty, )*
        })?
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $( $(#[doc = $doc])+ $key_vis $key: $ty, )*
            $($( $(#[$given_meta])* $given_vis $given: $given_ty, )*)?
        }

        impl $name {
            /// Every key at its default.
            $vis fn defaults($($( $given: $given_ty, )*)?) -> Self {
                Self {
                    $( $key: $crate::config::default::<$form, $ty>($default), )*
                    $($( $given, )*)?
                }
            }
        }

        impl $crate::config::Section for $name {
            const TABLE: &'static str = $table;
            const KEYS: &'static [$crate::config::Key] = &[
                $( $crate::config::Key {
                    name: stringify!($key),
                    default: $default,
                    accepts: <$form as $crate::config::Form<$ty>>::ACCEPTS,
                    quoted: <$form as $crate::config::Form<$ty>>::QUOTED,
                    meaning: &[$( $doc ),+],
                }, )*
            ];

            fn set(&mut self, key: &str, text: &str) -> Result<(), String> {
                match key {
                    $( stringify!($key) => {
                        self.$key = <$form as $crate::config::Form<$ty>>::parse(text)
                            .ok_or(<$form as $crate::config::Form<$ty>>::ACCEPTS)?;
                    } )*
                    _ => return Err(format!("a key of {}", $table)),
                }
                Ok(())
            }

            fn show(&self, key: &str) -> Option<String> {
                match key {
                    $( stringify!($key) => Some(<$form as $crate::config::Form<$ty>>::show(&self.$key)), )*
                    _ => None,
                }
            }
        }
    };
}
