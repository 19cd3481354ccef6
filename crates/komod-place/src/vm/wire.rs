//! What travels between a virtual machine's host and the agent in it. Frames are those of
//! [`komod_process::protocol`].

use komod_process::protocol::{Event, Reply, Request};
use serde::{Deserialize, Serialize};

/// Both sides must be of one version; raised whenever a message changes.
pub const VERSION: u32 = 2;
/// Why the agent does not speak with a host of this version, if it does not.
pub fn stranger(version: u32) -> Option<String> {
    let why = || format!("the agent speaks version {VERSION}, the host version {version}");
    (version != VERSION).then(why)
}

/// The name of the serial port that the agent speaks on (`/sys/class/virtio-ports/*/name`).
pub const PORT: &str = "komod";

/// From the host to the agent, one at a time.
#[derive(Debug, Serialize, Deserialize)]
pub enum Ask {
    /// The first of all. The machine may be a copy of one that stopped long ago: this is the
    /// time, and the payload is for its random numbers. Answer: [`Answer::Awake`].
    Wake {
        version: u32,
        /// Nanoseconds since the epoch.
        unix_ns: u64,
        /// How long a call may wait for something without an end.
        patience_ms: u64,
        /// The log is wanted from the boot's first record on.
        whole_log: bool,
    },
    /// The first of all to an agent on a machine that is not ours alone: a host, a board. Answer:
    /// [`Answer::Here`].
    Begin {
        version: u32,
        patience_ms: u64,
        /// When the line ends, unload what was loaded over it and is still there.
        tidy: bool,
    },
    /// Answers: any number of [`Answer::Event`], of which the last is a reply.
    Do(Request),
    /// All of the kernel's log, or only what comes from now on (`new`), and what comes as long as
    /// the line stands (`follow`), in the same form.
    Log { follow: bool, new: bool },
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Unasked, when the agent listens: from now on the machine can be copied.
    Ready {
        version: u32,
        release: String,
        /// What came of the modules that were to be loaded early, in their order.
        early: Vec<(String, Reply)>,
    },
    /// What the kernel has logged before this time (microseconds since its boot) is nobody's.
    Awake {
        log_us: u64,
    },
    /// The agent is ready.
    Here {
        version: u32,
        release: String,
        /// Why the kernel's log cannot be read, if so.
        log: Result<(), String>,
    },
    Event(Event),
    /// A call is still under way, and the machine is alive.
    Alive,
    /// The agent cannot go on.
    Trouble(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_version_is_spoken() {
        assert_eq!(stranger(VERSION), None);
        for other in [0, VERSION - 1, VERSION + 1, u32::MAX] {
            assert!(stranger(other).is_some_and(|why| why.contains("host version")), "{other}");
        }
    }
}
