//! What a board is like, asked by its shell alone.

use super::super::RealError;
use super::connection::Connection;
use std::collections::BTreeMap;

/// Each line is a fact. Beside the POSIX shell, nothing has to be there.
const SCRIPT: &str = r#"
has() { command -v "$1" >/dev/null 2>&1; }
echo "begin"
echo "machine=$(uname -m 2>/dev/null)"
echo "release=$(uname -r 2>/dev/null || cat /proc/sys/kernel/osrelease)"
u=$(id -u 2>/dev/null) || u=$(sed -n 's/^Uid:[^0-9]*\([0-9]*\).*/\1/p' /proc/self/status)
echo "user=$u"
if [ "$u" != 0 ] && has sudo && sudo -n true >/dev/null 2>&1; then echo "sudo=1"; fi
for tool in gzip insmod rmmod dmesg tail dd; do if has $tool; then echo "has=$tool"; fi; done
echo "end"
"#;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    /// As `uname -m` says it.
    pub machine: String,
    /// As `uname -r` says it.
    pub release: String,
    /// Not root, but `sudo` asks for no password.
    pub sudo: bool,
    tools: Vec<String>,
}

impl Board {
    pub fn ask(connection: &Connection) -> Result<Board, RealError> {
        let output = connection.run(SCRIPT, &[])?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        Board::read(&said).ok_or_else(|| RealError::NoShell {
            board: connection.board().to_owned(),
            said: format!("{said}{}", String::from_utf8_lossy(&output.stderr)).trim().to_owned(),
        })
    }

    /// What a login script says before or behind does not count.
    fn read(said: &str) -> Option<Board> {
        let lines = said.lines().map(str::trim_end);
        let facts: Vec<&str> =
            lines.skip_while(|l| *l != "begin").take_while(|l| *l != "end").collect();
        if !said.lines().any(|l| l.trim_end() == "end") {
            return None;
        }
        let pairs = facts.iter().filter_map(|l| l.split_once('='));
        let tools = pairs.clone().filter(|(k, _)| *k == "has").map(|(_, v)| v.to_owned()).collect();
        let facts: BTreeMap<&str, &str> = pairs.collect();
        let fact = |name: &str| facts.get(name).map(|v| (*v).to_owned()).filter(|v| !v.is_empty());
        Some(Board {
            machine: fact("machine").unwrap_or_default(),
            release: fact("release")?,
            sudo: fact("sudo").is_some(),
            tools,
        })
    }

    pub fn has(&self, tool: &str) -> bool {
        self.tools.iter().any(|t| t == tool)
    }

    /// What stands before a command that needs root.
    pub fn as_root(&self) -> &'static str {
        if self.sudo { "sudo -n " } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_stand_between_two_lines() {
        let said = "Welcome!\nbegin\nmachine=x86_64\nrelease=6.1.0\nuser=1000\nsudo=1\nhas=gzip\n\
                    end\nbye\n";
        let board = Board::read(said).unwrap();
        assert_eq!((board.machine.as_str(), board.release.as_str()), ("x86_64", "6.1.0"));
        assert!(board.sudo && board.has("gzip") && !board.has("dmesg"));
        assert_eq!(Board::read("begin\nrelease=6.1.0\n"), None);
        assert_eq!(Board::read("This account is closed.\n"), None);
    }

    #[test]
    fn this_machines_shell_knows_them() {
        let out = std::process::Command::new("sh").args(["-c", SCRIPT]).output().unwrap();
        let board = Board::read(&String::from_utf8_lossy(&out.stdout)).unwrap();
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(board.release, release.trim());
        assert_eq!(board.machine, std::env::consts::ARCH);
    }
}
