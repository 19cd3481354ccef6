//! What `dmesg --help` says.

use super::names::{FACILITIES, LEVELS};

/// So many facilities are shown; the others are known, too.
const SHOWN_FACILITIES: usize = 8;

const OPTIONS: &str = "
Usage:
 dmesg [options]

Display or control the kernel ring buffer.

Options:
 -C, --clear                 clear the kernel ring buffer
 -c, --read-clear            read and clear all messages
 -D, --console-off           disable printing messages to console
 -E, --console-on            enable printing messages to console
 -F, --file <file>           use the file instead of the kernel log buffer
 -f, --facility <list>       restrict output to defined facilities
 -H, --human                 human readable output
 -J, --json                  use JSON output format
 -k, --kernel                display kernel messages
 -L, --color[=<when>]        colorize messages (auto, always or never)
                               colors are enabled by default
 -l, --level <list>          restrict output to defined levels
 -n, --console-level <level> set level of messages printed to console
 -P, --nopager               do not pipe output into a pager
 -p, --force-prefix          force timestamp output on each line of multi-line messages
 -r, --raw                   print the raw message buffer
     --noescape              don't escape unprintable character
 -S, --syslog                force to use syslog(2) rather than /dev/kmsg
 -s, --buffer-size <size>    buffer size to query the kernel ring buffer
 -u, --userspace             display userspace messages
 -w, --follow                wait for new messages
 -W, --follow-new            wait and print only new messages
 -x, --decode                decode facility and level to readable string
 -d, --show-delta            show time delta between printed messages
 -e, --reltime               show local time and time delta in readable format
 -T, --ctime                 show human-readable timestamp (may be inaccurate!)
 -t, --notime                don't show any timestamp with messages
     --time-format <format>  show timestamp using the given format:
                               [delta|reltime|ctime|notime|iso]
Suspending/resume will make ctime and iso timestamps inaccurate.
     --since <time>          display the lines since the specified time
     --until <time>          display the lines until the specified time

 -h, --help                  display this help
 -V, --version               display version
";

const OWN: &str = "
Only in komod:
     --module <name>         only what a module logs: lines that begin with its name or
                               that of a driver of it, records of devices that its
                               drivers have, lines of reports that name [<name>]
     --fold                  a record that comes again at once is shown once, with
                               how often: (5 times)

Examples:
 dmesg -l err,warn -T        what went wrong, and when
 dmesg -w --module e1000e    what a driver says, as it comes
";

pub fn text() -> String {
    let list = |title: &str, names: &[(&str, &str)], width: usize| {
        let rows: String =
            names.iter().map(|(name, what)| format!("{name:>width$} - {what}\n")).collect();
        format!("\nSupported log {title}:\n{rows}")
    };
    let facilities = list("facilities", &FACILITIES[..SHOWN_FACILITIES], 8);
    let levels = list("levels (priorities)", &LEVELS, 8);
    format!("{OPTIONS}{facilities}{levels}{OWN}\nFor more details see dmesg(1).\n")
}
