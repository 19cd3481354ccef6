//! The folder with the servers' files, and which servers there are.
//!
//! Whoever can write into it decides what is compiled, so it must belong to the user and be closed
//! to everybody else. Of a server NAME it holds `NAME.plan` (see [`Plan`]; its time is that of the
//! last use), `NAME.sock` once it waits for requests, and `NAME.log`, into which a server that
//! cannot do its work says why; of a shared server also `NAME.c`, the preamble, and `NAME.good` once
//! it has proved its worth.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::Signal;

use super::NotWarm;
use super::plan::Plan;

/// A server that has not come up after this time never does (its own limit is 120 s).
const STARTING: Duration = Duration::from_secs(125);
/// What a server says at most.
const COMPLAINT: usize = 4096;

#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Opens or makes the folder.
    pub fn open(path: &Path) -> Result<Folder, NotWarm> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(NotWarm::io(path)(e)),
            _ => {}
        }
        let meta = fs::symlink_metadata(path).map_err(NotWarm::io(path))?;
        let own = meta.uid() == rustix::process::getuid().as_raw();
        if !meta.is_dir() || !own || meta.mode() & 0o077 != 0 {
            return Err(NotWarm::NotPrivate(path.to_owned()));
        }
        Ok(Folder(path.to_owned()))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A server's file.
    pub fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.0.join(format!("{name}.{kind}"))
    }

    /// A server's plan, if it was ever started.
    pub fn plan(&self, name: &str) -> Option<Plan> {
        Plan::from_bytes(&fs::read(self.file(name, "plan")).ok()?)
    }

    /// Writes a server's plan, whole or not at all.
    pub fn write_plan(&self, name: &str, plan: &Plan) -> Result<(), NotWarm> {
        let (path, new) = (self.file(name, "plan"), self.file(name, "plan.new"));
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true).mode(0o600);
        options
            .open(&new)
            .and_then(|mut file| file.write_all(&plan.to_bytes()))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(NotWarm::io(path))
    }

    /// An empty file for what the server says.
    pub fn new_log(&self, name: &str) -> Result<File, NotWarm> {
        let path = self.file(name, "log");
        let _ = fs::remove_file(&path); // another server may still write to the old one
        let mut options = OpenOptions::new();
        options.create_new(true).append(true).mode(0o600);
        options.open(&path).map_err(NotWarm::io(path))
    }

    /// What a server said that gave up.
    pub fn complaint(&self, name: &str) -> Option<String> {
        let text = fs::read(self.file(name, "log")).ok()?;
        let text = &text[..text.len().min(COMPLAINT)];
        let text = String::from_utf8_lossy(text).trim_end().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// The shared server makes what the plain compiler makes.
    pub fn trust(&self, name: &str) -> io::Result<()> {
        fs::write(self.file(name, "good"), "")
    }

    /// Was that said of it?
    pub fn is_trusted(&self, name: &str) -> bool {
        self.file(name, "good").exists()
    }

    /// Only one of those that start servers goes on at a time, as long as it keeps this.
    pub fn lock(&self) -> Result<File, NotWarm> {
        let path = self.0.join("starting");
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(&path);
        let file = file.map_err(NotWarm::io(&path))?;
        let locked = rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive);
        locked.map_err(|e| NotWarm::io(&path)(e.into()))?;
        Ok(file)
    }

    /// Is the server on its way?
    pub fn is_starting(&self, name: &str) -> bool {
        self.plan(name).is_some()
            && self.complaint(name).is_none()
            && self.age(name).is_some_and(|age| age < STARTING)
    }

    /// Connects to a server. Never waits: one with a long queue counts as missing.
    pub fn connect(&self, name: &str) -> io::Result<UnixStream> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(self.file(name, "sock"))?)?;
        let stream = UnixStream::from(socket);
        stream.set_nonblocking(false)?;
        Ok(stream)
    }

    /// The server was of use just now.
    pub fn touch(&self, name: &str) {
        let file = OpenOptions::new().write(true).open(self.file(name, "plan"));
        let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// Removes the socket of a server that is no more.
    pub fn tidy(&self, name: &str) {
        let socket = self.file(name, "sock");
        if socket.exists() {
            let _ = fs::remove_file(socket);
            let _ = fs::remove_file(self.file(name, "plan"));
        }
    }

    /// Ends a server and removes its files. Compilations that it has begun go on.
    pub fn end(&self, name: &str) {
        if let Ok(stream) = self.connect(name)
            && let Ok(peer) = rustix::net::sockopt::socket_peercred(&stream)
        {
            let _ = rustix::process::kill_process(peer.pid, Signal::KILL);
        }
        for kind in ["good", "sock", "plan", "log", "s", "c"] {
            let _ = fs::remove_file(self.file(name, kind));
        }
    }

    /// The servers that were started and not ended, the one longest unused first.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries
            .filter_map(|entry| {
                let name = entry.file_name().to_str()?.strip_suffix(".plan")?.to_owned();
                Some((entry.metadata().ok()?.modified().ok()?, name))
            })
            .collect();
        names.sort();
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// Makes room: at most `keep` servers stay, and nothing of those that ended long ago.
    pub fn keep(&self, keep: usize, lifetime: Duration) {
        let (alive, gone): (Vec<_>, Vec<_>) = self
            .names()
            .into_iter()
            .partition(|name| self.file(name, "sock").exists() || self.is_starting(name));
        for name in gone.iter().filter(|name| self.age(name).is_some_and(|age| age > lifetime)) {
            self.end(name);
        }
        for name in &alive[..alive.len().saturating_sub(keep)] {
            self.end(name);
        }
    }

    /// Ends the server that was longest of no use.
    pub fn end_oldest(&self) {
        if let Some(name) = self.names().first() {
            self.end(name);
        }
    }

    fn age(&self, name: &str) -> Option<Duration> {
        fs::metadata(self.file(name, "plan")).ok()?.modified().ok()?.elapsed().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("komod-warm-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        dir
    }

    fn plan() -> Plan {
        Plan { preamble: "0".repeat(64), assembler: vec!["as".into(), "x.s".into()] }
    }

    #[test]
    fn only_a_folder_of_ones_own() {
        let dir = scratch("own");
        Folder::open(&dir.join("a")).unwrap();
        Folder::open(&dir.join("a")).unwrap();
        fs::set_permissions(dir.join("a"), PermissionsExt::from_mode(0o755)).unwrap();
        assert!(matches!(Folder::open(&dir.join("a")), Err(NotWarm::NotPrivate(_))));
        assert!(matches!(Folder::open(&dir.join("b/c")), Err(NotWarm::Io { .. })));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_longest_unused_gives_way() {
        let dir = scratch("lru");
        let folder = Folder::open(&dir.join("a")).unwrap();
        for (age, name) in [(30, "x"), (20, "y"), (10, "z")] {
            folder.write_plan(name, &plan()).unwrap();
            let time = SystemTime::now() - Duration::from_secs(age);
            File::options()
                .write(true)
                .open(folder.file(name, "plan"))
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
        folder.touch("x");
        assert_eq!(folder.names(), ["y", "z", "x"]);
        folder.keep(2, Duration::from_secs(1000));
        assert_eq!(folder.names(), ["z", "x"]);
        // One that gave up takes no room, but is remembered for a while.
        writeln!(folder.new_log("z").unwrap(), "no").unwrap();
        assert_eq!(folder.complaint("z").as_deref(), Some("no"));
        folder.keep(1, Duration::from_secs(1000));
        assert_eq!(folder.names(), ["z", "x"]);
        folder.keep(1, Duration::from_secs(5));
        assert_eq!(folder.names(), ["x"]);
        fs::remove_dir_all(dir).unwrap();
    }
}
