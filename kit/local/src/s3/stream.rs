//! Giving bytes out: a part of a file as a stream, read in pieces where blocking is allowed.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use s3s::StdError;
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};

use super::error::StoreError;
use super::receive::blocking;

/// The size of one read.
const PIECE: u64 = 256 * 1024;

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, StdError>> + Send + Sync>>;

/// A stream that knows how much is left, so that the answer carries a Content-Length.
struct Sized {
    pieces: Pieces,
    left: u64,
}

impl Stream for Sized {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.pieces.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            self.left = self.left.saturating_sub(bytes.len() as u64);
        }
        polled
    }
}

impl ByteStream for Sized {
    fn remaining_length(&self) -> RemainingLength {
        usize::try_from(self.left)
            .map_or_else(|_| RemainingLength::unknown(), RemainingLength::new_exact)
    }
}

/// The first piece of `range`; read by whoever opened the file anyway, a small object needs no
/// second hop.
pub(super) fn first_piece(file: &File, range: &Range<u64>) -> Result<Bytes, StoreError> {
    read_piece(file, range)
}

/// `range` of `file` as a body that begins with `first`.
pub(super) fn body(file: File, range: Range<u64>, first: Bytes) -> StreamingBlob {
    let left = range.end - range.start;
    let rest = range.start + first.len() as u64..range.end;
    let head = futures::stream::iter((!first.is_empty()).then_some(Ok(first)));
    let tail = futures::stream::unfold((file, rest), |(file, rest)| async move {
        if rest.is_empty() {
            return None;
        }
        let read = blocking(move || {
            let piece = read_piece(&file, &rest)?;
            Ok((file, rest, piece))
        });
        match read.await {
            Ok((file, rest, piece)) => {
                let rest = rest.start + piece.len() as u64..rest.end;
                Some((Ok(piece), (file, rest)))
            }
            // The stream ends here, short of its Content-Length: the receiver sees the fault.
            Err(error) => {
                tracing::error!(%error, "s3 object could not be read to its end");
                None
            }
        }
    });
    let pieces: Pieces = Box::pin(futures::StreamExt::chain(head, tail));
    StreamingBlob::new(Sized { pieces, left })
}

fn read_piece(file: &File, range: &Range<u64>) -> Result<Bytes, StoreError> {
    let length = (range.end - range.start).min(PIECE);
    let mut piece = vec![0_u8; usize::try_from(length).unwrap_or(0)];
    file.read_exact_at(&mut piece, range.start)?;
    Ok(Bytes::from(piece))
}
