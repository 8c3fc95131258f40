//! Starting the process, feeding it, judging what it says, and ending it.

use std::{
    fs::File,
    future::Future,
    io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Once,
    time::Duration,
};

use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

use super::{
    Order,
    wire::{Confinement, Message, ThumbnailHeader, read_message},
};
use crate::{
    picture::{FORMATS, Made, PictureError, PictureLimits, THUMBNAILS, Thumbnail},
    sniff,
};

/// How long a process that has sent its last message may take to end.
const PARTING: Duration = Duration::from_secs(2);
/// The most threads of a process.
const MAX_THREADS: usize = 4;
/// The most bytes of a smaller picture for each of its pixels, and besides.
const BYTES_PER_PIXEL: u64 = 4;
const BYTES_BESIDES: u64 = 64 * 1024;
/// The most characters of a reason.
const MAX_REASON: usize = 200;
/// Bytes of its standard error that are logged.
const LOGGED: u64 = 2048;

/// How a process that works on a picture is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureWorker {
    /// The program.
    pub program: PathBuf,
    /// Arguments before the order, such as the name of a command.
    pub arguments: Vec<String>,
}

impl Default for PictureWorker {
    /// This very program with the command `picture-worker`.
    fn default() -> Self {
        // By this name it is found even after an upgrade has replaced the file.
        let program = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe().unwrap_or_else(|_| PathBuf::from("atelier"))
        };
        Self {
            program,
            arguments: vec!["picture-worker".to_owned()],
        }
    }
}

/// Why there is no result.
#[derive(Debug)]
pub enum WorkerError {
    /// The picture is at fault.
    Picture(PictureError),
    /// The task was stopped.
    Stopped,
    /// The process could not be started or listened to.
    Failed(io::Error),
}

impl From<io::Error> for WorkerError {
    fn from(cause: io::Error) -> Self {
        Self::Failed(cause)
    }
}

impl PictureWorker {
    /// Has everything made of the picture in `file`, in at most `max_duration`; `on_progress` is
    /// called with the progress from 0 to 1, and whether the original has been decoded. The process is gone,
    /// with all its threads, when this returns; when it is dropped, it is killed.
    pub async fn work(
        &self,
        file: File,
        limits: PictureLimits,
        max_duration: Duration,
        stopped: impl Future<Output = ()>,
        on_progress: impl FnMut(f64, bool),
    ) -> Result<(Made, Vec<Thumbnail>), WorkerError> {
        let mut child = self.spawn(file, limits, max_duration)?;
        let answer = child
            .stdout
            .take()
            .ok_or(io::Error::from(io::ErrorKind::BrokenPipe))?;
        let heard = tokio::select! {
            heard = timeout(max_duration, listen(answer, on_progress)) => heard,
            () = stopped => {
                child.kill().await?;
                return Err(WorkerError::Stopped);
            }
        };
        match heard {
            Err(_) => {
                child.kill().await?;
                Err(WorkerError::Picture(PictureError::TooLong))
            }
            Ok(Ok(Some(outcome))) => {
                // It has nothing more to say, and nothing to save.
                child.kill().await?;
                outcome.map_err(WorkerError::Picture)
            }
            Ok(Ok(None)) => Err(exit_error(&mut child).await?),
            // What it says makes no sense: whatever is in charge there is not our code any more.
            Ok(Err(cause)) => {
                tracing::error!(target: "picture", %cause, "a picture's process answers nonsense");
                child.kill().await?;
                Err(WorkerError::Picture(crashed()))
            }
        }
    }

