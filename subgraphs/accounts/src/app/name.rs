//! Usernames, display names and email addresses: which are valid, and when two are the same.

use unicode_normalization::UnicodeNormalization;
use unicode_security::{GeneralSecurityProfile, MixedScript, skeleton};

use atelier_kit::error::Refusal;

use super::{reserved, text};
use crate::error::AccountsErrorCode;

/// The longest display name.
const DISPLAY_NAME: usize = 64;

/// A username in the three forms that are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    /// As its owner writes it, in NFKC.
    pub shown: String,
    /// In lower case, for lookups.
    pub folded: String,
    /// With look-alike letters unified (UTS 39 §4), for uniqueness.
    pub skeleton: String,
}

/// Folds a name for lookups.
pub fn fold(name: &str) -> String {
    text::clean(name).nfkc().collect::<String>().to_lowercase()
}

/// Returns the skeleton of a name as it is shown: names that look alike have the same skeleton.
///
/// In addition to UTS 39 §4, upper and lower case are the same, and so are `i` and `l`, because a
/// capital `I` looks like an `l`.
fn skeleton_of(shown: &str) -> String {
    let once: String = skeleton(shown).collect();
    // Lower case can bring new look-alikes: `M` looks like no other letter, but `m` looks like
    // `rn`.
    let twice: String = skeleton(&once.to_lowercase()).collect();
    twice.to_lowercase().replace('i', "l")
}

/// Whether a name, or one of its words, suggests the installation or its staff.
fn is_reserved(shown: &str) -> bool {
    let is = |name: &str, names: &[&str]| {
        let read = skeleton_of(name);
        names.iter().any(|reserved| skeleton_of(reserved) == read)
    };
    let bare: String = shown
        .chars()
        .filter(|letter| letter.is_alphanumeric())
        .collect();
    let mut words = shown.split(|letter: char| !letter.is_alphanumeric());
    is(&bare, reserved::NAMES)
        || words.any(|word| !word.is_empty() && is(word, reserved::WORDS))
        || reserved::PARTS.iter().any(|part| bare.contains(part))
}

/// Checks a display name and returns it as it is stored: in one line, possibly empty.
///
/// # Errors
/// `TOO_LONG`, or `DISPLAY_NAME_RESERVED` for a name that suggests the installation or its staff.
pub fn display(name: &str) -> Result<String, Refusal<AccountsErrorCode>> {
    let refused = |code| Refusal::new(code, "input.displayName");
    let shown: String = text::line(name).nfc().collect();
    if shown.chars().count() > DISPLAY_NAME {
        return Err(refused(AccountsErrorCode::TooLong).with("max", DISPLAY_NAME));
    }
    if is_reserved(&shown.nfkc().collect::<String>()) {
        return Err(refused(AccountsErrorCode::DisplayNameReserved));
    }
    Ok(shown)
}

impl Username {
    /// Returns the forms of a name without checking it.
    pub fn unchecked(name: &str) -> Self {
        let shown: String = name.trim().nfkc().collect();
        let folded = fold(name);
        Self {
            skeleton: skeleton_of(&shown),
            shown,
            folded,
        }
    }

    /// Checks a requested username.
    ///
    /// # Errors
    /// The code of the rule that it breaks.
    pub fn parse(name: &str) -> Result<Self, AccountsErrorCode> {
        // Limited before it is normalised, because a hostile text can grow.
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
        if is_reserved(&parsed.shown) {
            return Err(AccountsErrorCode::UsernameReserved);
        }
        Ok(parsed)
    }
}

/// An email address in the two forms that are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress {
    /// As its owner writes it.
    pub shown: String,
    /// In lower case, for lookups and for uniqueness.
    pub folded: String,
}

impl EmailAddress {
    /// Checks an address: the dot-atom form of RFC 5322 with a domain of at least two labels.
    ///
    /// # Errors
    /// `EMAIL_INVALID` if it is not an address.
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
        // A capital i for a small l, and the other way round.
        assert_eq!(skeleton("paypaI"), skeleton("paypal"));
        assert_eq!(skeleton("ALlCE"), skeleton("alice"));
        assert_eq!(skeleton("Mark"), skeleton("rnark"));
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
            "officiaI",
            "Offlcial",
            "the.official.bob",
            "support-7",
            "官方小明",
        ] {
            assert_eq!(
                Username::parse(name),
                Err(AccountsErrorCode::UsernameReserved),
                "{name}"
            );
        }
    }

    #[test]
    fn display_names_do_not_pass_for_the_people_who_run_the_place() {
        let refused = |name| display(name).map_err(|refusal| refusal.code);
        for name in [
            "Admin",
            "Atelier Support",
            "A d m i n",
            "officiaI",
            "Ａｄｍｉｎ",
            "\u{202e}Moderator",
            "Staff\u{200b}",
            "本站官方客服",
        ] {
            let code = AccountsErrorCode::DisplayNameReserved;
            assert_eq!(refused(name), Err(code), "{name}");
        }
        for name in [
            "Ada Lovelace",
            "Supportive Bob",
            "Team Rocket",
            "小明",
            "",
            "👩\u{200d}🎨 Zoë",
        ] {
            assert_eq!(refused(name), Ok(name.to_owned()), "{name}");
        }
        assert_eq!(refused("Ada\n\u{202e}L."), Ok("Ada L.".to_owned()));
        assert_eq!(refused(&"x".repeat(65)), Err(AccountsErrorCode::TooLong));
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
