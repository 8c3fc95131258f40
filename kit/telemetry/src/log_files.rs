//! Log files: a new one each period, older ones compressed, the oldest deleted.
//!
//! The file being written and the one before it stay as they are, as with `delaycompress` of
//! logrotate: another process with the same name may still be finishing a line in yesterday's
//! file, and yesterday is what people look for with grep. Files before that become `.gz`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use atelier_kit::clock::{Clock, SystemClock};
use flate2::Compression;
use flate2::write::GzEncoder;
use tracing_appender::rolling::{self, RollingFileAppender};

use crate::config::{LogFile, Rotation, TelemetryError};

/// How many of the newest files are left uncompressed.
const PLAIN: usize = 2;

/// Extensions of one file: being written, compressed, and half compressed when a process ended.
const EXTENSIONS: [&str; 3] = ["log", "log.gz", "log.gz.part"];

/// Writes lines to the file of the present period.
pub(crate) struct LogWriter {
    appender: RollingFileAppender,
    files: Files,
    /// Length of a period in seconds; `None` if there is a single file.
    period: Option<i64>,
    /// The period of the last line, counted from 1970.
    current: Option<i64>,
}

/// The files of one process name.
#[derive(Clone)]
struct Files {
    dir: PathBuf,
    name: String,
    kept: usize,
}

impl LogWriter {
    /// Opens the file of the current period.
    ///
    /// # Errors
    /// [`TelemetryError::File`] if the directory cannot be written.
    pub(crate) fn open(file: &LogFile, name: &str) -> Result<Self, TelemetryError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| TelemetryError::File {
            dir: file.dir.clone(),
            source,
        };
        std::fs::create_dir_all(&file.dir).map_err(|error| failed(Box::new(error)))?;
        let (rotation, period) = match file.rotation {
            Rotation::Hourly => (rolling::Rotation::HOURLY, Some(60 * 60)),
            Rotation::Daily => (rolling::Rotation::DAILY, Some(24 * 60 * 60)),
            Rotation::Never => (rolling::Rotation::NEVER, None),
        };
        let appender = rolling::Builder::new()
            .rotation(rotation)
            .filename_prefix(name)
            .filename_suffix("log")
            .build(&file.dir)
            .map_err(|error| failed(Box::new(error)))?;
        Ok(Self {
            appender,
            files: Files {
                dir: file.dir.clone(),
                name: name.to_owned(),
                kept: file.max_files.max(1),
            },
            period,
            current: None,
        })
    }

    /// Called with the first line of a period: tidies the older files, on a thread of its own so
    /// that no line waits for it.
    fn tidy_once_per_period(&mut self) {
        let Some(period) = self.period else { return };
        let now = SystemClock.now().timestamp().div_euclid(period);
        if self.current.replace(now) == Some(now) {
            return;
        }
        let files = self.files.clone();
        let tidied = std::thread::Builder::new()
            .name("log-files".to_owned())
            .spawn(move || {
                if let Err(error) = files.tidy() {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        dir = %files.dir.display(),
                        "older log files could not be compressed or deleted"
                    );
                }
            });
        if tidied.is_err() {
            // No thread is available: the next line tries again.
            self.current = None;
        }
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // The appender reports to stderr when it cannot open the next file, which panics if stderr
        // is closed. The thread that writes must survive that, because there may be space again
        // later.
        let write = std::panic::AssertUnwindSafe(|| self.appender.write(line));
        let written = std::panic::catch_unwind(write)
            .unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))?;
        self.tidy_once_per_period();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.appender.flush()
    }
}

impl Files {
    /// Deletes all but the newest `kept`, and compresses those before the newest two.
    fn tidy(&self) -> io::Result<()> {
        let stamps = self.stamps()?;
        for (age, stamp) in stamps.iter().rev().enumerate() {
            if age >= self.kept {
                for extension in EXTENSIONS {
                    remove(&self.path(stamp, extension))?;
                }
            } else if age >= PLAIN {
                let [plain, compressed, part] =
                    EXTENSIONS.map(|extension| self.path(stamp, extension));
                compress(&plain, &part, &compressed)?;
            }
        }
        Ok(())
    }

    fn path(&self, stamp: &str, extension: &str) -> PathBuf {
        self.dir.join(format!("{}.{stamp}.{extension}", self.name))
    }

    /// The dates (and hours) of which there are files, in order.
    fn stamps(&self) -> io::Result<BTreeSet<String>> {
        let mut stamps = BTreeSet::new();
        for entry in std::fs::read_dir(&self.dir)? {
            if let Some(stamp) = entry?
                .file_name()
                .to_str()
                .and_then(|name| self.stamp(name))
            {
                stamps.insert(stamp.to_owned());
            }
        }
        Ok(stamps)
    }

