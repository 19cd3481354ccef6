//! What travels between a place and the in-process kernel: frames over a Unix stream socket.
//!
//! A frame is `[u32 json_len][u32 payload_len][json][payload]`, little endian. The client sends
//! [`Request`]s one at a time; the kernel answers each with any number of [`Event`]s of which the
//! last is [`Event::Reply`]. A kernel that stays may send log events between requests, too.

use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// Frames beyond these sizes are a protocol error, not an allocation.
pub const MAX_JSON: usize = 16 << 20;
pub const MAX_PAYLOAD: usize = 256 << 20;

/// How the kernel process starts: the first frame on its socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BootSpec {
    /// The prepared image directory (`komod_kernel::prepared`): `image`, `symbols`, `btf`, `facts.json`.
    pub prepared: std::path::PathBuf,
    pub release: String,
    /// The kernel command line.
    pub cmdline: String,
    /// Modules linked into the boot (`run --builtin`): relocatable objects compiled without
    /// `-DMODULE`; their bytes are concatenated in the frame's payload in this order.
    pub builtin: Vec<Builtin>,
    pub mode: Mode,
    /// CPU seconds one request may burn before it is stopped as an endless loop.
    pub cpu_seconds: u32,
    /// While idle, virtual time follows the wall clock (a kernel that stays), else it stands still.
    pub live_clock: bool,
    /// Also send the records of the boot (else only those after it).
    pub boot_log: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Builtin {
    /// The module's name (`KBUILD_MODNAME`).
    pub name: String,
    pub len: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Serve requests on the socket the spec came from, then exit.
    Single,
    /// Boot, answer [`Event::Booted`] on the socket, then accept connections on the listening
    /// socket (file descriptor 4) and serve each in a fork of its own. Exits after
    /// `idle_seconds` without one.
    Zygote { idle_seconds: u32 },
}

/// Which loader puts a module into the kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loader {
    /// `komod-load`.
    #[default]
    Komod,
    /// The image's own `sys_init_module`.
    Kernel,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// Load a module; the payload is its uncompressed ELF file.
    Load {
        file: String,
        params: String,
        loader: Loader,
        force_vermagic: bool,
        force_modversions: bool,
    },
    /// Remove a module (`O_NONBLOCK` semantics as rmmod uses it).
    Unload {
        name: String,
        force: bool,
    },
    /// `/proc/modules`, as data.
    Modules,
    /// Symbols of the kernel and its modules, as `/proc/kallsyms`; `needle` filters by substring.
    Symbols {
        needle: String,
        limit: usize,
    },
    /// Read a file of the kernel's own VFS; the content is the reply's payload.
    Read {
        path: String,
        limit: u64,
    },
    /// Write the payload to a file of the kernel's own VFS.
    Write {
        path: String,
        append: bool,
    },
    /// Directory entries of the kernel's own VFS.
    List {
        path: String,
    },
    /// `ioctl` on a file; the payload, if not empty, is the argument's buffer, returned after the
    /// call; else `value` is passed as it is.
    Ioctl {
        path: String,
        command: u32,
        value: u64,
    },
    /// Let virtual time pass.
    Advance {
        ns: u64,
    },
    /// Objects still allocated by code of this (unloaded) module.
    Leaks {
        name: String,
    },
    /// From now on keep a copy of each module's memory as it is when the module has been formed,
    /// before its parameters are set and its init runs.
    WatchModules,
    /// The memory of a module, as it is or (`formed`) as it was then; the areas' bytes are the
    /// reply's payload, one after the other.
    Memory {
        name: String,
        formed: bool,
    },
    /// Look after a call that was answered with [`Reply::Waiting`].
    Continue {
        id: u32,
    },
    /// Send the task of such a call a deadly signal, as ctrl-C does.
    Interrupt {
        id: u32,
    },
    /// Put the payload into a file, whole or not at all (places with a file system of their own).
    Put {
        path: String,
        /// As for chmod(2).
        mode: u32,
    },
    /// Run a program that is there (places with processes of their own); the payload is its
    /// standard input. [`Reply::Waiting`] as long as it runs, then [`Reply::Exited`].
    Exec {
        path: String,
        /// `argv[0]` included.
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
    },
    Status,
    Shutdown,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    /// The kernel's initcalls have run.
    Booted {
        initcalls: u32,
        /// The kernel's own initcalls and early steps that faulted.
        failed: Vec<String>,
        failed_builtins: Vec<FailedBuiltin>,
        wall_us: u64,
    },
    /// The kernel could not start; the process ends.
    BootFailed {
        reason: String,
    },
    Log(LogRecord),
    Oops(Box<Oops>),
    /// Misuse that the kernel goes on after: a double free, an overwritten redzone, sleeping in
    /// atomic context. Its report is in the log.
    Complaint {
        text: String,
    },
    /// A `WARN_ON`; its report is in the log.
    Warning {
        at: Location,
    },
    /// Bytes that a read has got before it waits; the reply brings only what came later.
    Part(Vec<u8>),
    /// What a program has written.
    Output {
        stream: OutputStream,
        bytes: Vec<u8>,
    },
    Reply(Reply),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputStream {
    Out,
    Err,
}

/// An initcall of a built-in object that came to no good. After an error the kernel goes on
/// without a word (`do_one_initcall` of init/main.c, 6.1, speaks only with `initcall_debug`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedBuiltin {
    /// The built-in object, and its function.
    pub object: String,
    pub function: String,
    /// The error number (positive) it returned; none: it crashed, looped or waits for ever.
    pub errno: Option<i32>,
}