    fn spawn(
        &self,
        file: File,
        limits: PictureLimits,
        max_duration: Duration,
    ) -> io::Result<Child> {
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let threads = threads.min(MAX_THREADS);
        let order = Order {
            limits,
            cpu_seconds: (max_duration.as_secs() + 1).saturating_mul(threads as u64),
        };
        Command::new(&self.program)
            .args(&self.arguments)
            .arg(serde_json::to_string(&order)?)
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            // Allocators take memory in advance, which would count as used.
            .env("MIMALLOC_DISALLOW_ARENA_ALLOC", "1")
            .env("MALLOC_ARENA_MAX", "1")
            .current_dir("/")
            .stdin(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C at the terminal is for this process, which decides what becomes of the work.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

/// What the process comes to; `None` if it ended without a last message.
type Outcome = Result<(Made, Vec<Thumbnail>), PictureError>;

async fn listen(
    mut from: impl AsyncRead + Unpin,
    mut on_progress: impl FnMut(f64, bool),
) -> io::Result<Option<Outcome>> {
    let mut pictures: Vec<Thumbnail> = Vec::new();
    while let Some(message) = read_message(&mut from).await? {
        match message {
            Message::Confined(confinement) => judge_confinement(confinement),
            Message::Decoding => on_progress(0.1, false),
            Message::Picture(header) => {
                let picture = receive(&mut from, &header, &pictures).await?;
                pictures.push(picture);
                let share = pictures.len() as f64 / header.of.max(pictures.len()) as f64;
                on_progress((0.3 + 0.55 * share).min(0.85), true);
            }
            Message::Done(made) => return finish(*made, pictures).map(|done| Some(Ok(done))),
            Message::Failed(error) => return Ok(Some(Err(shortened(error)))),
        }
    }
    Ok(None)
}

/// Logged once: it is the system's doing, and the same for every picture.
fn judge_confinement(confinement: Confinement) {
    static LOGGED_ONCE: Once = Once::new();
    if cfg!(target_os = "linux") && !(confinement.memory && confinement.calls) {
        LOGGED_ONCE.call_once(|| {
            tracing::warn!(
                target: "picture",
                ?confinement,
                "this system does not let pictures' processes be confined in every way"
            );
        });
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A smaller picture, if it is one that was asked for and looks like it.
async fn receive(
    mut from: impl AsyncRead + Unpin,
    header: &ThumbnailHeader,
    earlier: &[Thumbnail],
) -> io::Result<Thumbnail> {
    let size = THUMBNAILS.iter().find(|(name, _)| *name == header.name);
    let format = FORMATS.iter().find(|it| it.extension() == header.format);
    let (Some((name, side)), Some(format)) = (size, format) else {
        return Err(invalid("an unknown picture"));
    };
    if earlier
        .iter()
        .any(|it| (it.name, it.format) == (*name, *format))
    {
        return Err(invalid("a picture twice"));
    }
    if !(1..=*side).contains(&header.width) || !(1..=*side).contains(&header.height) {
        return Err(invalid("a picture of another size"));
    }
    let most = u64::from(header.width) * u64::from(header.height) * BYTES_PER_PIXEL + BYTES_BESIDES;
    if u64::from(header.byte_size) > most {
        return Err(invalid("a picture that is too large"));
    }
    let mut bytes = vec![0; header.byte_size as usize];
    from.read_exact(&mut bytes).await?;
    if sniff::detect(&bytes) != Some(format.content_type()) {
        return Err(invalid("a picture of another format"));
    }
    Ok(Thumbnail {
        name,
        format: *format,
        width: header.width,
        height: header.height,
        bytes,
    })
}

/// The end of the work, if it is what work comes to.
fn finish(mut made: Made, pictures: Vec<Thumbnail>) -> io::Result<(Made, Vec<Thumbnail>)> {
    let (findings, placeholder) = (&made.findings, &made.placeholder);
    if findings.width < 1 || findings.height < 1 || pictures.is_empty() {
        return Err(invalid("a result without pictures"));
    }
    let color = placeholder.dominant_color.strip_prefix('#');
    if !color
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        || !(6..=100).contains(&placeholder.blurhash.len())
        || !placeholder.blurhash.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(invalid("a placeholder that is none"));
    }
    made.findings.exif = made.findings.exif.map(|exif| exif.checked());
    Ok((made, pictures))
}

fn shortened(error: PictureError) -> PictureError {
    let short = |text: String| {
        let clean = text.chars().filter(|c| !c.is_control());
        clean.take(MAX_REASON).collect()
    };
    match error {
        PictureError::Broken(reason) => PictureError::Broken(short(reason)),
        PictureError::TooLarge(reason) => PictureError::TooLarge(short(reason)),
        PictureError::TooLong => PictureError::TooLong,
    }
}

fn crashed() -> PictureError {
    PictureError::Broken("its decoder crashed".to_owned())
}

/// Why a process ended without a last message.
async fn exit_error(child: &mut Child) -> io::Result<WorkerError> {
    let status = match timeout(PARTING, child.wait()).await {
        Ok(status) => status?,
        Err(_) => {
            child.kill().await?;
            child.wait().await?
        }
    };
    let mut said = Vec::new();
    if let Some(errors) = child.stderr.take() {
        let reading = errors.take(LOGGED).read_to_end(&mut said).await;
        reading?;
    }
    let said = String::from_utf8_lossy(&said);
    tracing::warn!(target: "picture", %status, ?said, "a picture's process fell");
    Ok(error_of(status))
}

fn error_of(status: ExitStatus) -> WorkerError {
    let signal = status.signal().and_then(|it| Signal::try_from(it).ok());
    match signal {
        // An allocation failed, which ends a Rust program at once.
        Some(Signal::SIGABRT) => WorkerError::Picture(PictureError::TooLarge(
            "it takes more memory than is allowed".to_owned(),
        )),
        // Not by us: the machine itself has run out of memory.
        Some(Signal::SIGKILL) => WorkerError::Picture(PictureError::TooLarge(
            "it takes more memory than there is".to_owned(),
        )),
        Some(Signal::SIGXCPU) => WorkerError::Picture(PictureError::TooLong),
        Some(_) => WorkerError::Picture(crashed()),
        // It ended in order, but not as it should: it never came to the picture.
        None => WorkerError::Failed(io::Error::other(format!("it ended with {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{ImageFindings, Placeholder};

    async fn heard(messages: &[Message], bytes: &[u8]) -> io::Result<Option<Outcome>> {
        let mut said = Vec::new();
        for message in messages {
            super::super::wire::write_message(&mut said, message).unwrap();
            if matches!(message, Message::Picture(_)) {
                said.extend_from_slice(bytes);
            }
        }
        listen(&said[..], |_, _| {}).await
    }

    fn picture(name: &str, format: &str, width: u32, bytes: &[u8]) -> Message {
        Message::Picture(ThumbnailHeader {
            name: name.to_owned(),
            format: format.to_owned(),
            width,
            height: 1,
            byte_size: u32::try_from(bytes.len()).unwrap(),
            of: 3,
        })
    }

    fn done(color: &str) -> Message {
        Message::Done(Box::new(Made {
            findings: ImageFindings {
                width: 1,
                height: 1,
                has_alpha: false,
                exif: None,
            },
            placeholder: Placeholder {
                blurhash: "00TI:j".to_owned(),
                dominant_color: color.to_owned(),
            },
        }))
    }

    #[tokio::test]
    async fn only_pictures_that_were_asked_for_are_taken() {
        let jpeg = b"\xff\xd8\xff\xe0 and so on";
        let good = || picture("thumbnail_256", "jpeg", 256, jpeg);
        let taken = heard(&[good(), done("#00ff00")], jpeg).await.unwrap();
        assert_eq!(taken.unwrap().unwrap().1.len(), 1);
        let svg = b"<svg onload='alert(1)'></svg>";
        for messages in [
            vec![picture("thumbnail_256", "jpeg", 257, jpeg), done("#00ff00")],
            vec![
                picture("../../etc/passwd", "jpeg", 1, jpeg),
                done("#00ff00"),
            ],
            vec![picture("thumbnail_256", "svg", 1, jpeg), done("#00ff00")],
            vec![picture("thumbnail_256", "webp", 1, jpeg), done("#00ff00")],
            vec![good(), good(), done("#00ff00")],
            vec![good(), done("red;}")],
            vec![done("#00ff00")],
        ] {
            assert!(heard(&messages, jpeg).await.is_err(), "{messages:?}");
        }
        let active = [picture("thumbnail_256", "jpeg", 1, svg), done("#00ff00")];
        assert!(heard(&active, svg).await.is_err());
        let huge = vec![0xff; 100_000];
        let large = [picture("thumbnail_256", "jpeg", 1, &huge)];
        assert!(heard(&large, &huge).await.is_err());
        assert!(heard(&[], b"").await.unwrap().is_none(), "no last message");
        assert!(listen(&[0xff; 64][..], |_, _| {}).await.is_err());
    }

    #[test]
    fn every_end_of_a_process_has_a_meaning() {
        let reason = |raw| match error_of(ExitStatus::from_raw(raw)) {
            WorkerError::Picture(error) => error.to_string(),
            other => format!("{other:?}"),
        };
        assert!(reason(Signal::SIGABRT as i32).contains("more memory than is allowed"));
        assert!(reason(Signal::SIGKILL as i32).contains("more memory than there is"));
        assert!(reason(Signal::SIGXCPU as i32).contains("too long"));
        assert!(reason(Signal::SIGSEGV as i32).contains("crashed"));
        // Nothing that a picture has to answer for: the task is tried again.
        assert!(reason(1 << 8).starts_with("Failed"));
    }
}
