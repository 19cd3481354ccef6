//! komod carried to a board: its own binary and the libraries it needs, in a folder of its own that
//! is gone as soon as the agent runs.

use super::super::RealError;
use super::board::Board;
use super::connection::Connection;
use super::quoting::quoted;
use crate::vm::{AGENT_OPTION, Executable, executable};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Makes a folder that programs can be run from, and says its name: `/tmp` may be mounted without.
const FOLDER: &str = r#"
umask 077
for dir in "$XDG_RUNTIME_DIR" /tmp /var/tmp /dev/shm /run "$HOME"; do
	[ -d "$dir" ] && [ -w "$dir" ] || continue
	folder=$dir/komod-NAME
	mkdir "$folder" 2>/dev/null || continue
	printf '#!/bin/sh\necho runs\n' >"$folder/probe" && chmod 700 "$folder/probe"
	if [ "$("$folder/probe" 2>/dev/null)" = runs ]; then
		rm -f "$folder/probe"
		printf 'folder=%s\n' "$folder"
		exit 0
	fi
	rm -rf "$folder"
done
exit 1
"#;

/// A folder on the board; it is removed with this value, if it is still there.
pub struct Carried<'a> {
    connection: &'a Connection,
    folder: String,
    /// What starts the agent.
    pub start: String,
}

/// Whether this binary could run there at all.
pub fn is_of_use(board: &Board) -> Result<(), String> {
    let ours = std::env::consts::ARCH;
    match board.machine == ours {
        true => Ok(()),
        false => Err(format!("komod here is for {ours}, the board is {}", board.machine)),
    }
}

impl<'a> Carried<'a> {
    pub fn carry(connection: &'a Connection, board: &Board) -> Result<Carried<'a>, RealError> {
        let Executable { data, libraries } = executable::read().map_err(RealError::Ourselves)?;
        let script = FOLDER.replace("NAME", &random_name()?);
        let output = connection.run(&script, &[])?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let folder = said.lines().find_map(|l| l.strip_prefix("folder=")).unwrap_or_default();
        if folder.is_empty() {
            return Err(RealError::NoFolder { board: connection.board().to_owned() });
        }
        let mut carried = Carried { connection, folder: folder.to_owned(), start: String::new() };
        let packed = board.has("gzip");
        // The dynamic linker is told the folder, whatever libraries the board has itself.
        let mut linker = None;
        for library in &libraries {
            let name = library.path.rsplit('/').next().unwrap_or_default();
            if name.starts_with("ld-") {
                linker = Some(name.to_owned());
            }
            carried.put(name, &library.data, packed)?;
        }
        carried.put("komod", &data, packed)?;
        let folder = quoted(&carried.folder);
        let program = match linker {
            Some(linker) => {
                format!("{folder}/{linker} --library-path {folder} {folder}/komod")
            }
            None => format!("{folder}/komod"),
        };
        carried.start = format!("exec {}{program} {AGENT_OPTION} {folder}", board.as_root());
        Ok(carried)
    }

    fn put(&self, name: &str, bytes: &[u8], packed: bool) -> Result<(), RealError> {
        let path = quoted(&format!("{}/{name}", self.folder));
        let script = match packed {
            true => format!("umask 077; gzip -dc >{path} && chmod 700 {path}"),
            false => format!("umask 077; cat >{path} && chmod 700 {path}"),
        };
        let output = match packed {
            true => self.connection.run(&script, &pack(bytes)),
            false => self.connection.run(&script, bytes),
        }?;
        match output.status.success() {
            true => Ok(()),
            false => Err(RealError::Copy {
                board: self.connection.board().to_owned(),
                why: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            }),
        }
    }
}

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        let _ = self.connection.run(&format!("rm -rf {}", quoted(&self.folder)), &[]);
    }
}

/// Quickly rather than tightly: the line is mostly faster than the packing.
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::fast());
    // Memory takes all that is written to it.
    let _ = packer.write_all(bytes);
    packer.finish().unwrap_or_default()
}

/// A name that nobody foresees: a folder that is there already is not taken.
pub fn random_name() -> Result<String, RealError> {
    let mut bytes = [0; 8];
    let read = std::fs::File::open("/dev/urandom")
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut bytes));
    read.map_err(|source| RealError::Start { program: "/dev/urandom".into(), source })?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}
