//! A board on this machine: an sshd of the test's own, on a free port of the loopback.

use super::User;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = "/usr/sbin/sshd";

/// The server; without one, the test is skipped or, where that is not acceptable, fails.
pub fn is_there() -> bool {
    let there = Path::new(PROGRAM).exists();
    let required =
        ["CI", "KOMOD_REQUIRE_KERNELS"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(there || !required, "no {PROGRAM}: ci/setup installs openssh-server");
    if !there {
        eprintln!("SKIPPED: no {PROGRAM} (openssh-server)");
    }
    there
}

/// A pair of keys; gives the secret one's path.
pub fn key(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path);
    assert!(command.status().expect("ssh-keygen").success());
    path
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What the user's ssh knows of the board; gives what `KOMOD_SSH` is to be.
pub fn client(user: &User, name: &str, port: u16, login: &str, key: &Path) -> String {
    let known = user.dir.join("known");
    let config = user.file(
        &format!("ssh-{name}"),
        format!(
            "Host {name}\nHostName 127.0.0.1\nPort {port}\nUser {login}\nIdentityFile {}\n\
             IdentitiesOnly yes\nIdentityAgent none\nStrictHostKeyChecking no\n\
             UserKnownHostsFile {}\nLogLevel ERROR\n",
            key.display(),
            known.display()
        ),
    );
    format!("ssh -F {}", config.display())
}

pub struct Sshd {
    child: Child,
    /// For `KOMOD_SSH`.
    pub ssh: String,
}

impl Sshd {
    /// Commands of the board are looked for in `path` first.
    pub fn start(user: &User, path: &Path) -> Sshd {
        let dir = &user.dir;
        // Its folder for a process without rights; only root needs it.
        let _ = std::fs::create_dir_all("/run/sshd");
        let (host, own) = (key(dir, "host-key"), key(dir, "user-key"));
        let port = free_port();
        let others = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let config = user.file(
            "sshd_config",
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}.pub\n\
                 StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n\
                 SetEnv PATH={}:{others} BASH_ENV= ENV= FAKE={}\n",
                host.display(),
                own.display(),
                path.display(),
                dir.display()
            ),
        );
        let child = Command::new(PROGRAM)
            .args(["-D", "-e", "-f"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(PROGRAM);
        let login = Command::new("id").arg("-un").output().expect("id").stdout;
        let login = String::from_utf8(login).unwrap();
        let ssh = client(user, "board", port, login.trim(), &own);
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "sshd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Sshd { child, ssh }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
