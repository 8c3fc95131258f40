//! What the process answers: messages in JSON behind their length, a thumbnail's bytes behind its header.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::picture::{Made, PictureError, Thumbnail};

/// The most bytes of a message.
const MAX_MESSAGE: u32 = 64 * 1024;

/// A message of the process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Message {
    /// It has confined itself.
    Confined(Confinement),
    /// It decodes the original.
    Decoding,
    /// A thumbnail, whose bytes follow.
    Picture(ThumbnailHeader),
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

/// A thumbnail without its bytes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThumbnailHeader {
    pub name: String,
    pub format: String,
    pub width: u32,
    pub height: u32,
    pub byte_size: u32,
    /// How many there will be.
    pub of: usize,
}

/// Writes a message.
pub fn write_message(mut out: impl Write, message: &Message) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&text)?;
    out.flush()
}

/// Writes a thumbnail.
pub fn write_thumbnail(mut out: impl Write, thumbnail: &Thumbnail, of: usize) -> io::Result<()> {
    let header = ThumbnailHeader {
        name: thumbnail.name.to_owned(),
        format: thumbnail.format.extension().to_owned(),
        width: thumbnail.width,
        height: thumbnail.height,
        byte_size: u32::try_from(thumbnail.bytes.len()).map_err(io::Error::other)?,
        of,
    };
    write_message(&mut out, &Message::Picture(header))?;
    out.write_all(&thumbnail.bytes)?;
    out.flush()
}

/// Reads a message; `None` at the end.
pub async fn read_message(mut from: impl AsyncRead + Unpin) -> io::Result<Option<Message>> {
    let length = match from.read_u32_le().await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        length => length?,
    };
    if length > MAX_MESSAGE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length as usize];
    from.read_exact(&mut text).await?;
    Ok(Some(serde_json::from_slice(&text)?))
}
