//! The process's own side.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{
    Order, confine,
    wire::{Message, write_message, write_thumbnail},
};
use crate::picture::{self, PictureError, Stage};

/// Why the work stopped.
enum Ended {
    /// The picture's fault.
    Picture(PictureError),
    /// Nobody listens.
    Unheard,
}

impl From<PictureError> for Ended {
    fn from(error: PictureError) -> Self {
        Self::Picture(error)
    }
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self::Unheard
    }
}

/// The whole life of a process that works on one picture: `order` is its argument, the picture its
/// standard input, the answer its standard output. To be called first thing in `main`, while there
/// is one thread.
pub fn run(order: &str) -> ExitCode {
    let Ok(order) = serde_json::from_str::<Order>(order) else {
        eprintln!("this command is for Atelier itself");
        return ExitCode::FAILURE;
    };
    match work(&order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn work(order: &Order) -> io::Result<()> {
    let confined = confine::confine(order)?;
    // Both ends as files: standard input cannot be sought in, and standard output looks for lines.
    let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    end_with_the_listener()?;
    write_message(&mut out, &Message::Confined(confined))?;
    let made = catch_unwind(AssertUnwindSafe(|| {
        picture::make(file, &order.limits, |stage| report(&mut out, &stage))
    }));
    let answer = match made {
        Ok(Ok(made)) => Message::Done(Box::new(made)),
        Ok(Err(Ended::Picture(error))) => Message::Failed(error),
        Ok(Err(Ended::Unheard)) => return Err(io::ErrorKind::BrokenPipe.into()),
        Err(_) => Message::Failed(PictureError::Broken("the decoder failed".to_owned())),
    };
    write_message(&mut out, &answer)
}

fn report(out: impl Write, stage: &Stage) -> Result<(), Ended> {
    match stage {
        Stage::Decoding => write_message(out, &Message::Decoding)?,
        Stage::Made(picture, of) => write_thumbnail(out, picture, *of)?,
    }
    Ok(())
}

/// Ends this process when the other end of its answer is closed, however the other process ended.
fn end_with_the_listener() -> io::Result<()> {
    let out = io::stdout().as_fd().try_clone_to_owned()?;
    std::thread::Builder::new()
        .stack_size(64 * 1024)
        .spawn(move || {
            // No events are asked for: what is told unasked is that nobody can read any more.
            let mut ends = [PollFd::new(out.as_fd(), PollFlags::empty())];
            loop {
                match poll(&mut ends, PollTimeout::NONE) {
                    Err(nix::errno::Errno::EINTR) => {}
                    _ => std::process::exit(1),
                }
            }
        })?;
    Ok(())
}
