//! What tools say when they fail, as the kernel's error numbers: a shell gives no numbers.

use rustix::io::Errno;

/// Words that mean an error, in the order in which they are looked for: those of kmod
/// (`insmod: ERROR: could not insert module X: …`), of busybox (`insmod: can't insert 'X': …`) and
/// of strerror(3). All in small letters.
const WORDS: [(&str, Errno); 35] = [
    ("invalid module format", Errno::NOEXEC),
    ("exec format error", Errno::NOEXEC),
    ("unknown symbol in module", Errno::NOENT),
    ("invalid parameter", Errno::INVAL),
    ("wrong symbol version", Errno::SRCH),
    ("kernel does not have requested module", Errno::NOENT),
    ("is not currently loaded", Errno::NOENT),
    ("is in use", Errno::AGAIN),
    ("is builtin", Errno::NOENT),
    ("no such file", Errno::NOENT),
    // Shells have words of their own (dash: `cannot open /x: No such file`, `Directory nonexistent`).
    ("nonexistent", Errno::NOENT),
    ("file exists", Errno::EXIST),
    ("module exists", Errno::EXIST),
    ("operation not permitted", Errno::PERM),
    ("permission denied", Errno::ACCESS),
    ("resource temporarily unavailable", Errno::AGAIN),
    ("device or resource busy", Errno::BUSY),
    ("no such device or address", Errno::NXIO),
    ("no such device", Errno::NODEV),
    ("key was rejected by service", Errno::KEYREJECTED),
    ("required key not available", Errno::NOKEY),
    ("invalid argument", Errno::INVAL),
    ("cannot allocate memory", Errno::NOMEM),
    ("out of memory", Errno::NOMEM),
    ("bad message", Errno::BADMSG),
    ("function not implemented", Errno::NOSYS),
    ("does not support requested operation", Errno::NOSYS),
    ("is a directory", Errno::ISDIR),
    ("not a directory", Errno::NOTDIR),
    ("read-only file system", Errno::ROFS),
    ("no space left", Errno::NOSPC),
    ("not supported", Errno::OPNOTSUPP),
    ("numerical result out of range", Errno::RANGE),
    ("input/output error", Errno::IO),
    ("bad address", Errno::FAULT),
];

/// The error number behind a tool's words; `EIO` if nothing is known of them.
pub fn errno(said: &str) -> Errno {
    let said = said.to_lowercase();
    WORDS.iter().find(|(words, _)| said.contains(words)).map_or(Errno::IO, |(_, errno)| *errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_words_are_error_numbers() {
        for (said, number) in [
            ("insmod: ERROR: could not insert module x.ko: Invalid module format", Errno::NOEXEC),
            ("insmod: can't insert 'x.ko': invalid module format", Errno::NOEXEC),
            (
                "insmod: can't insert 'x.ko': unknown symbol in module, or unknown parameter",
                Errno::NOENT,
            ),
            ("insmod: ERROR: could not insert module x.ko: File exists", Errno::EXIST),
            ("rmmod: ERROR: Module x is in use by: y", Errno::AGAIN),
            ("rmmod: ERROR: Module x is not currently loaded", Errno::NOENT),
            ("cat: /x: Permission denied", Errno::ACCESS),
            ("sh: 1: cannot create /x/y: Directory nonexistent", Errno::NOENT),
            ("what?", Errno::IO),
        ] {
            assert_eq!(errno(said), number, "{said}");
        }
    }
}
