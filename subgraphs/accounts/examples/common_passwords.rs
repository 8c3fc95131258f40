//! Makes the filter of common passwords of a list with one password a line, the most common first:
//! `common_passwords LIST FILTER`. Run by `common-passwords/generate.sh`.

use std::{collections::BTreeSet, env, error::Error, fs};

use xorf::BinaryFuse16;

#[path = "../src/app/password/common.rs"]
#[expect(dead_code, reason = "nobody is asked about a password here")]
mod common;

/// How many passwords are kept.
const KEPT: usize = 100_000;
/// The lengths that the rules for passwords accept, in characters: others need no filter.
const ACCEPTED: std::ops::RangeInclusive<usize> = 8..=256;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(list), Some(filter)) = (arguments.next(), arguments.next()) else {
        return Err("usage: common_passwords LIST FILTER".into());
    };
    let list = fs::read(list)?;
    let list = String::from_utf8_lossy(&list);
    let mut seen = BTreeSet::new();
    let passwords = list
        .lines()
        .map(str::to_lowercase)
        .filter(|password| ACCEPTED.contains(&password.chars().count()));
    for password in passwords {
        seen.insert(common::key(&password));
        if seen.len() == KEPT {
            break;
        }
    }
    let keys: Vec<u64> = seen.into_iter().collect();
    let made = BinaryFuse16::try_from(&keys)?;
    let bytes = common::write(&made);
    let again = common::read(&bytes).ok_or("the filter cannot be read back")?;
    if let Some(lost) = keys.iter().find(|key| !xorf::Filter::contains(&again, key)) {
        return Err(format!("{lost:x} is not in the filter").into());
    }
    fs::write(&filter, &bytes)?;
    println!(
        "{filter}: {} passwords in {} bytes",
        keys.len(),
        bytes.len()
    );
    Ok(())
}
