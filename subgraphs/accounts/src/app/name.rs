//! Usernames and email addresses: what is acceptable, and when two are the same.

use unicode_normalization::UnicodeNormalization;
use unicode_security::{GeneralSecurityProfile, MixedScript, skeleton};

use super::text;
use crate::error::AccountsErrorCode;

/// A username in the three forms that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    /// As its owner writes it (NFKC).
    pub shown: String,
    /// In lower case, for looking it up.
    pub folded: String,
    /// With look-alike letters made the same (UTS 39 §4), for uniqueness.
    pub skeleton: String,
}

/// Names that would pass for the installation itself, or for a place in it.
const RESERVED: &[&str] = &[
    "abuse",
    "account",
    "accounts",
    "admin",
    "administrator",
    "anonymous",
    "api",
    "atelier",
    "billing",
    "bot",
    "contact",
    "deleted",
    "everyone",
    "graphql",
    "guest",
    "help",
    "here",
    "hostmaster",
    "info",
    "login",
    "logout",
    "mail",
    "me",
    "mod",
    "moderator",
    "news",
    "nobody",
    "null",
    "official",
    "owner",
    "password",
    "postmaster",
    "register",
    "root",
    "security",
    "service",
    "settings",
    "shop",
    "signin",
    "signup",
    "staff",
    "status",
    "superuser",
    "support",
    "sysadmin",
    "system",
    "team",
    "undefined",
    "user",
    "users",
    "webmaster",
    "worker",
    "www",
];

/// Folds a name as it is looked up.
pub fn fold(name: &str) -> String {
    text::clean(name).nfkc().collect::<String>().to_lowercase()
}

fn skeleton_of(folded: &str) -> String {
    // The prototype of a look-alike can be a capital: fold again.
    skeleton(folded).collect::<String>().to_lowercase()
}

impl Username {
    /// The forms of a name, whatever it is.
    pub fn unchecked(name: &str) -> Self {
        let shown: String = name.trim().nfkc().collect();
        let folded = fold(name);
        Self {
            skeleton: skeleton_of(&folded),
            shown,
            folded,
        }
    }

    /// Checks a name that somebody wants.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn parse(name: &str) -> Result<Self, AccountsErrorCode> {
        // Cut before normalising: a hostile text can grow.
        if name.len() > 256 {
            return Err(AccountsErrorCode::UsernameInvalid);
        }
        let parsed = Self::unchecked(name);
        let length = parsed.shown.chars().count();
        let acceptable = |letter: char| {
            letter.is_alphanumeric() && letter.identifier_allowed()
                || matches!(letter, '_' | '-' | '.')
        };
        let ends = [
            parsed.shown.chars().next(),
            parsed.shown.chars().next_back(),
        ];
        let valid = (2..=30).contains(&length)
            && parsed.shown.chars().all(acceptable)
            && ends
                .iter()
                .all(|end| end.is_some_and(char::is_alphanumeric))
            && parsed.shown.as_str().is_single_script();
        if !valid {
            return Err(AccountsErrorCode::UsernameInvalid);
        }
        let bare: String = parsed
            .folded
            .chars()
            .filter(|letter| letter.is_alphanumeric())
            .collect();
        // A digit one passes for two letters; the skeleton takes it for only one of them.
        let read = [skeleton_of(&bare), skeleton_of(&bare.replace('1', "i"))];
        if RESERVED
            .iter()
            .any(|reserved| read.contains(&skeleton_of(reserved)))
        {
            return Err(AccountsErrorCode::UsernameReserved);
        }
        Ok(parsed)
    }
}

/// An email address in the two forms that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress {
    /// As its owner writes it.
    pub shown: String,
    /// In lower case, for looking it up and for uniqueness.
    pub folded: String,
}

impl EmailAddress {
    /// Checks an address: the dot-atom form of RFC 5322 with a domain of at least two labels.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(address: &str) -> Result<Self, AccountsErrorCode> {
        let shown = address.trim();
        let valid = shown.len() <= 254
            && shown.split_once('@').is_some_and(|(local, domain)| {
                let atom = |atom: &str| {
                    !atom.is_empty()
                        && atom.bytes().all(|byte| {
                            byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte)
                        })
                };
                let label = |label: &str| {
                    (1..=63).contains(&label.len())
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                        && label
                            .bytes()
                            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                };
                local.len() <= 64
                    && local.split('.').all(atom)
                    && domain.contains('.')
                    && domain.split('.').all(label)
            });
        if valid {
            Ok(Self {
                shown: shown.to_owned(),
                folded: shown.to_lowercase(),
            })
        } else {
            Err(AccountsErrorCode::EmailInvalid)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_the_same() {
        let skeleton = |name| Username::parse(name).map(|name| name.skeleton);
        assert_eq!(skeleton("Alice"), skeleton("a1ice"));
        assert_eq!(skeleton("CAFÉ"), skeleton("café"));
        assert_eq!(skeleton("modern"), skeleton("rnodern"));
        // A whole name in Cyrillic letters that look Latin.
        assert_eq!(skeleton("\u{440}\u{430}\u{440}\u{430}"), skeleton("papa"));
        assert_ne!(skeleton("alice"), skeleton("alicia"));
    }

    #[test]
    fn names_of_many_scripts_are_accepted_and_mixtures_are_not() {
        for name in [
            "ab",
            "Zoë.W",
            "小明",
            "さくら",
            "김민준",
            "алексей",
            "a_b-c9",
        ] {
            assert!(Username::parse(name).is_ok(), "{name}");
        }
        let long = "x".repeat(31);
        let huge = "\u{fdfa}".repeat(10_000);
        for name in [
            "",
            "a",
            "-ab",
            "ab.",
            "a b",
            "a@b",
            "a\u{200b}b",
            "\u{440}aypal",
            "a/b",
            "😀😀",
            &long,
            &huge,
        ] {
            assert_eq!(
                Username::parse(name),
                Err(AccountsErrorCode::UsernameInvalid),
                "{name:.20}"
            );
        }
    }

    #[test]
    fn reserved_names_and_their_look_alikes_are_refused() {
        for name in [
            "admin",
            "Admin",
            "adm1n",
            "root",
            "r00t",
            "a.d.m.i.n",
            "ATELIER",
            "sys-tem",
        ] {
            assert_eq!(
                Username::parse(name),
                Err(AccountsErrorCode::UsernameReserved),
                "{name}"
            );
        }
    }

    #[test]
    fn addresses_are_checked_and_folded() {
        assert_eq!(
            EmailAddress::parse(" Ada@Example.ORG ").unwrap().folded,
            "ada@example.org"
        );
        for address in [
            "",
            "ada",
            "ada@",
            "@example.org",
            "a b@example.org",
            "ada@localhost",
            "ada@-a.org",
            "a..b@example.org",
            "ada@exa mple.org",
            "a@b@example.org",
        ] {
            assert_eq!(
                EmailAddress::parse(address),
                Err(AccountsErrorCode::EmailInvalid),
                "{address}"
            );
        }
    }
}
