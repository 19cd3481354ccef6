//! The client's side of gdb's remote protocol (gdb's manual, appendix "Remote Protocol"), as far
//! as it takes to stop a machine at an address and read its memory.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

/// Answers beyond this are no answers.
const MAX_PACKET: usize = 1 << 20;
/// As much memory as one question may ask for (QEMU 7.2 takes 4096 bytes of answer).
const PIECE: usize = 1024;
/// x86-64: sixteen general registers in gdb's order, then the instruction pointer
/// (`gdb/features/i386/64bit-core.xml`).
const RDI: usize = 5;
const RIP: usize = 16;

pub struct Remote<S>(S);

/// Where the machine has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    pub rip: u64,
    /// The first argument of a function that is just entered.
    pub rdi: u64,
}

impl Remote<UnixStream> {
    /// Closes the line, whoever else holds it.
    pub fn hang_up(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl<S: Read + Write> Remote<S> {
    pub fn new(stream: S) -> Remote<S> {
        Remote(stream)
    }

    /// Stops the machine at this address, from now on or no more.
    pub fn breakpoint(&mut self, address: u64, on: bool) -> io::Result<()> {
        let letter = if on { 'Z' } else { 'z' };
        match self.ask(&format!("{letter}1,{address:x},1"))?.as_str() {
            "OK" => Ok(()),
            other => Err(io::Error::other(format!("no breakpoint: {other:?}"))),
        }
    }

    /// Lets the machine run; it is not waited for.
    pub fn go_on(&mut self) -> io::Result<()> {
        self.send("c")
    }

    /// Waits until it has stopped.
    pub fn stopped(&mut self) -> io::Result<Stop> {
        loop {
            let said = self.receive()?;
            if said.starts_with(['T', 'S']) {
                break;
            }
            if said.starts_with(['W', 'X']) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let registers = bytes(&self.ask("g")?)?;
        let register = |n: usize| {
            let bytes = registers.get(n * 8..n * 8 + 8)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        match (register(RIP), register(RDI)) {
            (Some(rip), Some(rdi)) => Ok(Stop { rip, rdi }),
            _ => Err(io::Error::other("too few registers")),
        }
    }

    /// Lets it run and says goodbye.
    pub fn detach(&mut self) -> io::Result<()> {
        self.ask("D").map(drop)
    }

    pub fn memory(&mut self, address: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        while all.len() < len {
            let piece = (len - all.len()).min(PIECE);
            let at = address.wrapping_add(all.len() as u64);
            let answer = self.ask(&format!("m{at:x},{piece:x}"))?;
            let piece = bytes(&answer)
                .map_err(|_| io::Error::other(format!("memory at {at:#x}: {answer}")))?;
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            all.extend(piece);
        }
        Ok(all)
    }

    pub fn number(&mut self, address: u64) -> io::Result<u64> {
        let bytes = self.memory(address, 8)?;
        Ok(bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    /// A text with a zero behind it.
    pub fn text(&mut self, address: u64, most: usize) -> io::Result<String> {
        let bytes = self.memory(address, most)?;
        let text = bytes.split(|b| *b == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn ask(&mut self, question: &str) -> io::Result<String> {
        self.send(question)?;
        loop {
            let answer = self.receive()?;
            // QEMU tells unasked that it has stopped for us.
            if !answer.starts_with('T') {
                return Ok(answer);
            }
        }
    }

    fn send(&mut self, packet: &str) -> io::Result<()> {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        self.0.write_all(format!("${packet}#{sum:02x}").as_bytes())
    }

    /// The next packet; the line is a socket, so nothing is ever asked for again.
    fn receive(&mut self) -> io::Result<String> {
        while self.byte()? != b'$' {}
        let mut packet = Vec::new();
        loop {
            match self.byte()? {
                b'#' => break,
                byte if packet.len() < MAX_PACKET => packet.push(byte),
                _ => return Err(io::Error::other("a packet without an end")),
            }
        }
        // The sum.
        self.byte()?;
        self.byte()?;
        self.0.write_all(b"+")?;
        String::from_utf8(packet).map_err(io::Error::other)
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.0.read_exact(&mut byte)?;
        Ok(byte[0])
    }
}

fn bytes(hex: &str) -> io::Result<Vec<u8>> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok()?;
        // Registers that cannot be read are `xx`.
        if pair == "xx" { Some(0) } else { u8::from_str_radix(pair, 16).ok() }
    };
    let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(byte).collect();
    // `E14` is an error, and no number.
    bytes
        .filter(|_| hex.len().is_multiple_of(2))
        .ok_or_else(|| io::Error::other(format!("no hexadecimal number: {hex:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says these packets, whatever it is asked.
    fn remote(says: &'static [&'static str]) -> Remote<UnixStream> {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            for packet in says {
                write!(theirs, "+${packet}#00").unwrap();
            }
            theirs.shutdown(Shutdown::Write).unwrap();
            let _ = theirs.read_to_string(&mut String::new());
        });
        Remote::new(ours)
    }

    #[test]
    fn a_stop_has_its_registers() {
        let mut said = String::new();
        for n in 0..17u64 {
            said.extend((0x1000 + n).to_le_bytes().map(|b| format!("{b:02x}")));
        }
        let registers: &'static str = Box::leak(said.into_boxed_str());
        let says = Box::leak(Box::new(["T02thread:01;", "OK", "T05thread:01;", registers]));
        let mut r = remote(says);
        r.breakpoint(0x1234, true).unwrap();
        r.go_on().unwrap();
        assert_eq!(r.stopped().unwrap(), Stop { rip: 0x1010, rdi: 0x1005 });
    }

    #[test]
    fn refusals_and_ends_are_errors() {
        assert!(remote(&["E22"]).breakpoint(1, true).is_err());
        assert!(remote(&["E14"]).memory(1, 4).is_err());
        assert!(remote(&["W00"]).stopped().is_err());
        assert!(remote(&["T05", "00", "S00"]).stopped().is_err());
        assert_eq!(remote(&["6162", "6300"]).memory(1, 4).unwrap(), b"abc\0");
    }
}
