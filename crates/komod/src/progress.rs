//! One line on stderr that says what takes long. It appears only on a terminal, only after a
//! while, and goes away when the work is done.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Work shorter than this needs no explanation.
const PATIENCE: Duration = Duration::from_millis(500);
const BETWEEN: Duration = Duration::from_millis(80);

/// The line; it goes away with this value.
#[derive(Debug)]
pub struct Progress(Option<(Sender<String>, JoinHandle<()>)>);

impl Progress {
    pub fn start(text: impl Into<String>) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress(None);
        }
        let (texts, inbox) = channel::<String>();
        let _ = texts.send(text.into());
        let thread = std::thread::spawn(move || {
            let mut fresh = None;
            let mut drawn = false;
            let mut next = Instant::now() + PATIENCE;
            loop {
                match inbox.recv_timeout(next.saturating_duration_since(Instant::now())) {
                    Ok(text) => fresh = Some(text),
                    Err(RecvTimeoutError::Timeout) => {
                        if let Some(text) = fresh.take() {
                            draw(&text);
                            drawn = true;
                        }
                        next = Instant::now() + BETWEEN;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            if drawn {
                draw("");
            }
        });
        Progress(Some((texts, thread)))
    }

    /// Takes the line away until there is something new, so that others can write.
    pub fn pause(&self) {
        if let Some((texts, _)) = &self.0 {
            let _ = texts.send(String::new());
            draw("");
        }
    }

    pub fn set(&self, text: impl Into<String>) {
        if let Some((texts, _)) = &self.0 {
            let _ = texts.send(text.into());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((texts, thread)) = self.0.take() {
            drop(texts);
            let _ = thread.join();
        }
    }
}

fn draw(text: &str) {
    let width = rustix::termios::tcgetwinsize(std::io::stderr())
        .map_or(80, |size| usize::from(size.ws_col));
    // Terminals that do not know their width say 0.
    let width = if width < 20 { 80 } else { width };
    let text: String = text.chars().take(width - 1).collect();
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "\r\x1b[K{text}");
    let _ = stderr.flush();
}

/// Bytes as people read them.
pub fn bytes(n: u64) -> String {
    match n {
        0..=9_999 => format!("{n} B"),
        10_000..=9_999_999 => format!("{} kB", n / 1000),
        _ => format!("{}.{} MB", n / 1_000_000, n / 100_000 % 10),
    }
}

/// Microseconds as people read them.
pub fn microseconds(us: u64) -> String {
    match us {
        0..=999 => format!("{us} µs"),
        1_000..=9_999 => format!("{}.{} ms", us / 1000, us / 100 % 10),
        10_000..=999_999 => format!("{} ms", us / 1000),
        _ => format!("{}.{} s", us / 1_000_000, us / 100_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(67_800_000), "67.8 MB");
        assert_eq!(microseconds(25), "25 µs");
        assert_eq!(microseconds(1_540), "1.5 ms");
        assert_eq!(microseconds(350_000), "350 ms");
        assert_eq!(microseconds(2_340_000), "2.3 s");
    }
}
