//! What the host wants done: jobs made of steps.

use std::fmt;

/// One module's turn: everything that happens between two [`crate::Report::Start`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub key: String,
    pub steps: Vec<Step>,
}

/// One thing to do. After a load that fails, the job's other loads and file steps are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `finit_module` of a file of the initramfs with this parameter string.
    Load { path: String, params: String },
    /// Give the kernel's background work this many milliseconds.
    Settle { ms: u64 },
    /// Read a file and report its lines.
    Read { path: String },
    /// Write a text to a file.
    Write { path: String, text: String },
    /// `delete_module`, if this job loaded it.
    Unload { name: String },
    /// `finit_module` of any file, whatever has happened before; the name reported is the path, and
    /// what the kernel logged is reported before it.
    Insert { path: String, flags: u32, who: Who, params: String },
    /// `delete_module`, whoever loaded it.
    Remove { name: String },
}

/// Who asks for a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Root.
    Root,
    /// A thread without capabilities.
    Nobody,
    /// Root, who does not wait for the end: the module's init does not come back, or not soon. The
    /// result is [`NOT_WAITED`].
    Behind,
    /// Root, with a file that is opened for writing only.
    WriteOnly,
    /// Root, while another has the file open for writing.
    BeingWritten,
    /// Root, with the folder that the file is in.
    Folder,
}

/// The result of a load that nobody waits for.
pub const NOT_WAITED: i32 = 1;

impl Who {
    const ALL: [(Who, &str); 6] = [
        (Who::Root, "root"),
        (Who::Nobody, "nobody"),
        (Who::Behind, "behind"),
        (Who::WriteOnly, "write-only"),
        (Who::BeingWritten, "being-written"),
        (Who::Folder, "folder"),
    ];

    fn word(self) -> &'static str {
        Who::ALL.iter().find(|(who, _)| *who == self).map_or("root", |(_, word)| word)
    }

    fn parse(word: &str) -> Option<Who> {
        Who::ALL.iter().find(|(_, known)| *known == word).map(|(who, _)| *who)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Load { path, params } => write!(f, "load\t{path}\t{params}"),
            Step::Settle { ms } => write!(f, "settle\t{ms}"),
            Step::Read { path } => write!(f, "read\t{path}"),
            Step::Write { path, text } => write!(f, "write\t{path}\t{}", escape(text)),
            Step::Unload { name } => write!(f, "unload\t{name}"),
            Step::Insert { path, flags, who, params } => {
                write!(f, "insert\t{path}\t{flags}\t{}\t{}", who.word(), escape(params))
            }
            Step::Remove { name } => write!(f, "remove\t{name}"),
        }
    }
}

impl Step {
    /// Reads what [`Step`]'s `Display` writes.
    pub fn parse(line: &str) -> Option<Step> {
        let (verb, rest) = line.split_once('\t')?;
        let two = || rest.split_once('\t').map(|(a, b)| (a.to_owned(), b.to_owned()));
        Some(match verb {
            "load" => {
                let (path, params) = two()?;
                Step::Load { path, params }
            }
            "settle" => Step::Settle { ms: rest.parse().ok()? },
            "read" => Step::Read { path: rest.to_owned() },
            "write" => {
                let (path, text) = two()?;
                Step::Write { path, text: unescape(&text) }
            }
            "unload" => Step::Unload { name: rest.to_owned() },
            "insert" => {
                let mut fields = rest.splitn(4, '\t');
                Step::Insert {
                    path: fields.next()?.to_owned(),
                    flags: fields.next()?.parse().ok()?,
                    who: Who::parse(fields.next()?)?,
                    params: unescape(fields.next()?),
                }
            }
            "remove" => Step::Remove { name: rest.to_owned() },
            _ => return None,
        })
    }
}

/// A text on one line.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

/// Undoes the escapes of a written text: `\n` and `\\`.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next() == Some('n') => out.push('\n'),
            c => out.push(c),
        }
    }
    out
}

/// The job file's text: `job<TAB>KEY`, then the job's steps.
pub fn render_jobs(jobs: &[Job]) -> String {
    let mut out = String::new();
    for job in jobs {
        out.push_str(&format!("job\t{}\n", job.key));
        for step in &job.steps {
            out.push_str(&format!("{step}\n"));
        }
    }
    out
}

/// Reads what [`render_jobs`] writes; the error is the line that makes no sense.
pub fn parse_jobs(text: &str) -> Result<Vec<Job>, String> {
    let mut jobs: Vec<Job> = Vec::new();
    for line in text.lines() {
        if let Some(key) = line.strip_prefix("job\t") {
            jobs.push(Job { key: key.to_owned(), steps: Vec::new() });
            continue;
        }
        let step = Step::parse(line).ok_or_else(|| line.to_owned())?;
        jobs.last_mut().ok_or_else(|| line.to_owned())?.steps.push(step);
    }
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_survive_the_trip() {
        let jobs = vec![
            Job {
                key: "kernel/lib/crc8.ko".into(),
                steps: vec![
                    Step::Load { path: "/m/crc8.ko".into(), params: String::new() },
                    Step::Settle { ms: 50 },
                    Step::Read { path: "/proc/modules".into() },
                    Step::Write { path: "/proc/x".into(), text: "a\tb\\n\n".into() },
                    Step::Unload { name: "crc8".into() },
                    Step::Insert {
                        path: "/m/1.ko".into(),
                        flags: 3,
                        who: Who::Nobody,
                        params: "a=\"b\tc\" d\n".into(),
                    },
                    Step::Remove { name: "hello".into() },
                ],
            },
            Job { key: "empty".into(), steps: vec![] },
        ];
        assert_eq!(parse_jobs(&render_jobs(&jobs)), Ok(jobs));
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(parse_jobs("settle\t5\n"), Err("settle\t5".into()));
        assert_eq!(parse_jobs("job\tx\ndance\t5\n"), Err("dance\t5".into()));
        assert_eq!(parse_jobs("job\tx\nsettle\tsoon\n"), Err("settle\tsoon".into()));
    }
}