    /// `2026-11-21` in `atelier.2026-11-21.log.gz`; none for files that are not ours.
    fn stamp<'a>(&self, file: &'a str) -> Option<&'a str> {
        let (stamp, extension) = file
            .strip_prefix(&self.name)?
            .strip_prefix('.')?
            .split_once('.')?;
        let is_time = stamp.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 | 10 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        let is_ours = is_time && matches!(stamp.len(), 10 | 13) && EXTENSIONS.contains(&extension);
        is_ours.then_some(stamp)
    }
}

/// Puts `plain` into `compressed` by way of `part`. Does nothing if it is gone or another process
/// is at it. Whenever this is cut short, either the old file or the whole new one is there.
fn compress(plain: &Path, part: &Path, compressed: &Path) -> io::Result<()> {
    let mut source = match File::options().read(true).write(true).open(plain) {
        Ok(source) => source,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    match source.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Ok(()),
        Err(std::fs::TryLockError::Error(error)) => return Err(error),
    }
    // Another process may have finished between the two steps above.
    if !plain.try_exists()? {
        return Ok(());
    }
    let target = File::create(part)?;
    target.set_permissions(source.metadata()?.permissions())?;
    let mut encoder = GzEncoder::new(target, Compression::default());
    io::copy(&mut source, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    std::fs::rename(part, compressed)?;
    remove(plain)
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    /// A folder with a file for each name, its content the name, tidied with `kept`.
    fn tidied(names: &[&str], kept: usize) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        files(dir.path(), kept).tidy().unwrap();
        dir
    }

    fn files(dir: &Path, kept: usize) -> Files {
        Files {
            dir: dir.to_owned(),
            name: "atelier".to_owned(),
            kept,
        }
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn unpacked(path: &Path) -> String {
        let mut text = String::new();
        GzDecoder::new(File::open(path).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn all_but_the_newest_two_are_compressed_and_say_the_same() {
        let dir = tidied(
            &[
                "atelier.2026-11-19.log",
                "atelier.2026-11-20.log",
                "atelier.2026-11-21.log",
            ],
            14,
        );
        let there = [
            "atelier.2026-11-19.log.gz",
            "atelier.2026-11-20.log",
            "atelier.2026-11-21.log",
        ];
        assert_eq!(names(dir.path()), there);
        let text = unpacked(&dir.path().join("atelier.2026-11-19.log.gz"));
        assert_eq!(text, "atelier.2026-11-19.log");

        files(dir.path(), 14).tidy().unwrap();
        assert_eq!(names(dir.path()), there, "a second time changes nothing");
    }

    #[test]
    fn the_oldest_go_whether_compressed_or_not() {
        let dir = tidied(
            &[
                "atelier.2026-11-20-22.log.gz",
                "atelier.2026-11-20-23.log",
                "atelier.2026-11-20-23.log.gz.part",
                "atelier.2026-11-21-00.log.gz",
                "atelier.2026-11-21-01.log",
                "atelier.2026-11-21-02.log",
            ],
            3,
        );
        assert_eq!(
            names(dir.path()),
            [
                "atelier.2026-11-21-00.log.gz",
                "atelier.2026-11-21-01.log",
                "atelier.2026-11-21-02.log"
            ]
        );
    }

    #[test]
    fn other_files_and_those_of_other_processes_stay_as_they_are() {
        let others = [
            "atelier-worker.2026-11-01.log",
            "atelier.2026-11-01.log.bak",
            "atelier.2026-11-1x.log",
            "atelier.log",
            "atelier.notes.log",
        ];
        let dir = tidied(
            &[
                &others[..],
                &["atelier.2026-11-20.log", "atelier.2026-11-21.log"],
            ]
            .concat(),
            1,
        );
        let mut there = [&others[..], &["atelier.2026-11-21.log"]].concat();
        there.sort_unstable();
        assert_eq!(names(dir.path()), there);
    }

    #[test]
    fn what_a_process_left_half_compressed_is_done_anew() {
        let dir = tidied(
            &[
                "atelier.2026-11-19.log",
                "atelier.2026-11-19.log.gz.part",
                "atelier.2026-11-20.log",
                "atelier.2026-11-21.log",
            ],
            14,
        );
        assert_eq!(names(dir.path()).len(), 3);
        let text = unpacked(&dir.path().join("atelier.2026-11-19.log.gz"));
        assert_eq!(text, "atelier.2026-11-19.log");
    }

    #[test]
    fn a_file_that_another_process_compresses_is_left_to_it() {
        let dir = tempfile::tempdir().unwrap();
        for day in 19..22 {
            std::fs::write(dir.path().join(format!("atelier.2026-11-{day}.log")), "x").unwrap();
        }
        let held = File::open(dir.path().join("atelier.2026-11-19.log")).unwrap();
        held.lock().unwrap();
        files(dir.path(), 14).tidy().unwrap();
        assert!(dir.path().join("atelier.2026-11-19.log").exists());
        drop(held);
        files(dir.path(), 14).tidy().unwrap();
        assert!(dir.path().join("atelier.2026-11-19.log.gz").exists());
    }
}
