//! Tries what the sandbox forbids, for the tests that run the real program. Builds without debug assertions, which are those
//! that are released, do not contain it.

use std::{
    env, fs, io,
    net::{SocketAddr, TcpListener, TcpStream},
    ptr, thread,
};

/// Set to the address of a server that no setting names.
const VARIABLE: &str = "NAD_SANDBOX_PROBE";

/// In a thread that is born in the sandbox, as all others are; returns when it is over.
pub(super) fn begin_if_asked() {
    let Some(server) = env::var(VARIABLE).ok().and_then(|server| server.parse().ok()) else { return };
    let probing = thread::spawn(move || {
        for (name, attempt) in attempts(server) {
            match attempt() {
                Ok(()) => tracing::warn!("probe: {name}: done"),
                Err(error) => tracing::info!("probe: {name}: {:?}", error.kind()),
            }
        }
        tracing::info!("probe: over");
    });
    // One that panicked has said so.
    let _ = probing.join();
}

/// A command of bpf(2).
const BPF_PROG_GET_NEXT_ID: usize = 11;

type Attempt = (&'static str, Box<dyn Fn() -> io::Result<()>>);

fn attempts(server: SocketAddr) -> Vec<Attempt> {
    let of = |name, attempt: fn() -> io::Result<()>| -> Attempt { (name, Box::new(attempt)) };
    vec![
        of("read /etc/shadow", || fs::read("/etc/shadow").map(drop)),
        of("read /etc/passwd", || fs::read("/etc/passwd").map(drop)),
        of("list /root", || fs::read_dir("/root").map(drop)),
        of("write to /etc", || fs::write("/etc/nad-probe", "")),
        of("write to /tmp", || fs::write("/tmp/nad-probe", "")),
        of("read another's memory", || fs::read(format!("/proc/{}/environ", parent())).map(drop)),
        of("execute", execute),
        of("start a process", || std::process::Command::new("/bin/true").spawn().map(drop)),
        of("fork", fork),
        of("trace", || call(libc::SYS_ptrace, [libc::PTRACE_ATTACH as usize, parent() as usize, 0])),
        of("signal another", || call(libc::SYS_kill, [parent() as usize, libc::SIGCONT as usize, 0])),
        of("open a raw socket", || socket(libc::AF_PACKET, libc::SOCK_RAW)),
        of("open an ICMP socket", || socket(libc::AF_INET, libc::SOCK_RAW)),
        of("open a local socket", || socket(libc::AF_UNIX, libc::SOCK_STREAM)),
        ("connect to a server that is not named", Box::new(move || TcpStream::connect(server).map(drop))),
        of("listen", || {
            // Landlock knows TCP; what is left of UDP goes with seccomp where there are no servers.
            TcpListener::bind("127.0.0.1:0").map(drop)
        }),
        of("call bpf", || call(libc::SYS_bpf, [BPF_PROG_GET_NEXT_ID, 0, 0])),
        of("mount", mount),
        of("leave its namespaces", || call(libc::SYS_unshare, [libc::CLONE_NEWUSER as usize, 0, 0])),
        of("become root", || call(libc::SYS_setresuid, [0; 3])),
        of("be dumped", || call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 1, 0])),
        of("raise its limits", raise_limits),
        of("execute what it wrote", execute_written),
        // What it may do, so that it is not everything that fails.
        of("allowed: read its own status", || fs::read("/proc/self/status").map(drop)),
        of("allowed: start a thread", || {
            thread::Builder::new().spawn(|| ())?.join().map_err(|_| io::ErrorKind::Other.into())
        }),
    ]
}

fn parent() -> libc::pid_t {
    // SAFETY: only answers.
    unsafe { libc::getppid() }
}

/// A system call whose arguments are numbers.
fn call(number: libc::c_long, [a, b, c]: [usize; 3]) -> io::Result<()> {
    // SAFETY: of the calls that are made with it, none reads or writes memory of this process.
    answer(unsafe { libc::syscall(number, a, b, c) })
}

fn fork() -> io::Result<()> {
    // SAFETY: the child, where there is one, only ends.
    let result = unsafe { libc::fork() };
    if result == 0 {
        // SAFETY: ends the child and runs nothing.
        unsafe { libc::_exit(0) }
    }
    answer(result.into())
}

fn mount() -> io::Result<()> {
    let none = ptr::null();
    // SAFETY: a text that ends, and nothing else.
    answer(unsafe { libc::mount(none, c"/".as_ptr(), none, libc::MS_REMOUNT, none.cast()) }.into())
}

fn raise_limits() -> io::Result<()> {
    let most = libc::rlimit { rlim_cur: 1 << 20, rlim_max: 1 << 20 };
    // SAFETY: the limits are read.
    answer(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const most) }.into())
}

fn execute_written() -> io::Result<()> {
    let (read_write, private) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: new memory, which nothing else uses.
    let page = unsafe { libc::mmap(ptr::null_mut(), 4096, read_write, private, -1, 0) };
    // SAFETY: the same memory.
    answer(unsafe { libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_EXEC) }.into())
}

fn execute() -> io::Result<()> {
    let program = c"/bin/true".as_ptr();
    let arguments = [program, ptr::null()];
    // SAFETY: texts and a list that end; where it succeeds, nad is gone, which the test sees.
    answer(unsafe { libc::execve(program, arguments.as_ptr(), [ptr::null()].as_ptr()) }.into())
}

fn socket(family: libc::c_int, kind: libc::c_int) -> io::Result<()> {
    // SAFETY: only opens a descriptor, which ends with the process.
    answer(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) }.into())
}

fn answer(result: libc::c_long) -> io::Result<()> {
    if result >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
