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
    wire::{Confinement, PictureWord, Word, hear},
};
use crate::{
    picture::{FORMATS, Made, MadePicture, PictureError, PictureLimits, THUMBNAILS},
    sniff,
};

/// How long a process that has said its last word may take to end.
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
pub enum Unworked {
    /// The picture is at fault.
    Picture(PictureError),
    /// The task was stopped.
    Stopped,
    /// The process could not be started or listened to.
    Failed(io::Error),
}

impl From<io::Error> for Unworked {
    fn from(cause: io::Error) -> Self {
        Self::Failed(cause)
    }
}

impl PictureWorker {
    /// Has everything made of the picture in `file`, in at most `max_duration`; `tell` hears the
    /// progress from 0 to 1, and whether the original has been decoded. The process is gone,
    /// with all its threads, when this returns; when it is dropped, it is killed.
    pub async fn work(
        &self,
        file: File,
        limits: PictureLimits,
        max_duration: Duration,
        stopped: impl Future<Output = ()>,
        tell: impl FnMut(f64, bool),
    ) -> Result<(Made, Vec<MadePicture>), Unworked> {
        let mut child = self.spawn(file, limits, max_duration)?;
        let answer = child
            .stdout
            .take()
            .ok_or(io::Error::from(io::ErrorKind::BrokenPipe))?;
        let heard = tokio::select! {
            heard = timeout(max_duration, listen(answer, tell)) => heard,
            () = stopped => {
                child.kill().await?;
                return Err(Unworked::Stopped);
            }
        };
        match heard {
            Err(_) => {
                child.kill().await?;
                Err(Unworked::Picture(PictureError::TooLong))
            }
            Ok(Ok(Some(outcome))) => {
                // It has nothing more to say, and nothing to save.
                child.kill().await?;
                outcome.map_err(Unworked::Picture)
            }
            Ok(Ok(None)) => Err(fallen(&mut child).await?),
            // What it says makes no sense: whatever is in charge there is not our code any more.
            Ok(Err(cause)) => {
                tracing::error!(target: "picture", %cause, "a picture's process answers nonsense");
                child.kill().await?;
                Err(Unworked::Picture(crashed()))
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

/// What the process comes to; `None` if it ended without a last word.
type Outcome = Result<(Made, Vec<MadePicture>), PictureError>;

async fn listen(
    mut from: impl AsyncRead + Unpin,
    mut tell: impl FnMut(f64, bool),
) -> io::Result<Option<Outcome>> {
    let mut pictures: Vec<MadePicture> = Vec::new();
    while let Some(word) = hear(&mut from).await? {
        match word {
            Word::Confined(confinement) => judge_confinement(confinement),
            Word::Decoding => tell(0.1, false),
            Word::Picture(word) => {
                let picture = receive(&mut from, &word, &pictures).await?;
                pictures.push(picture);
                let share = pictures.len() as f64 / word.of.max(pictures.len()) as f64;
                tell((0.3 + 0.55 * share).min(0.85), true);
            }
            Word::Done(made) => return finish(*made, pictures).map(|done| Some(Ok(done))),
            Word::Failed(error) => return Ok(Some(Err(shortened(error)))),
        }
    }
    Ok(None)
}

/// Told once: it is the system's doing, and the same for every picture.
fn judge_confinement(confinement: Confinement) {
    static TOLD: Once = Once::new();
    if cfg!(target_os = "linux") && !(confinement.memory && confinement.calls) {
        TOLD.call_once(|| {
            tracing::warn!(
                target: "picture",
                ?confinement,
                "this system does not let pictures' processes be confined in every way"
            );
        });
    }
}

fn nonsense(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A smaller picture, if it is one that was asked for and looks like it.
async fn receive(
    mut from: impl AsyncRead + Unpin,
    word: &PictureWord,
    earlier: &[MadePicture],
) -> io::Result<MadePicture> {
    let size = THUMBNAILS.iter().find(|(name, _)| *name == word.name);
    let format = FORMATS.iter().find(|it| it.as_str() == word.format);
    let (Some((name, side)), Some(format)) = (size, format) else {
        return Err(nonsense("an unknown picture"));
    };
    if earlier
        .iter()
        .any(|it| (it.name, it.format) == (*name, *format))
    {
        return Err(nonsense("a picture twice"));
    }
    if !(1..=*side).contains(&word.width) || !(1..=*side).contains(&word.height) {
        return Err(nonsense("a picture of another size"));
    }
    let most = u64::from(word.width) * u64::from(word.height) * BYTES_PER_PIXEL + BYTES_BESIDES;
    if u64::from(word.byte_size) > most {
        return Err(nonsense("a picture that is too large"));
    }
    let mut bytes = vec![0; word.byte_size as usize];
    from.read_exact(&mut bytes).await?;
    if sniff::detect(&bytes) != Some(format.content_type()) {
        return Err(nonsense("a picture of another format"));
    }
    Ok(MadePicture {
        name,
        format: *format,
        width: word.width,
        height: word.height,
        bytes,
    })
}

/// The end of the work, if it is what work comes to.
fn finish(mut made: Made, pictures: Vec<MadePicture>) -> io::Result<(Made, Vec<MadePicture>)> {
    let (findings, placeholder) = (&made.findings, &made.placeholder);
    if findings.width < 1 || findings.height < 1 || pictures.is_empty() {
        return Err(nonsense("a result without pictures"));
    }
    let color = placeholder.dominant_color.strip_prefix('#');
    if !color
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        || !(6..=100).contains(&placeholder.blurhash.len())
        || !placeholder.blurhash.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(nonsense("a placeholder that is none"));
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

/// Why a process ended without a last word.
async fn fallen(child: &mut Child) -> io::Result<Unworked> {
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
    Ok(meaning(status))
}

fn meaning(status: ExitStatus) -> Unworked {
    let signal = status.signal().and_then(|it| Signal::try_from(it).ok());
    match signal {
        // An allocation failed, which ends a Rust program at once.
        Some(Signal::SIGABRT) => Unworked::Picture(PictureError::TooLarge(
            "it takes more memory than is allowed".to_owned(),
        )),
        // Not by us: the machine itself has run out of memory.
        Some(Signal::SIGKILL) => Unworked::Picture(PictureError::TooLarge(
            "it takes more memory than there is".to_owned(),
        )),
        Some(Signal::SIGXCPU) => Unworked::Picture(PictureError::TooLong),
        Some(_) => Unworked::Picture(crashed()),
        // It ended in order, but not as it should: it never came to the picture.
        None => Unworked::Failed(io::Error::other(format!("it ended with {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{ImageFindings, Placeholder};

    async fn heard(words: &[Word], bytes: &[u8]) -> io::Result<Option<Outcome>> {
        let mut said = Vec::new();
        for word in words {
            super::super::wire::say(&mut said, word).unwrap();
            if matches!(word, Word::Picture(_)) {
                said.extend_from_slice(bytes);
            }
        }
        listen(&said[..], |_, _| {}).await
    }

    fn picture(name: &str, format: &str, width: u32, bytes: &[u8]) -> Word {
        Word::Picture(PictureWord {
            name: name.to_owned(),
            format: format.to_owned(),
            width,
            height: 1,
            byte_size: u32::try_from(bytes.len()).unwrap(),
            of: 3,
        })
    }

    fn done(color: &str) -> Word {
        Word::Done(Box::new(Made {
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
        for words in [
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
            assert!(heard(&words, jpeg).await.is_err(), "{words:?}");
        }
        let active = [picture("thumbnail_256", "jpeg", 1, svg), done("#00ff00")];
        assert!(heard(&active, svg).await.is_err());
        let huge = vec![0xff; 100_000];
        let large = [picture("thumbnail_256", "jpeg", 1, &huge)];
        assert!(heard(&large, &huge).await.is_err());
        assert!(heard(&[], b"").await.unwrap().is_none(), "no last word");
        assert!(listen(&[0xff; 64][..], |_, _| {}).await.is_err());
    }

    #[test]
    fn every_end_of_a_process_has_a_meaning() {
        let told = |raw| match meaning(ExitStatus::from_raw(raw)) {
            Unworked::Picture(error) => error.to_string(),
            other => format!("{other:?}"),
        };
        assert!(told(Signal::SIGABRT as i32).contains("more memory than is allowed"));
        assert!(told(Signal::SIGKILL as i32).contains("more memory than there is"));
        assert!(told(Signal::SIGXCPU as i32).contains("too long"));
        assert!(told(Signal::SIGSEGV as i32).contains("crashed"));
        // Nothing that a picture has to answer for: the task is tried again.
        assert!(told(1 << 8).starts_with("Failed"));
    }
}
