//! What the process tells: words in JSON behind their length, a picture's bytes behind its word.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::picture::{Made, MadePicture, PictureError};

/// The most bytes of a word.
const MAX_WORD: u32 = 64 * 1024;

/// What the process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Word {
    /// It has confined itself.
    Confined(Confinement),
    /// It decodes the original.
    Decoding,
    /// A smaller picture, whose bytes follow.
    Picture(PictureWord),
    /// All is done.
    Done(Box<Made>),
    /// Nothing comes of it.
    Failed(PictureError),
}

/// How the process is confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// Memory is limited by the kernel.
    pub memory: bool,
    /// Only the system calls of a computation are left.
    pub calls: bool,
}

/// A smaller picture without its bytes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureWord {
    pub name: String,
    pub format: String,
    pub width: u32,
    pub height: u32,
    pub byte_size: u32,
    /// How many there will be.
    pub of: usize,
}

/// Writes a word.
pub fn say(mut out: impl Write, word: &Word) -> io::Result<()> {
    let text = serde_json::to_vec(word)?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&text)?;
    out.flush()
}

/// Writes a smaller picture.
pub fn say_picture(mut out: impl Write, picture: &MadePicture, of: usize) -> io::Result<()> {
    let word = PictureWord {
        name: picture.name.to_owned(),
        format: picture.format.as_str().to_owned(),
        width: picture.width,
        height: picture.height,
        byte_size: u32::try_from(picture.bytes.len()).map_err(io::Error::other)?,
        of,
    };
    say(&mut out, &Word::Picture(word))?;
    out.write_all(&picture.bytes)?;
    out.flush()
}

/// Reads a word; `None` at the end.
pub async fn hear(mut from: impl AsyncRead + Unpin) -> io::Result<Option<Word>> {
    let length = match from.read_u32_le().await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        length => length?,
    };
    if length > MAX_WORD {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length as usize];
    from.read_exact(&mut text).await?;
    Ok(Some(serde_json::from_slice(&text)?))
}
