//! Initramfs archives in the "newc" format (kernel
//! `Documentation/driver-api/early-userspace/buffer-format.rst`).
//!
//! Written by hand so that the same content always gives the same bytes: no times, no owners,
//! inode numbers by position.

/// An archive in the making.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

const DIRECTORY: u32 = 0o040_755;
const EXECUTABLE: u32 = 0o100_755;
const FILE: u32 = 0o100_644;

impl Archive {
    pub fn directory(&mut self, path: &str) {
        self.entry(path, DIRECTORY, &[]);
    }

    pub fn executable(&mut self, path: &str, data: &[u8]) {
        self.entry(path, EXECUTABLE, data);
    }

    pub fn file(&mut self, path: &str, data: &[u8]) {
        self.entry(path, FILE, data);
    }

    /// The finished archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, data: &[u8]) {
        self.entries += 1;
        let links = if mode == DIRECTORY { 2 } else { 1 };
        let name = path.trim_start_matches('/');
        let fields = [
            self.entries,          // inode
            mode,                  //
            0,                     // uid
            0,                     // gid
            links,                 //
            0,                     // mtime
            data.len() as u32,     //
            0,                     // device major
            0,                     // device minor
            0,                     // special major
            0,                     // special minor
            name.len() as u32 + 1, // with its NUL
            0,                     // checksum: only for the "crc" format
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(data);
        self.align();
    }

    /// Names and data begin at multiples of four.
    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    fn archive() -> Vec<u8> {
        let mut a = Archive::default();
        a.directory("/m");
        a.executable("/init", b"#!/bin/sh\n");
        a.file("/m/x.ko", b"12345");
        a.finish()
    }

    #[test]
    fn same_content_same_bytes() {
        assert_eq!(archive(), archive());
        assert_eq!(archive().len() % 4, 0);
    }

    /// The oracle: GNU cpio lists what was put in.
    #[test]
    fn cpio_reads_it() {
        let mut child = Command::new("cpio")
            .args(["-itv", "--quiet", "--numeric-uid-gid"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cpio is installed by ci/setup");
        child.stdin.take().unwrap().write_all(&archive()).unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success());
        let text = String::from_utf8(out.stdout).unwrap();
        let names: Vec<(&str, &str)> = text
            .lines()
            .map(|l| (l.split(' ').next().unwrap(), l.rsplit(' ').next().unwrap()))
            .collect();
        assert_eq!(names, [("drwxr-xr-x", "m"), ("-rwxr-xr-x", "init"), ("-rw-r--r--", "m/x.ko")]);
    }
}
