//! Oopses and warnings in a kernel's log, as data (`arch/x86/kernel/dumpstack.c`,
//! `process_64.c` and `kernel/panic.c` of Linux 6.1 and 6.12).

use komod_process::protocol::{Event, Frame, Location, LogRecord, Oops};

/// The first words of a report that leads to an Oops.
const REASONS: [&str; 8] = [
    "BUG: ",
    "kernel BUG at ",
    "general protection fault",
    "divide error",
    "invalid opcode",
    "stack segment",
    "int3: ",
    "Internal error",
];
/// The first words of reports that the kernel goes on after: misuse, and waits that were too long
/// (`kernel/sched/core.c`, `mm/page_alloc.c`, `mm/slub.c`, `kernel/watchdog.c`,
/// `kernel/rcu/tree_stall.h`, `kernel/hung_task.c`, `mm/oom_kill.c` of Linux 6.1).
const COMPLAINTS: [&str; 9] = [
    "BUG: scheduling while atomic",
    "BUG: sleeping function called",
    "BUG: Bad page state",
    "BUG: workqueue lockup",
    "BUG kmalloc-",
    "watchdog: BUG: soft lockup",
    "rcu: INFO: rcu_",
    "INFO: task ",
    "Out of memory: Killed process",
];
/// As many frames as one report is believed to have.
const MOST_FRAMES: usize = 512;

/// `__KERNEL_CS` (`arch/x86/include/asm/segment.h`, Linux 6.1), as a report names it.
const KERNEL_CODE: &str = "0010";

/// Reads records one by one.
#[derive(Default)]
pub struct Reports {
    /// The first line of a report whose `Oops` line may follow.
    reason: Option<String>,
    open: Option<Oops>,
    /// It is a machine stopped from outside: the interrupted code is what counts, which is named
    /// last.
    stopped: bool,
    in_trace: bool,
}

impl Reports {
    /// What the record completes: an [`Event::Oops`] at the end of its report, an
    /// [`Event::Warning`] or an [`Event::Complaint`] at the beginning.
    pub fn read(&mut self, record: &LogRecord) -> Option<Event> {
        let text = record.text.as_str();
        if let Some(at) = warning(text) {
            return Some(Event::Warning { at });
        }
        if COMPLAINTS.iter().any(|c| text.starts_with(c)) {
            return Some(Event::Complaint { text: text.to_owned() });
        }
        // `kernel BUG at` says more than the trap that BUG() is made of.
        let trap = is_oops(text) && self.reason.is_some();
        if REASONS.iter().any(|r| text.starts_with(r)) && self.open.is_none() && !trap {
            self.reason = Some(text.to_owned());
        }
        let stopped = text.starts_with("Kernel panic - not syncing: NMI");
        if is_oops(text) || stopped {
            let done = self.end();
            self.stopped = stopped;
            let reason = self.reason.take().unwrap_or_else(|| text.to_owned());
            self.open = Some(empty(reason));
            return done;
        }
        let Some(oops) = &mut self.open else { return None };
        if text.starts_with("---[ end ") || text.starts_with("Kernel panic") {
            return self.end();
        }
        if let Some(rest) = text.strip_prefix("CPU: ")
            && oops.comm.is_empty()
        {
            if let Some((_, rest)) = rest.split_once("PID: ") {
                oops.pid = rest.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default();
            }
            if let Some((_, rest)) = rest.split_once("Comm: ") {
                let end = [" Not tainted", " Tainted: "].iter().filter_map(|w| rest.find(w)).min();
                oops.comm = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default().to_owned();
            }
        } else if let Some((segment, at)) =
            text.strip_prefix("RIP: ").and_then(|rest| rest.split_once(':'))
        {
            let first = oops.rip == Location::default();
            if first || self.stopped && segment == KERNEL_CODE {
                oops.rip = location(at).unwrap_or_default();
            }
        } else if let Some(code) = text.strip_prefix("Code: ") {
            if oops.code.is_empty() {
                oops.code = code.trim().to_owned();
            }
        } else if text.starts_with("Call Trace:") {
            self.in_trace = true;
        } else if self.in_trace && oops.trace.len() < MOST_FRAMES {
            let text = text.trim_start();
            if text == "</TASK>" {
                self.in_trace = false;
            } else if let Some(frame) = frame(text) {
                oops.trace.push(frame);
            }
        } else if oops.trace.is_empty() {
            registers(text, &mut oops.registers);
        }
        None
    }

