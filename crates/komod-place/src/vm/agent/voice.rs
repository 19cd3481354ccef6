//! What the agent says, from any of its threads.

use crate::vm::wire::Answer;
use komod_process::protocol;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Says frames whole.
#[derive(Clone)]
pub struct Voice(Arc<Mutex<File>>);

impl Voice {
    pub fn new(line: File) -> Voice {
        Voice(Arc::new(Mutex::new(line)))
    }

    pub fn say(&self, answer: &Answer, payload: &[u8]) -> io::Result<()> {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        protocol::send(&mut *line, answer, payload)
    }
}
