//! A kernel that stands: one that komod has started to stay, or one that was there before.

use super::place_error;
use crate::explained::Explained;
use crate::ground::Ground;
use anyhow::Result;
use komod_place::process::{Info, LogEntry, LogLine, LogRequest, Resident};
use komod_place::{Channel, Events, PlaceError};
use komod_process::protocol::{Reply, Request};
use std::ops::ControlFlow;
use std::path::Path;

pub enum Standing {
    Resident(Resident),
    Real(Box<Ground>),
}

impl Standing {
    pub fn info(&mut self) -> Result<Info, PlaceError> {
        match self {
            Standing::Resident(there) => there.info(),
            Standing::Real(ground) => Ok(ground.info()),
        }
    }

    /// Remembers which file a module is loaded from, where somebody stays who can.
    pub fn note_file(&mut self, module: &str, path: &Path) -> Result<(), PlaceError> {
        match self {
            Standing::Resident(there) => there.note_file(module, path),
            Standing::Real(_) => Ok(()),
        }
    }

    /// Gives the log's entries to `each` until they end or it has enough.
    pub fn log(
        &mut self,
        what: LogRequest,
        each: &mut dyn FnMut(LogEntry) -> ControlFlow<()>,
    ) -> Result<()> {
        let ground = match self {
            Standing::Resident(there) => {
                return Ok(there
                    .log(what, each)
                    .map_err(|e| place_error(&e, "reading the log"))?);
            }
            Standing::Real(ground) => ground,
        };
        if what.clear || what.all {
            let why = "the log of a kernel that komod has not started is cleared for everybody";
            return Err(Explained::usage(why).hint("dmesg --clear does it").into());
        }
        let take = &mut |record: komod_process::protocol::LogRecord| {
            each(LogEntry { number: record.seq, line: LogLine::Record(record) })
        };
        let read = ground.place.log(what.follow, what.only_new, take);
        Ok(read.map_err(|e| place_error(&e, "reading the log"))?)
    }
}

impl Channel for Standing {
    fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError> {
        match self {
            Standing::Resident(there) => there.call(request, payload, events),
            Standing::Real(ground) => ground.place.call(request, payload, events),
        }
    }
}