    /// Nothing more comes: what is open ends here.
    pub fn end(&mut self) -> Option<Event> {
        self.in_trace = false;
        self.open.take().map(|oops| Event::Oops(Box::new(oops)))
    }
}

fn empty(reason: String) -> Oops {
    Oops {
        reason,
        comm: String::new(),
        pid: 0,
        rip: Location::default(),
        code: String::new(),
        registers: Vec::new(),
        trace: Vec::new(),
    }
}

/// `Oops: 0002 [#1] PREEMPT SMP NOPTI`; `invalid opcode: 0000 [#1]` and its like begin a report
/// and name the Oops in one.
fn is_oops(text: &str) -> bool {
    text.split_once(": ").is_some_and(|(head, rest)| {
        !head.is_empty()
            && rest.get(..4).is_some_and(|n| u16::from_str_radix(n, 16).is_ok())
            && rest.contains(" [#")
            || head == "Oops" && rest.contains("[#")
    })
}

/// `WARNING: CPU: 0 PID: 37 at file.c:12 t_init+0x5/0x10 [t]`
fn warning(text: &str) -> Option<Location> {
    let (_, at) = text.strip_prefix("WARNING: CPU: ")?.split_once(" at ")?;
    Some(
        at.split_once(' ')
            .and_then(|(_, at)| location(at))
            .unwrap_or_else(|| Location { symbol: Some(at.to_owned()), ..Location::default() }),
    )
}

fn frame(text: &str) -> Option<Frame> {
    let (sure, text) = match text.strip_prefix("? ") {
        Some(text) => (false, text),
        None => (true, text),
    };
    Some(Frame { at: location(text)?, sure })
}

/// `symbol+0x1/0x2 [module]` or `0xffffffffc0000000`.
fn location(text: &str) -> Option<Location> {
    let text = text.trim();
    let (place, module) = match text.split_once(" [") {
        Some((place, module)) => {
            let end = module.find([']', '(']).unwrap_or(module.len());
            (place, module.get(..end).map(str::to_owned))
        }
        None => (text, None),
    };
    let number = |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    match place.split_once('+') {
        Some((symbol, rest)) => {
            let (offset, size) = rest.split_once('/')?;
            let size = size.split(' ').next()?;
            let (offset, size) = (number(offset)?, number(size)?);
            let symbol = Some(symbol.to_owned());
            Some(Location { symbol, offset, size, module, ..Location::default() })
        }
        None => Some(Location { address: number(place)?, module, ..Location::default() }),
    }
}

