//! The system calls that a computation needs (seccomp, on Linux).
//!
//! Everything that is not listed fails as not permitted: no files are opened, no sockets made, no
//! processes started or signalled, no memory made executable.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Is,
    SeccompCondition as Condition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

/// Reading and writing what is open; memory; threads and waiting; time; signals within this process.
const ALLOWED: &[i64] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// `PR_SET_VMA`, by which allocators name their memory.
const PR_SET_VMA: u64 = 0x5356_4d41;

/// Whether this kernel can limit system calls at all.
pub fn can_be_limited() -> bool {
    std::path::Path::new("/proc/sys/kernel/seccomp/actions_avail").exists()
}

/// Leaves this process the calls above, for good. To be called while there is one thread.
pub fn limit() -> Result<(), Error> {
    // Its flags are behind a pointer, where no filter can look; the C library falls back to `clone`.
    // This comes first: the other filter lets no more filters be set.
    let hidden = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    apply_filter(&filter(
        hidden,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
    )?)?;
    apply_filter(&filter(
        allowed()?,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
    )?)
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn allowed() -> Result<Rules, Error> {
    let mut rules: Rules = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let thread = (libc::CLONE_VM | libc::CLONE_THREAD) as u64;
    let executable = Is::MaskedEq(libc::PROT_EXEC as u64);
    let ourselves = u64::from(std::process::id());
    for (call, argument, is, value) in [
        // A thread of this process, never another process.
        (libc::SYS_clone, 0, Is::MaskedEq(thread), thread),
        (libc::SYS_mmap, 2, executable.clone(), 0),
        (libc::SYS_mprotect, 2, executable, 0),
        (libc::SYS_tgkill, 0, Is::Eq, ourselves),
        // Reading a limit, never setting one.
        (libc::SYS_prlimit64, 2, Is::Eq, 0),
    ] {
        rules.insert(call, vec![rule(argument, is, value)?]);
    }
    let names = [libc::PR_SET_NAME as u64, PR_SET_VMA];
    let names: Result<_, _> = names.iter().map(|name| rule(0, Is::Eq, *name)).collect();
    rules.insert(libc::SYS_prctl, names?);
    // Refused by the filter for it, whose answer tells the C library more.
    rules.insert(libc::SYS_clone3, Vec::new());
    Ok(rules)
}

fn rule(argument: u8, is: Is, value: u64) -> Result<SeccompRule, Error> {
    Ok(SeccompRule::new(vec![Condition::new(
        argument,
        Width::Qword,
        is,
        value,
    )?])?)
}

fn filter(
    rules: Rules,
    otherwise: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, Error> {
    let here: TargetArch = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, otherwise, listed, here)?.try_into()?)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::ErrorKind::PermissionDenied,
        net::{TcpStream, UdpSocket},
        process::Command,
        thread,
    };

    use nix::{sys::signal::kill, unistd::Pid};

    #[test]
    fn only_what_a_computation_needs_is_left() {
        // A filter holds for the thread that sets it, and for those that it starts.
        let confined = || {
            super::limit().unwrap();
            let refused = [
                File::open("/etc/passwd").map(drop),
                File::create("/tmp/atelier-confined").map(drop),
                TcpStream::connect("127.0.0.1:1").map(drop),
                UdpSocket::bind("127.0.0.1:0").map(drop),
                Command::new("/bin/true").status().map(drop),
                kill(Pid::from_raw(1), None).map_err(Into::into),
                kill(Pid::this(), None).map_err(Into::into),
            ];
            let refused = refused.map(|result| result.unwrap_err().kind());
            let summed = thread::spawn(|| (0..1000).map(|n| vec![n; 1000].len()).sum());
            (refused, summed.join().unwrap())
        };
        let (refused, summed): (_, usize) = thread::spawn(confined).join().unwrap();
        assert_eq!(refused, [PermissionDenied; 7]);
        assert_eq!(summed, 1_000_000);
    }
}
