//! seccomp: the system calls that nad has a use for, and no others (seccomp(2)).
//!
//! What is not on the list fails with `EPERM`, as what a sandbox forbids does, and does not end the process: a library that tries a
//! newer call goes on with an older one.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction,
    SeccompCmpArgLen::{Dword, Qword},
    SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use super::Needs;

/// Whatever their arguments.
#[rustfmt::skip]
const ALWAYS: [c_long; 109] = [
    // Files.
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64,
    libc::SYS_preadv, libc::SYS_pwritev, libc::SYS_preadv2, libc::SYS_pwritev2, libc::SYS_openat, libc::SYS_openat2,
    libc::SYS_close, libc::SYS_close_range, libc::SYS_lseek, libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx,
    libc::SYS_faccessat, libc::SYS_faccessat2, libc::SYS_statfs, libc::SYS_fstatfs, libc::SYS_getdents64,
    libc::SYS_readlinkat, libc::SYS_getcwd, libc::SYS_fcntl, libc::SYS_flock, libc::SYS_fsync, libc::SYS_fdatasync,
    libc::SYS_ftruncate, libc::SYS_truncate, libc::SYS_fallocate, libc::SYS_fadvise64, libc::SYS_renameat,
    libc::SYS_renameat2, libc::SYS_unlinkat, libc::SYS_mkdirat, libc::SYS_linkat, libc::SYS_fchmod,
    libc::SYS_fchmodat, libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_umask, libc::SYS_dup, libc::SYS_dup3,
    libc::SYS_copy_file_range, libc::SYS_msync,
    // Memory and threads.
    libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_brk, libc::SYS_futex,
    libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_set_tid_address, libc::SYS_rseq,
    libc::SYS_membarrier, libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_setaffinity, libc::SYS_getcpu,
    libc::SYS_setpriority, libc::SYS_getpriority, libc::SYS_exit, libc::SYS_exit_group,
    // Refused below in a way that libraries understand.
    libc::SYS_clone3,
    // Signals, and waiting for events and for the process that attaches programs.
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_sigaltstack,
    libc::SYS_restart_syscall, libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait, libc::SYS_eventfd2, libc::SYS_pipe2, libc::SYS_socketpair, libc::SYS_wait4,
    libc::SYS_waitid,
    // Sockets that are there.
    libc::SYS_getsockname, libc::SYS_getpeername, libc::SYS_getsockopt, libc::SYS_setsockopt, libc::SYS_sendto,
    libc::SYS_recvfrom, libc::SYS_sendmsg, libc::SYS_recvmsg, libc::SYS_sendmmsg, libc::SYS_shutdown,
    // Time, chance, and who this is.
    libc::SYS_nanosleep, libc::SYS_clock_nanosleep, libc::SYS_clock_gettime, libc::SYS_clock_getres,
    libc::SYS_gettimeofday, libc::SYS_getrandom, libc::SYS_getpid, libc::SYS_gettid, libc::SYS_getppid,
    libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid, libc::SYS_uname, libc::SYS_sysinfo,
    libc::SYS_getrusage, libc::SYS_times, libc::SYS_getrlimit,
];

/// The same by older names, which only this architecture has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLDER: [c_long; 19] = [
    libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_getdents, libc::SYS_readlink,
    libc::SYS_rename, libc::SYS_unlink, libc::SYS_mkdir, libc::SYS_link, libc::SYS_chmod, libc::SYS_dup2,
    libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_wait, libc::SYS_epoll_create, libc::SYS_pipe,
    libc::SYS_time, libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: [c_long; 0] = [];

/// `PR_SET_VMA`, by which libc names memory.
const PR_SET_VMA: libc::c_int = 0x5356_4d41;
/// `TCGETS2` of the architectures that nad is built for.
const TCGETS2: u64 = 0x802c_542a;
const AF_NETLINK_ROUTE: u64 = libc::NETLINK_ROUTE as u64;

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;
type Error = seccompiler::Error;

