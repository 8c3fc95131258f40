//! `atelier keys`: with which processes prove themselves to each other.

use atelier_kit::{actor::KeyFolder, clock::random_bytes};

use crate::{cli::KeysCommand, say::say};

/// Makes or retires keys.
///
/// # Errors
/// If the files cannot be read or written.
pub fn run(command: &KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::New { parts, dir } => {
            KeyFolder::new(dir).make(parts, random_bytes)?;
            say(format_args!(
                "New keys for {} are in {}. Give trusted.json to every process, then each .key file to the processes of that name only.",
                parts.join(", "),
                dir.display()
            ));
        }
        KeysCommand::Retire { dir } => {
            let retired = KeyFolder::new(dir).retire()?;
            say(format_args!("{retired} key(s) are no longer trusted."));
        }
    }
    Ok(())
}
