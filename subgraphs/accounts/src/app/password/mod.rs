//! Passwords: checking, hashing and verifying them.

pub mod claims;
mod common;
pub mod queue;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use atelier_kit::error::Error;

use crate::{config::AccountsConfig, error::AccountsErrorCode};
use queue::{Line, Turns};

/// The longest password, in bytes. A longer one would not be safer.
const LONGEST: usize = 256;
const SHORTEST: usize = 8;

/// Checks a new password; `about` holds what others know about its owner.
///
/// # Errors
/// `WEAK_PASSWORD` if it is too short, too long, a single repeated character, or what others know;
/// `PASSWORD_COMMON` if it is among the most common ones.
pub fn check(password: &str, about: &[&str]) -> Result<(), AccountsErrorCode> {
    let length = password.chars().count();
    let folded = password.to_lowercase();
    let first = password.chars().next();
    let guessable = password.chars().all(|letter| Some(letter) == first)
        || about
            .iter()
            .any(|known| known.chars().count() >= 4 && folded == known.to_lowercase());
    if length < SHORTEST || password.len() > LONGEST || guessable {
        return Err(AccountsErrorCode::WeakPassword);
    }
    if common::is_common(password) {
        return Err(AccountsErrorCode::PasswordCommon);
    }
    Ok(())
}

/// The result of verifying a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// The password is wrong, or there is no account.
    No,
    /// The password is right.
    Yes,
    /// The password is right, but its hash has outdated parameters and should be replaced.
    Outdated,
}

/// Hashes and verifies passwords, on other threads than those that serve requests.
pub struct Passwords {
    argon2: Argon2<'static>,
    turns: Turns,
}

impl Passwords {
    /// Creates a hasher with the configured cost.
    pub fn new(config: &AccountsConfig) -> Self {
        // A cost outside Argon2's limits falls back to its defaults.
        let params = Params::new(config.hash_cost.memory, config.hash_cost.passes, 1, None)
            .unwrap_or_default();
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            turns: Turns::new(config.hash_parallelism),
        }
    }

    /// Hashes a password; returns the PHC string.
    ///
    /// # Errors
    /// `RATE_LIMITED` if too many callers are waiting already.
    pub async fn hash(
        &self,
        password: String,
        salt: [u8; 16],
        line: Line,
    ) -> Result<String, Error> {
        let argon2 = self.argon2.clone();
        self.run(line, move || {
            let hash: PasswordHash = argon2
                .hash_password_with_salt(password.as_bytes(), &salt)
                .map_err(Error::internal)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Compares a password with a stored hash. Without a hash it does the same work, so that the
    /// time it takes does not reveal which accounts exist.
    ///
    /// # Errors
    /// `RATE_LIMITED` if too many callers are waiting already.
    pub async fn verify(
        &self,
        password: String,
        stored: Option<String>,
        line: Line,
    ) -> Result<Verified, Error> {
        let argon2 = self.argon2.clone();
        self.run(line, move || match stored {
            // No honest client sends one, so refusing it early reveals nothing.
            _ if password.len() > LONGEST * 4 => Ok(Verified::No),
            Some(stored) if stored.starts_with("$2") => Ok(verify_bcrypt(&password, &stored)),
            Some(stored) => verify_argon2(&argon2, &password, &stored),
            None => {
                let mut nothing = [0; 32];
                argon2
                    .hash_password_into(password.as_bytes(), &[0; 16], &mut nothing)
                    .map_err(Error::internal)?;
                Ok(Verified::No)
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        line: Line,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = self.turns.take(line).await?;
        // The turn ends with the work, even if the caller has left.
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
        .map_err(Error::internal)?
    }
}

fn verify_bcrypt(password: &str, stored: &str) -> Verified {
    // A stored hash that cannot be read matches no password.
    match bcrypt::verify(password, stored) {
        Ok(true) => Verified::Outdated,
        Ok(false) | Err(_) => Verified::No,
    }
}

fn verify_argon2(argon2: &Argon2<'_>, password: &str, stored: &str) -> Result<Verified, Error> {
    let hash = PasswordHash::new(stored).map_err(Error::internal)?;
    if argon2.verify_password(password.as_bytes(), &hash).is_err() {
        return Ok(Verified::No);
    }
    let current = argon2.params();
    let same = hash.algorithm.as_str() == Algorithm::Argon2id.as_str()
        && Params::try_from(&hash).is_ok_and(|used| {
            (used.m_cost(), used.t_cost(), used.p_cost())
                == (current.m_cost(), current.t_cost(), current.p_cost())
        });
    Ok(if same {
        Verified::Yes
    } else {
        Verified::Outdated
    })
}

#[cfg(test)]
mod tests {
    use atelier_kit::actor::Actor;

    use super::*;
    use crate::config::HashCost;

    fn line() -> Line {
        Line::sign_in(&Actor::anonymous())
    }

    fn passwords(memory: u32) -> Passwords {
        Passwords::new(&AccountsConfig {
            hash_cost: HashCost { memory, passes: 1 },
            ..AccountsConfig::new([0; 32])
        })
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_or_kind_is_outdated() {
        let old = passwords(64)
            .hash("correct horse".to_owned(), [7; 16], line())
            .await
            .unwrap();
        assert!(old.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{old}");
        let verify = |password: &str, stored: &str| {
            let (password, stored) = (password.to_owned(), stored.to_owned());
            async move {
                passwords(128)
                    .verify(password, Some(stored), line())
                    .await
                    .unwrap()
            }
        };
        assert_eq!(
            passwords(64)
                .verify("correct horse".into(), Some(old.clone()), line())
                .await
                .unwrap(),
            Verified::Yes
        );
        assert_eq!(verify("correct horse", &old).await, Verified::Outdated);
        assert_eq!(verify("wrong horse", &old).await, Verified::No);
        let bcrypt = bcrypt::hash("correct horse", 4).unwrap();
        assert_eq!(verify("correct horse", &bcrypt).await, Verified::Outdated);
        assert_eq!(verify("wrong horse", &bcrypt).await, Verified::No);
        assert_eq!(verify("x", "$2b$damaged").await, Verified::No);
        assert_eq!(
            passwords(64)
                .verify("correct horse".into(), None, line())
                .await
                .unwrap(),
            Verified::No
        );
    }

    #[test]
    fn passwords_that_are_guessed_first_are_refused() {
        for password in ["", "short7!", "zzzzzzzzzzzz", "Margaret", &"x1".repeat(200)] {
            assert_eq!(
                check(password, &["margaret"]),
                Err(AccountsErrorCode::WeakPassword),
                "{password}"
            );
        }
        for password in ["password123", "PassWord123", "1q2w3e4r5t"] {
            assert_eq!(check(password, &[]), Err(AccountsErrorCode::PasswordCommon));
        }
        assert_eq!(check("correct horse", &["margaret"]), Ok(()));
        assert_eq!(check("密码很长很安全的", &[]), Ok(()));
    }
}
