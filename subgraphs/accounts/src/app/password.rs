//! Passwords: which are acceptable, hashing and verifying.

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use atelier_kit::error::{Error, ErrorCode};
use tokio::sync::Semaphore;

use crate::{config::AccountsConfig, error::AccountsErrorCode};

/// The most callers that wait for their turn; a flood is refused instead of queued.
const QUEUE: usize = 128;
/// The longest wait for a turn.
const WAIT: Duration = Duration::from_secs(10);
/// A longer password is no safer and more work.
const LONGEST: usize = 256;
const SHORTEST: usize = 8;

/// Passwords that are tried first by everybody who guesses.
const COMMON: &[&str] = &[
    "00000000",
    "11111111",
    "12341234",
    "12345678",
    "123456789",
    "1234567890",
    "123123123",
    "1q2w3e4r",
    "1qaz2wsx",
    "88888888",
    "87654321",
    "aa123456",
    "abc12345",
    "abcd1234",
    "admin123",
    "asdfghjkl",
    "baseball",
    "changeme",
    "dragon123",
    "football",
    "iloveyou",
    "letmein1",
    "password",
    "password1",
    "password123",
    "passw0rd",
    "p@ssw0rd",
    "princess",
    "qwerty12",
    "qwerty123",
    "qwertyui",
    "qwertyuiop",
    "sunshine",
    "superman",
    "trustno1",
    "welcome1",
    "woaini1314",
    "zxcvbnm1",
];

/// Checks a password that somebody wants; `about` is what others know about them.
///
/// # Errors
/// If it is too short, too long, or among the first guesses.
pub fn check(password: &str, about: &[&str]) -> Result<(), AccountsErrorCode> {
    let length = password.chars().count();
    let folded = password.to_lowercase();
    let first = password.chars().next();
    let guessable = COMMON.contains(&folded.as_str())
        || password.chars().all(|letter| Some(letter) == first)
        || about
            .iter()
            .any(|known| known.chars().count() >= 4 && folded == known.to_lowercase());
    if length < SHORTEST || password.len() > LONGEST || guessable {
        return Err(AccountsErrorCode::WeakPassword);
    }
    Ok(())
}

/// What became of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// Another password, or no account.
    No,
    /// The password.
    Yes,
    /// The password, but hashed in a way that is no longer used: hash it anew.
    Outdated,
}

/// Hashes and compares passwords, away from the threads that serve requests.
pub struct Passwords {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Passwords {
    /// A hasher with the configured cost.
    pub fn new(config: &AccountsConfig) -> Self {
        // A cost outside of argon2's limits falls back to its recommendation.
        let params = Params::new(config.hash_cost.memory, config.hash_cost.passes, 1, None)
            .unwrap_or_default();
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            turns: Arc::new(Semaphore::new(config.hash_parallelism.max(1))),
            queue: Arc::new(Semaphore::new(QUEUE)),
        }
    }

    /// The PHC string of a password.
    ///
    /// # Errors
    /// `RATE_LIMITED` when too many wait already.
    pub async fn hash(&self, password: String, salt: [u8; 16]) -> Result<String, Error> {
        let argon2 = self.argon2.clone();
        self.run(move || {
            let hash: PasswordHash = argon2
                .hash_password_with_salt(password.as_bytes(), &salt)
                .map_err(Error::internal)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Compares a password with a stored hash. Without one it does the same work for nothing, so
    /// that nobody learns from the time it takes which accounts exist.
    ///
    /// # Errors
    /// `RATE_LIMITED` when too many wait already.
    pub async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<Verified, Error> {
        let argon2 = self.argon2.clone();
        self.run(move || match stored {
            // No honest client sends one: it costs nothing to refuse.
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
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let busy = || Error::new(ErrorCode::RateLimited);
        let place = Arc::clone(&self.queue)
            .try_acquire_owned()
            .map_err(|_| busy())?;
        let turn = tokio::time::timeout(WAIT, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| busy())?;
        let turn = turn.map_err(Error::internal)?;
        // The turn goes along: it is over when the work is, even if the caller has left.
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop((turn, place));
            done
        })
        .await
        .map_err(Error::internal)?
    }
}

fn verify_bcrypt(password: &str, stored: &str) -> Verified {
    // A stored hash that cannot be read lets nobody in.
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
    use super::*;
    use crate::config::HashCost;

    fn passwords(memory: u32) -> Passwords {
        Passwords::new(&AccountsConfig {
            hash_cost: HashCost { memory, passes: 1 },
            ..AccountsConfig::new([0; 32])
        })
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_or_kind_is_outdated() {
        let old = passwords(64)
            .hash("correct horse".to_owned(), [7; 16])
            .await
            .unwrap();
        assert!(old.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{old}");
        let verify = |password: &str, stored: &str| {
            let (password, stored) = (password.to_owned(), stored.to_owned());
            async move { passwords(128).verify(password, Some(stored)).await.unwrap() }
        };
        assert_eq!(
            passwords(64)
                .verify("correct horse".into(), Some(old.clone()))
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
                .verify("correct horse".into(), None)
                .await
                .unwrap(),
            Verified::No
        );
    }

    #[test]
    fn passwords_that_are_guessed_first_are_refused() {
        for password in [
            "",
            "short7!",
            "password123",
            "PassWord123",
            "zzzzzzzzzzzz",
            "Margaret",
            &"x1".repeat(200),
        ] {
            assert_eq!(
                check(password, &["margaret"]),
                Err(AccountsErrorCode::WeakPassword),
                "{password}"
            );
        }
        assert_eq!(check("correct horse", &["margaret"]), Ok(()));
        assert_eq!(check("密码很长很安全的", &[]), Ok(()));
    }
}
