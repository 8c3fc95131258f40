//! Giving up everything that working on a picture does not need.

use std::io;

use nix::{
    errno::Errno,
    sys::resource::{Resource, rlim_t, setrlimit},
    unistd::{Gid, Uid, close, geteuid, setgid, setuid},
};

use super::{Order, wire::Confinement};

#[cfg(target_os = "linux")]
mod calls;

/// Descriptors that may be open: the three that the process was given, and copies of them.
const MAX_FILES: rlim_t = 16;
/// The account that owns nothing, where the system does not know it by name.
const NOBODY: u32 = 65534;

/// Confines this process for good. What the system cannot do is left out where something else holds
/// (and told); rights are never kept.
///
/// # Errors
/// If rights or limits that every system has could not be set.
pub fn confine(order: &Order) -> io::Result<Confinement> {
    close_inherited();
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?;
    setrlimit(Resource::RLIMIT_NOFILE, MAX_FILES, MAX_FILES)?;
    // The kernel's word at the soft limit can be told from a kill; the hard one is never reached.
    setrlimit(
        Resource::RLIMIT_CPU,
        order.cpu_seconds,
        order.cpu_seconds + 1,
    )?;
    let memory = limit_memory(order.limits.max_memory).is_ok();
    #[cfg(target_os = "linux")]
    {
        nix::sys::prctl::set_no_new_privs()?;
        nix::sys::prctl::set_dumpable(false)?;
        if !calls::can_be_limited() {
            leave_the_network();
        }
    }
    drop_rights()?;
    #[cfg(target_os = "linux")]
    let calls = calls::limit().is_ok();
    #[cfg(not(target_os = "linux"))]
    let calls = false;
    Ok(Confinement { memory, calls })
}

/// Rust opens files so that children do not inherit them; whoever started us may not have.
fn close_inherited() {
    let Ok(open) = std::fs::read_dir("/dev/fd") else {
        return;
    };
    let numbers: Vec<i32> = open
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // One of them was the directory itself, which is closed already.
        let _ = close(number);
    }
}

/// Bounds the memory that can be had from now on, whoever asks for it and however: address space,
/// because only that can be limited for one process without privileges.
#[cfg(target_os = "linux")]
fn limit_memory(bytes: u64) -> io::Result<()> {
    let sizes = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = sizes
        .split(' ')
        .next()
        .and_then(|pages| pages.parse().ok())
        .ok_or(io::ErrorKind::InvalidData)?;
    let page_size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?
        .and_then(|size| u64::try_from(size).ok())
        .ok_or(io::ErrorKind::Unsupported)?;
    let most = pages.saturating_mul(page_size).saturating_add(bytes);
    Ok(setrlimit(Resource::RLIMIT_AS, most, most)?)
}

/// Elsewhere the size at the start is not known, and the limit may not be heeded.
#[cfg(not(target_os = "linux"))]
fn limit_memory(bytes: u64) -> io::Result<()> {
    Ok(setrlimit(Resource::RLIMIT_DATA, bytes, bytes)?)
}

/// Where system calls cannot be limited, the network is at least empty, if we may have one of our own.
#[cfg(target_os = "linux")]
fn leave_the_network() {
    use nix::sched::{CloneFlags, unshare};

    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        let _ = unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET);
    }
}

/// Becomes nobody, if this is root.
fn drop_rights() -> Result<(), Errno> {
    if !geteuid().is_root() {
        return Ok(());
    }
    #[cfg(not(target_vendor = "apple"))]
    nix::unistd::setgroups(&[])?;
    setgid(Gid::from_raw(NOBODY))?;
    setuid(Uid::from_raw(NOBODY))
}
