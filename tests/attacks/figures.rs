//! What an attack cost the process under attack, as Linux tells it.

use std::fmt;

/// The memory of a process, in bytes; zero where it is not told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// In use now: `VmRSS` of proc(5).
    pub now: u64,
    /// The most since the start, or since [`Memory::forget_peak`]: `VmHWM`.
    pub peak: u64,
}

impl Memory {
    /// Of a process.
    pub fn of(process: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let value = |label: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(label))?;
            let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
            Some(kilobytes * 1024)
        };
        Self {
            now: value("VmRSS:").unwrap_or(0),
            peak: value("VmHWM:").unwrap_or(0),
        }
    }

    /// Lets the peak begin anew.
    pub fn forget_peak(process: u32) {
        // Where this cannot be done the peak is that of the whole run.
        let _ = std::fs::write(format!("/proc/{process}/clear_refs"), "5");
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: u64| bytes / (1 << 20);
        write!(
            f,
            "{} MiB (peak {})",
            mebibytes(self.now),
            mebibytes(self.peak)
        )
    }
}