/// Restricts every thread of this process, and gives the number of system calls that are left.
///
/// # Errors
///
/// When the kernel has no seccomp filters, or refuses.
pub fn restrict(needs: &Needs) -> Result<usize, Error> {
    let rules = rules(needs)?;
    let count = rules.len();
    // The flags of clone3 lie in memory, where no filter can look: without it, libraries take clone.
    let without_clone3 = Rules::from([(libc::SYS_clone3, Vec::new())]);
    let no_such_call = SeccompAction::Errno(libc::ENOSYS as u32);
    let filters = [
        filter(without_clone3, SeccompAction::Allow, no_such_call)?,
        // Last, because it forbids adding another.
        filter(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?,
    ];
    filters.iter().try_for_each(|filter| seccompiler::apply_filter_all_threads(filter))?;
    Ok(count)
}

/// Commands of `bpf()` that change the set of interfaces and attach a program: none loads, reads or makes anything.
const BPF_FOR_LINKS: [u64; 3] = [
    2,  // BPF_MAP_UPDATE_ELEM
    3,  // BPF_MAP_DELETE_ELEM
    28, // BPF_LINK_CREATE
];

/// Of the process that attaches programs: netlink, links, and the name of an interface.
///
/// # Errors
///
/// As for [`restrict`].
pub(super) fn restrict_keeper() -> Result<(), Error> {
    let mut rules = rules(&Needs::default())?;
    let families = [libc::AF_NETLINK, libc::AF_UNIX, libc::AF_INET].map(|family| family as u64);
    rules.insert(libc::SYS_socket, one_of(0, &families)?);
    rules.insert(libc::SYS_bind, Vec::new());
    rules.insert(libc::SYS_ioctl, one_of(1, &[libc::SIOCGIFNAME, libc::SIOCGIFINDEX, libc::FIONBIO])?);
    rules.insert(libc::SYS_bpf, one_of(0, &BPF_FOR_LINKS)?);
    let filter = filter(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?;
    seccompiler::apply_filter(&filter)
}

/// Whether this kernel has it; nothing is restricted.
pub fn is_available() -> bool {
    const GET_ACTION_AVAIL: libc::c_uint = 2;
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: reads the number that it is given.
    unsafe { libc::syscall(libc::SYS_seccomp, GET_ACTION_AVAIL, 0, &raw const action) == 0 }
}

fn filter(rules: Rules, otherwise: SeccompAction, listed: SeccompAction) -> Result<BpfProgram, Error> {
    let architecture = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, otherwise, listed, architecture)?.try_into()?)
}

fn rules(needs: &Needs) -> Result<Rules, Error> {
    let mut rules: Rules = ALWAYS.iter().chain(&OLDER).map(|call| (*call, Vec::new())).collect();
    let is = |argument, value| SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value);
    let masked =
        |argument, mask, value| SeccompCondition::new(argument, Dword, SeccompCmpOp::MaskedEq(mask), value);

    // Threads, and no processes.
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![masked(0, thread, thread)?])?]);
    // Signals to itself, as when it aborts.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![is(0, own)?])?]);
    let options = [libc::PR_SET_NAME, PR_SET_VMA].map(|option| option as u64);
    rules.insert(libc::SYS_prctl, one_of(0, &options)?);
    let terminal = [libc::TCGETS, TCGETS2, libc::TIOCGWINSZ, libc::FIONREAD, libc::FIONBIO, libc::FIOCLEX];
    rules.insert(libc::SYS_ioctl, one_of(1, &terminal)?);
    // Limits are read.
    let no_new = SeccompCondition::new(2, Qword, SeccompCmpOp::Eq, 0)?;
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![no_new])?]);

    // Nothing that was written is executed; libc's modules for names are executed and not written.
    let (write, execute) = (libc::PROT_WRITE as u64, libc::PROT_EXEC as u64);
    let data = SeccompRule::new(vec![masked(2, execute, 0)?])?;
    rules.insert(libc::SYS_mprotect, vec![data.clone()]);
    let mut mappings = vec![data];
    if needs.resolves_names {
        let module = [masked(2, write | execute, execute)?, masked(3, libc::MAP_ANONYMOUS as u64, 0)?];
        mappings.push(SeccompRule::new(module.to_vec())?);
    }
    rules.insert(libc::SYS_mmap, mappings);

    if needs.accepts {
        rules.insert(libc::SYS_accept4, Vec::new());
    }
    if needs.connects() {
        let mut sockets = Vec::new();
        for family in [libc::AF_INET, libc::AF_INET6] {
            for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM] {
                // The other bits of the kind are flags.
                sockets.push(SeccompRule::new(vec![is(0, family as u64)?, masked(1, 0xf, kind as u64)?])?);
            }
        }
        // libc asks which addresses this machine has, and can change none.
        sockets.push(SeccompRule::new(vec![is(0, libc::AF_NETLINK as u64)?, is(2, AF_NETLINK_ROUTE)?])?);
        rules.insert(libc::SYS_socket, sockets);
        for call in [libc::SYS_connect, libc::SYS_bind] {
            rules.insert(call, Vec::new());
        }
    }
    Ok(rules)
}

fn one_of(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>, Error> {
    let rule = |value: &u64| {
        let condition = SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, *value)?;
        Ok(SeccompRule::new(vec![condition])?)
    };
    values.iter().map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_calls_names_each_once() {
        let needs = Needs { resolves_names: true, tcp_ports: vec![25], accepts: true, ..Needs::default() };
        let most = rules(&needs).unwrap();
        let least = rules(&Needs::default()).unwrap();
        assert_eq!(least.len(), ALWAYS.len() + OLDER.len() + 7);
        assert_eq!(most.len(), least.len() + 4);
        for forbidden in [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_ptrace,
            libc::SYS_bpf,
            libc::SYS_kill,
            libc::SYS_listen,
            libc::SYS_setuid,
            libc::SYS_mount,
            libc::SYS_unshare,
            libc::SYS_io_uring_setup,
            libc::SYS_process_vm_readv,
        ] {
            assert!(!most.contains_key(&forbidden), "{forbidden}");
        }
        for of_the_network in [libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_accept4] {
            assert!(!least.contains_key(&of_the_network), "{of_the_network}");
        }
    }
}
