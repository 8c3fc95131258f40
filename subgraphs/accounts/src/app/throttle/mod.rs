//! Slowing down repeated guesses and registrations.
//!
//! Each attempt beyond the free ones doubles the wait. Attempts are counted before they are
//! checked, so sending many at once gains nothing. The counters are in Redis, shared by all
//! processes; while it is unavailable, each process counts for itself.
//!
//! Guesses at an account are counted by network, so that attackers lock out nobody but themselves.
//! A device that has signed in before has its own counter, whatever happens in its network. Many
//! networks together are slowed down by a counter of the account, to which each network adds only
//! its free guesses.

mod local;

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use atelier_kit::actor::Actor;

use super::{Accounts, device::Device, network};
pub use local::Local;

/// A counter that an attempt is charged to.
#[derive(Debug, Clone)]
pub struct Counter {
    key: String,
    /// The number of attempts without a wait.
    free: u32,
    /// After this time without an attempt, the counter is forgotten.
    forget: TimeDelta,
}

/// The outcome of charging an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The time to wait, if the attempt is refused.
    pub refused: Option<TimeDelta>,
    /// Whether it was one of the free ones.
    pub free: bool,
}

/// The longest wait.
const LONGEST: TimeDelta = TimeDelta::minutes(15);
/// Free guesses at an account from one network or device, or within one session.
const GUESSES: u32 = 5;
/// Free guesses at an account from new devices anywhere.
const GUESSES_ANYWHERE: u32 = 60;
/// Free guesses at any accounts from one network, which many people may share.
const GUESSES_OF_NETWORK: u32 = 50;
/// The number of networks that an IPv6 /48 counts as.
const SITE: u32 = 5;

/// Returns the milliseconds left to wait, or counts the attempt and returns 0; and the count.
const ATTEMPT: &str = "
local now, free, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HMGET', KEYS[1], 'count', 'until')
local count, wait_until = tonumber(state[1]) or 0, tonumber(state[2]) or 0
if wait_until > now then return {wait_until - now, count} end
count = count + 1
local wait = 0
if count > free then wait = math.min(longest, 1000 * 2 ^ math.min(count - free - 1, 30)) end
redis.call('HSET', KEYS[1], 'count', count, 'until', string.format('%.0f', now + wait))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {0, count}";

/// Removes a successful attempt from a counter that others share.
const FORGIVE: &str = "
local count = tonumber(redis.call('HGET', KEYS[1], 'count')) or 0
if count > 0 then redis.call('HSET', KEYS[1], 'count', count - 1, 'until', 0) end
return 0";

fn digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..12])
}

impl Counter {
    fn new(of: &str, what: &str, free: u32) -> Self {
        Self {
            key: format!("accounts:throttle:{of}:{}", digest(what)),
            free,
            forget: TimeDelta::hours(24),
        }
    }

    /// Counts guesses at an account from the caller's network, by the given name or address. Names
    /// without an account are counted in the same way. The name itself is not stored.
    pub fn guesses(folded: &str, actor: &Actor) -> Self {
        let what = format!("{} {folded}", network::of(actor));
        Self::new("guesses", &what, GUESSES)
    }

    /// Counts guesses at an account from a device on which its owner has signed in before.
    pub fn device(device: &Device) -> Self {
        Self::new("device", &device.id(), GUESSES)
    }

    /// Counts guesses at an account from all new devices.
    pub fn guesses_anywhere(folded: &str) -> Self {
        Self::new("account", folded, GUESSES_ANYWHERE)
    }

    /// Counts guesses at any accounts from the caller's network.
    pub fn network(actor: &Actor) -> Option<Self> {
        let network = network::known(actor)?;
        Some(Self::new("address", &network, GUESSES_OF_NETWORK))
    }

    /// Counts guesses at the caller's password within the session in use.
    pub fn step_up(actor: &Actor) -> Self {
        let session = actor.session_id().map(|session| session.to_string());
        Self::new("step-up", &session.unwrap_or_default(), GUESSES)
    }

    /// Counts registrations from the caller's network, whatever their outcome; `free` of them are
    /// not slowed down.
    pub fn registrations(actor: &Actor, free: u32) -> Vec<Self> {
        let network = network::known(actor).map(|network| (network, free));
        let site = network::site(actor).map(|site| (site, free.saturating_mul(SITE)));
        let counter = |(network, free): (String, u32)| Self {
            forget: TimeDelta::hours(6),
            ..Self::new("registration", &network, free)
        };
        network.into_iter().chain(site).map(counter).collect()
    }
}

impl Accounts {
    /// Charges an attempt to a counter, unless the counter refuses it.
    pub async fn attempt(&self, counter: &Counter) -> Attempt {
        let now = self.now().timestamp_millis();
        let mut command = redis::cmd("EVAL");
        command
            .arg(ATTEMPT)
            .arg(1)
            .arg(self.deps.redis.key(&counter.key))
            .arg(now)
            .arg(counter.free)
            .arg(LONGEST.num_milliseconds())
            .arg(counter.forget.num_milliseconds());
        let (wait, count) = match self.deps.redis.query_once::<(i64, u32)>(&command).await {
            Ok(counted) => counted,
            Err(cause) => {
                tracing::warn!(error = %cause, "attempts are counted by this process alone: Redis does not answer");
                self.attempts
                    .attempt(counter, now, LONGEST.num_milliseconds())
            }
        };
        Attempt {
            refused: (wait > 0).then(|| TimeDelta::milliseconds(wait)),
            free: count <= counter.free,
        }
    }

    /// Charges an attempt to each counter in order; returns the time to wait if one of them refuses
    /// it.
    pub async fn attempt_all(&self, counters: &[Counter]) -> Option<TimeDelta> {
        for counter in counters {
            let attempt = self.attempt(counter).await;
            if attempt.refused.is_some() {
                return attempt.refused;
            }
        }
        None
    }

    /// Clears a counter after a successful attempt.
    pub async fn clear(&self, counter: &Counter) {
        self.attempts.clear(counter);
        let mut command = redis::cmd("DEL");
        command.arg(self.deps.redis.key(&counter.key));
        let forgotten: Result<(), _> = self.deps.redis.query_once(&command).await;
        if let Err(cause) = forgotten {
            tracing::debug!(error = %cause, "failures were not forgotten");
        }
    }

    /// Removes a successful attempt from a counter.
    pub async fn forgive(&self, counter: &Counter) {
        self.attempts.forgive(counter);
        let mut command = redis::cmd("EVAL");
        command
            .arg(FORGIVE)
            .arg(1)
            .arg(self.deps.redis.key(&counter.key));
        let forgiven: Result<i64, _> = self.deps.redis.query_once(&command).await;
        if let Err(cause) = forgiven {
            tracing::debug!(error = %cause, "an attempt was not forgiven");
        }
    }
}

/// Returns the wait in whole seconds, rounded up.
pub fn seconds(wait: TimeDelta) -> i64 {
    (wait.num_milliseconds() + 999) / 1000
}