/// One record of the kernel's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    pub facility: u8,
    /// 0 (emergency) to 7 (debug).
    pub level: u8,
    pub seq: u64,
    /// Virtual time since boot.
    pub us: u64,
    pub text: String,
    /// `KEY=value` dictionary lines (`SUBSYSTEM=`, `DEVICE=`) as in `/dev/kmsg`.
    pub dict: Vec<String>,
}

/// A fault of kernel or module code, in the kernel's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oops {
    /// `BUG: kernel NULL pointer dereference, address: 0000000000000000`
    pub reason: String,
    pub comm: String,
    pub pid: i32,
    pub rip: Location,
    pub code: String,
    /// Register name and value, in the kernel's order.
    pub registers: Vec<(String, u64)>,
    /// Most recent call first; `sure: false` is printed with a leading `?`.
    pub trace: Vec<Frame>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    pub at: Location,
    pub sure: bool,
}

/// An address in words: symbol+offset/size [module], with section+offset for source lookups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    pub address: u64,
    pub symbol: Option<String>,
    pub offset: u64,
    pub size: u64,
    pub module: Option<String>,
    /// For addresses in modules: the ELF section and the offset in it.
    pub section: Option<(String, u64)>,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.symbol {
            Some(s) => write!(f, "{s}+{:#x}/{:#x}", self.offset, self.size)?,
            None => write!(f, "{:#x}", self.address)?,
        }
        if let Some(m) = &self.module {
            write!(f, " [{m}]")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Reply {
    /// The module is live.
    Loaded {
        name: String,
        load_us: u64,
        init_us: u64,
    },
    /// Done, with the call's result (bytes written, the ioctl's return value, 0).
    Done {
        result: i64,
    },
    /// A payload follows.
    Data {
        len: u64,
        result: i64,
    },
    Modules(Vec<LoadedModule>),
    Symbols {
        list: Vec<Symbol>,
        more: bool,
    },
    Entries(Vec<Entry>),
    Leaks(Vec<Leak>),
    Memory(Vec<MemoryArea>),
    Status(Status),
    /// The call failed with this errno (positive).
    Failed {
        errno: i32,
        stage: Stage,
    },
    /// komod's loader refused the module, for the reason with this code (`L-08`).
    Refused {
        errno: i32,
        code: String,
    },
    /// The code faulted; the Oops came before this.
    Crashed {
        stage: Stage,
    },
    /// The kernel panicked, with these words in its log, and takes no more requests.
    Panicked {
        stage: Stage,
        text: String,
    },
    /// The CPU-time limit stopped it; the Oops (of the place where it looped) came before this.
    Stopped {
        stage: Stage,
        cpu_seconds: u32,
    },
    /// The call waits for something that others may do (a kernel that stays); what was read so far
    /// is the payload. [`Request::Continue`] asks again.
    Waiting {
        id: u32,
    },
    /// Every task waits for ever (deadlock or lost wake-up).
    Deadlock {
        stage: Stage,
        waiting: Vec<String>,
    },
    /// A program has ended.
    Exited(Exit),
}

/// How a program ended (wait(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    Status(i32),
    Signal(i32),
}

/// Where a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The loader refused it.
    Load,
    /// `module_init` did it.
    Init,
    /// `module_exit` did it.
    Exit,
    /// A file operation did it.
    Call,
    /// Background work (timers, work items, threads) did it.
    Background,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadedModule {
    pub name: String,
    pub size: u64,
    pub refcount: i64,
    pub used_by: Vec<String>,
    /// `Live`, `Loading`, `Unloading`.
    pub state: String,
    pub address: u64,
    pub taints: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Symbol {
    pub address: u64,
    /// The letter `nm` uses.
    pub kind: char,
    pub name: String,
    pub module: Option<String>,
    pub exported: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    pub inode: u64,
    /// `DT_*` of readdir.
    pub kind: u8,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Leak {
    pub address: u64,
    pub size: u64,
    /// `kmalloc-64`, a cache's name, `pages`, `vmalloc`, `percpu`.
    pub what: String,
    pub caller: Location,
}

/// A piece of a module's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryArea {
    /// `core` or `init` (before Linux 6.4), `text`, `data`, `rodata` and so on (from then on),
    /// `percpu`.
    pub name: String,
    pub address: u64,
    pub len: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    pub release: String,
    pub virtual_ns: u64,
    pub tainted: u64,
    pub taints: String,
    pub tasks: Vec<String>,
    pub live_objects: u64,
    pub live_bytes: u64,
}

/// Writes one frame.
pub fn send<T: Serialize>(w: &mut impl Write, message: &T, payload: &[u8]) -> io::Result<()> {
    let json = serde_json::to_vec(message)?;
    let mut head = Vec::with_capacity(8 + json.len());
    head.extend_from_slice(&(json.len() as u32).to_le_bytes());
    head.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    head.extend_from_slice(&json);
    w.write_all(&head)?;
    w.write_all(payload)
}

/// Reads one frame; `Ok(None)` at a clean end of the stream.
pub fn receive<T: serde::de::DeserializeOwned>(
    r: &mut impl Read,
) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut head = [0u8; 8];
    let mut got = 0;
    while got < head.len() {
        match r.read(&mut head[got..]) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let word = |i: usize| u32::from_le_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]);
    let (json_len, payload_len) = (word(0) as usize, word(4) as usize);
    if json_len > MAX_JSON || payload_len > MAX_PAYLOAD {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too large"));
    }
    let mut json = vec![0; json_len];
    r.read_exact(&mut json)?;
    let mut payload = vec![0; payload_len];
    r.read_exact(&mut payload)?;
    let message = serde_json::from_slice(&json)
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
    Ok(Some((message, payload)))
}
