//! Slowing down those who guess.
//!
//! Each failure beyond the free ones doubles the wait, per account and per address. Attempts are
//! counted before they are judged, so many at once gain nothing. The counters are in Redis; while it
//! is down nobody is locked out, and hashing's own bounded queue is what slows guessing.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::Accounts;

/// A counter that an attempt is charged to.
#[derive(Debug, Clone)]
pub struct Counter {
    key: String,
    /// Failures before there is any wait.
    free: u32,
}

/// The longest wait.
const LONGEST: TimeDelta = TimeDelta::minutes(15);
/// After so long without an attempt everything is forgotten.
const FORGET: TimeDelta = TimeDelta::hours(24);

/// Answers how many milliseconds are left to wait, or counts the attempt and answers 0.
const ATTEMPT: &str = "
local now, free, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HMGET', KEYS[1], 'count', 'until')
local count, wait_until = tonumber(state[1]) or 0, tonumber(state[2]) or 0
if wait_until > now then return wait_until - now end
count = count + 1
local wait = 0
if count > free then wait = math.min(longest, 1000 * 2 ^ math.min(count - free - 1, 30)) end
redis.call('HSET', KEYS[1], 'count', count, 'until', string.format('%.0f', now + wait))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 0";

/// Takes a successful attempt back out of a counter that others share.
const FORGIVE: &str = "
local count = tonumber(redis.call('HGET', KEYS[1], 'count')) or 0
if count > 0 then redis.call('HSET', KEYS[1], 'count', count - 1, 'until', 0) end
return 0";

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Counter {
    /// Attempts on an account, by the name or address it was called. Names that nobody has are
    /// counted alike. The name itself is not kept.
    pub fn account(folded: &str) -> Self {
        Self {
            key: format!("accounts:throttle:account:{}", digest(folded)),
            free: 5,
        }
    }

    /// Attempts to sign in from an address, behind which many people may sit.
    pub fn address(ip: &str) -> Self {
        Self {
            key: format!("accounts:throttle:address:{}", digest(ip)),
            free: 50,
        }
    }

    /// Registrations from an address that were refused because a name was taken.
    pub fn registrations(ip: &str) -> Self {
        Self {
            key: format!("accounts:throttle:registration:{}", digest(ip)),
            free: 20,
        }
    }
}

impl Accounts {
    /// Charges an attempt to each counter, in order; the time to wait if one of them refuses it.
    pub async fn attempt(&self, counters: &[Counter]) -> Option<TimeDelta> {
        for counter in counters {
            let mut command = redis::cmd("EVAL");
            command
                .arg(ATTEMPT)
                .arg(1)
                .arg(self.deps.redis.key(&counter.key))
                .arg(self.now().timestamp_millis())
                .arg(counter.free)
                .arg(LONGEST.num_milliseconds())
                .arg(FORGET.num_milliseconds());
            match self.deps.redis.query_once::<i64>(&command).await {
                Ok(0) => {}
                Ok(wait) => return Some(TimeDelta::milliseconds(wait)),
                Err(cause) => {
                    tracing::warn!(error = %cause, "attempts are not counted: Redis does not answer")
                }
            }
        }
        None
    }

    /// Forgets the failures of a counter: its owner has proved themselves.
    pub async fn clear(&self, counter: &Counter) {
        let mut command = redis::cmd("DEL");
        command.arg(self.deps.redis.key(&counter.key));
        let forgotten: Result<(), _> = self.deps.redis.query_once(&command).await;
        if let Err(cause) = forgotten {
            tracing::debug!(error = %cause, "failures were not forgotten");
        }
    }

    /// Takes back the charge of an attempt that was honest.
    pub async fn forgive(&self, counter: &Counter) {
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

/// Whole seconds to wait, rounded up.
pub fn seconds(wait: TimeDelta) -> i64 {
    (wait.num_milliseconds() + 999) / 1000
}