/// `RAX: 0000000000000000 RBX: …`, `RSP: 0018:ffffc90000123c58 EFLAGS: 00010246`.
fn registers(text: &str, all: &mut Vec<(String, u64)>) {
    let mut words = text.split_whitespace();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        let Some(name) = name.strip_suffix(':') else { return };
        let value = value.split_once(':').map_or(value, |(_, v)| v);
        let known = all.iter().any(|(n, _)| n == name);
        match u64::from_str_radix(value, 16) {
            Ok(value) if !known && matches!(name.len(), 2 | 3 | 6) => {
                all.push((name.to_owned(), value));
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Event> {
        let mut reports = Reports::default();
        let mut events: Vec<Event> = text
            .lines()
            .filter_map(|line| {
                let text = line.to_owned();
                reports.read(&LogRecord {
                    facility: 0,
                    level: 4,
                    seq: 0,
                    us: 0,
                    text,
                    dict: vec![],
                })
            })
            .collect();
        events.extend(reports.end());
        events
    }

    const FAULT: &str = "\
BUG: kernel NULL pointer dereference, address: 0000000000000000
#PF: supervisor write access in kernel mode
PGD 0 P4D 0
Oops: 0002 [#1] PREEMPT SMP PTI
CPU: 0 PID: 87 Comm: insmod Tainted: G           OE      6.1.0-57-amd64 #1  Debian 6.1.1-1
Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2-debian-1.16.2-1 04/01/2014
RIP: 0010:t_init+0x5/0x1000 [t]
Code: Unable to access opcode bytes at 0xffffffffc0050fdb.
RSP: 0018:ffffc900001f3c58 EFLAGS: 00010246
RAX: 0000000000000000 RBX: ffffffffc0051000 RCX: 0000000000000001
FS:  00007f0000000000(0000) GS:ffff88801f800000(0000) knlGS:0000000000000000
CR2: 0000000000000000 CR3: 0000000005a0a000 CR4: 00000000000006f0
Call Trace:
 <TASK>
 ? __die_body.cold+0x1a/0x1f
 do_one_initcall+0x56/0x220
 entry_SYSCALL_64_after_hwframe+0x64/0xce
RIP: 0033:0x7f0000001234
RAX: ffffffffffffffda RBX: 1
 </TASK>
Modules linked in: t(OE+) virtio_console
---[ end trace 0000000000000000 ]---
RIP: 0010:t_init+0x5/0x1000 [t]
";

    #[test]
    fn a_fault_is_read_whole() {
        let events = read(FAULT);
        let [Event::Oops(oops)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(oops.reason, "BUG: kernel NULL pointer dereference, address: 0000000000000000");
        assert_eq!((oops.comm.as_str(), oops.pid), ("insmod", 87));
        assert_eq!(oops.rip.to_string(), "t_init+0x5/0x1000 [t]");
        let trace: Vec<_> = oops.trace.iter().map(|f| (f.sure, f.at.symbol.as_deref())).collect();
        assert_eq!(
            trace,
            [
                (false, Some("__die_body.cold")),
                (true, Some("do_one_initcall")),
                (true, Some("entry_SYSCALL_64_after_hwframe")),
            ]
        );
        let value = |name: &str| oops.registers.iter().find(|(n, _)| n == name).map(|r| r.1);
        assert_eq!(value("RBX"), Some(0xffff_ffff_c005_1000));
        assert_eq!(value("RSP"), Some(0xffff_c900_001f_3c58));
    }

    #[test]
    fn of_a_machine_that_was_stopped_the_interrupted_code_counts() {
        let events = read(
            "Kernel panic - not syncing: NMI: Not continuing\n\
             CPU: 0 PID: 80 Comm: insmod Tainted: G           OE      6.1.0\n\
             Call Trace:\n <NMI>\n panic+0x118/0x2f4\nRIP: 0010:hrtimer_interrupt+0x72/0xd0\n\
             RSP: 0018:ffffc90000003f30 EFLAGS: 00000003\n </NMI>\n <IRQ>\n </IRQ>\n <TASK>\n\
             RIP: 0010:case_init+0x13/0x1000 [loop]\n do_one_initcall+0x59/0x220\n\
             RIP: 0033:0x55e8866b090d\n </TASK>\nKernel Offset: disabled\n",
        );
        let [Event::Oops(oops)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(oops.rip.to_string(), "case_init+0x13/0x1000 [loop]");
        assert_eq!((oops.comm.as_str(), oops.trace.len()), ("insmod", 2));
    }

    #[test]
    fn a_trap_names_itself() {
        let events = read("divide error: 0000 [#1] PREEMPT SMP\nRIP: 0010:f+0x1/0x2 [m]\n");
        let [Event::Oops(oops)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(oops.reason, "divide error: 0000 [#1] PREEMPT SMP");
        let events = read("kernel BUG at t.c:7!\nOops: invalid opcode: 0000 [#1] PREEMPT SMP\n");
        let [Event::Oops(oops)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(oops.reason, "kernel BUG at t.c:7!");
        let events = read("kernel BUG at t.c:7!\ninvalid opcode: 0000 [#1] PREEMPT SMP\n");
        let [Event::Oops(oops)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(oops.reason, "kernel BUG at t.c:7!");
    }

    #[test]
    fn what_the_kernel_goes_on_after_is_a_complaint() {
        let events = read(
            "BUG: scheduling while atomic: insmod/81/0x00000002\nCall Trace:\n f+0x1/0x2\n\
             watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [insmod:81]\n\
             rcu: INFO: rcu_preempt self-detected stall on CPU\n",
        );
        let text = |e: &Event| match e {
            Event::Complaint { text } => text.clone(),
            other => panic!("{other:?}"),
        };
        let texts: Vec<_> = events.iter().map(text).collect();
        assert_eq!(texts.len(), 3);
        assert_eq!(texts[0], "BUG: scheduling while atomic: insmod/81/0x00000002");
    }

    #[test]
    fn a_warning_says_where() {
        let events = read("WARNING: CPU: 0 PID: 87 at /x/t.c:9 t_init+0xb/0x1000 [t]\n");
        let [Event::Warning { at }] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(at.to_string(), "t_init+0xb/0x1000 [t]");
    }
}
