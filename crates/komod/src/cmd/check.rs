//! `komod check`.

use super::Outcome;
use super::check_how::HowArgs;
use crate::checking::{self, Unread};
use crate::console;
use crate::json;
use crate::text::plural;
use crate::verdicts::{self, Table as Verdicts};
use anyhow::{Context, Result};
use clap::Args;
use komod_check::{Target, Verdict, rules};
use komod_diag::{Diagnostic, sarif, terminal};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Say whether a kernel will accept a module, before it is loaded
///
/// The modules are given to komod's loader with the kernel's exports, checksums, version magic,
/// configuration and layout of `struct module`, all read from its files: from the build tree and
/// the image, or from the image and its modules alone. Nothing is loaded, and nothing need run. For each module that is refused there is the error number, what the kernel
/// will log, why, and the way out.
///
/// Unless told otherwise, the kernel has just booted, root loads the module without parameters, and
/// the modules it needs are loaded before, as modprobe does. What a machine may have that changes
/// the verdict is told along; `--here` takes it from this machine, other options set it. Init does
/// not run: whether that works, `komod run` shows.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod check hello.ko                        against the kernel it was built for, if it is here
  komod check hello.ko --kernel 6.12          against another one
  komod check hello.ko -k 6.1 -k 6.12         against several: a table
  komod check hello.ko -k /boot/vmlinuz-6.5   against an image, without a build tree
  komod check hello.ko -k running             against the kernel of this machine
  komod check user.ko provider.ko -k 6.1      modules that need each other, in any order
  komod check out/ -k 6.1                     all modules in a folder (.ko, .ko.gz, .ko.xz, .ko.zst)
  komod check --details out/ -k 6.1           and everything about those that are refused
  komod check hello.ko --here                 on this machine, as it is now
  komod check hello.ko --here --insmod        the same by insmod: what it needs must be loaded
  komod check hello.ko --loaded board.txt     a board's /proc/modules, copied from there
  komod check hello.ko -k 6.1 -- debug=1      with parameters
  komod check hello.ko --sig-enforce --key mok.pem
                                              signed with a key that the machine's owner enrolled
  komod check --sarif out/ -k 6.1             the same for a code host

Exit status: 0 all of them load, 1 some do not or cannot be read, 2 the command line is wrong.
`komod explain L-08` is the page about a code; `komod kernel list` shows the kernels known here.")]
pub struct CheckArgs {
    /// Module files, or folders with some
    #[arg(required = true, value_name = "FILE|DIR")]
    what: Vec<PathBuf>,
    /// The kernel: a release or its beginning (6.1), a build tree, an image (vmlinuz, vmlinux), a
    /// folder with both, or `running`; may be given several times
    #[arg(short, long = "kernel", value_name = "K")]
    kernels: Vec<String>,
    /// A certificate whose key the machine trusts besides those in the kernel's image (as enrolled
    /// with mokutil): a PEM or DER file; may be given several times
    #[arg(long = "key", value_name = "CERT")]
    keys: Vec<PathBuf>,
    /// Everything about all that are refused, also when there are many
    #[arg(long)]
    details: bool,
    #[command(flatten)]
    how: HowArgs,
    /// The answer as JSON on stdout
    #[arg(long)]
    pub json: bool,
    /// What is refused as SARIF 2.1.0 on stdout, for code hosts and editors
    #[arg(long, conflicts_with = "json")]
    sarif: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    ok: bool,
    kernels: Vec<KernelAnswer<'a>>,
    verdicts: Vec<VerdictAnswer<'a>>,
    /// What could not be read, and so was not checked.
    unread: Vec<UnreadAnswer<'a>>,
}

#[derive(Serialize)]
struct UnreadAnswer<'a> {
    #[serde(serialize_with = "json::path")]
    file: &'a Path,
    error: String,
}

#[derive(Serialize)]
struct KernelAnswer<'a> {
    release: &'a str,
    vermagic: &'a str,
    /// What could not be taken into account.
    unknown: &'a [String],
}

#[derive(Serialize)]
struct VerdictAnswer<'a> {
    #[serde(serialize_with = "json::path")]
    file: &'a Path,
    module: &'a str,
    kernel: &'a str,
    loads: bool,
    /// Code of the deciding reason.
    code: Option<&'static str>,
    errno: Option<String>,
    dmesg: Vec<&'a str>,
    /// Modules that must be loaded before.
    needs: &'a [String],
    can_unload: bool,
    /// What a machine may have that would keep it out.
    conditions: Vec<ConditionAnswer<'a>>,
    /// Lines of the log that come only on some machines.
    depends: Vec<DependsAnswer<'a>>,
    diagnostics: &'a [Diagnostic],
    /// What there is to know about a module that loads.
    advice: &'a [Diagnostic],
}

#[derive(Serialize)]
struct ConditionAnswer<'a> {
    when: &'a str,
    code: &'static str,
    errno: String,
    dmesg: Vec<&'a str>,
}

#[derive(Serialize)]
struct DependsAnswer<'a> {
    when: &'a str,
    dmesg: &'a [String],
}

pub fn run(args: &CheckArgs) -> Result<Outcome> {
    let (files, unread) = checking::files(&args.what)?;
    let mut targets = checking::targets(&args.how.kernels(&args.kernels), &files)?;
    trust(&mut targets, &args.keys)?;
    let (machine, request) = args.how.machine_and_request()?;
    let told = args.details || args.json || args.sarif || files.len() == 1 && targets.len() == 1;
    let mut verdicts = verdicts::verdicts(&files, &targets, &machine, &request, told);
    targets.iter().for_each(Target::keep_signatures);
    verdicts.unread.extend(unread);
    if verdicts.files.is_empty() && verdicts.unread.len() == 1 {
        return Err(verdicts.unread.remove(0).error);
    }
    let ok = verdicts.unread.is_empty() && verdicts.rows.iter().flatten().all(Verdict::loads);
    if args.sarif {
        console::line(&sarif_log(&verdicts).to_string());
    } else if args.json {
        let kernels = targets.iter().map(|target| KernelAnswer {
            release: target.release(),
            vermagic: target.vermagic(),
            unknown: target.unknown(),
        });
        let answers = verdicts.each().map(|(file, verdict)| answer(file, verdict));
        let unread = verdicts
            .unread
            .iter()
            .map(|Unread { path, error }| UnreadAnswer { file: path, error: format!("{error:#}") });
        let answer = Answer {
            ok,
            kernels: kernels.collect(),
            verdicts: answers.collect(),
            unread: unread.collect(),
        };
        json::print("komod-check", answer)?;
    } else {
        for target in &targets {
            for unknown in target.unknown() {
                console::note(&format!("{}: not known here: {unknown}", target.release()));
            }
        }
        show(&verdicts, args.details);
    }
    for Unread { error, .. } in &verdicts.unread {
        console::warning(&format!("not checked: {error:#}"));
    }
    Ok(if ok { Outcome::Good } else { Outcome::Bad })
}

/// Has all kernels trust the keys of these files.
fn trust(targets: &mut [Target], keys: &[PathBuf]) -> Result<()> {
    for path in keys {
        let file = std::fs::read(path).with_context(|| path.display().to_string())?;
        for target in targets.iter_mut() {
            target.trust(&file).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

/// Each reason to refuse a module, and each advice, is a finding about its file. Code hosts find
/// files by their place in the project, so those below the current folder are told from there.
fn sarif_log(verdicts: &Verdicts) -> serde_json::Value {
    let mut findings = Vec::new();
    let here = std::env::current_dir().unwrap_or_default();
    for (file, verdict) in verdicts.each() {
        let file = file.strip_prefix(&here).unwrap_or(file);
        let errno = verdict.refusal().map(|refusal| refusal.errno.to_string()).unwrap_or_default();
        let told = verdict.diagnostics.iter().chain(&verdict.advice);
        findings.extend(told.map(|diagnostic| sarif::Finding {
            file,
            diagnostic,
            properties: vec![
                ("kernel", verdict.release.clone()),
                ("module", verdict.module.clone()),
                ("errno", errno.clone()),
            ],
        }));
    }
    let rules = rules::codes().filter_map(|id| {
        Some(sarif::Rule { id, title: rules::title_of(id)?, page: rules::explain(id)? })
    });
    sarif::log(env!("CARGO_PKG_VERSION"), rules, &findings)
}

fn answer<'a>(file: &'a Path, verdict: &'a Verdict) -> VerdictAnswer<'a> {
    let refusal = verdict.refusal();
    let conditions = verdict.conditions.iter().map(|condition| ConditionAnswer {
        when: &condition.when,
        code: condition.refusal.code.as_str(),
        errno: condition.refusal.errno.to_string(),
        dmesg: condition.refusal.dmesg.iter().map(|line| line.text.as_str()).collect(),
    });
    let depends = verdict
        .depends
        .iter()
        .map(|depends| DependsAnswer { when: depends.when, dmesg: &depends.lines });
    VerdictAnswer {
        file,
        module: &verdict.module,
        kernel: &verdict.release,
        loads: verdict.loads(),
        code: refusal.map(|refusal| refusal.code.as_str()),
        errno: refusal.map(|refusal| refusal.errno.to_string()),
        dmesg: verdict.dmesg().iter().map(|line| line.text.as_str()).collect(),
        needs: &verdict.needs,
        can_unload: verdict.can_leave,
        conditions: conditions.collect(),
        depends: depends.collect(),
        diagnostics: &verdict.diagnostics,
        advice: &verdict.advice,
    }
}

fn show(verdicts: &Verdicts, details: bool) {
    let one = verdicts.rows.len() == 1 && verdicts.rows[0].len() == 1;
    match &verdicts.rows[..] {
        [row] if one => console::line(&checking::sentence(&row[0])),
        _ => console::line(&verdicts.to_text(console::color_on_stdout())),
    }
    let mut codes: Vec<&str> = Vec::new();
    let mut refused = 0;
    for (file, verdict) in verdicts.each() {
        refused += usize::from(!verdict.loads());
        if one || details {
            let told = [&verdict.diagnostics[..], &verdict.advice[..]].concat();
            let text = terminal::render_all(&told, console::diagnostics());
            if !text.is_empty() {
                console::people(&format!("\n{}", text.trim_end()));
            }
            if one {
                checking::circumstances(file, verdict).iter().for_each(|line| console::note(line));
            }
        }
        let code = verdict.refusal().map(|refusal| refusal.code.as_str());
        codes.extend(code.filter(|code| !codes.contains(code)).into_iter().collect::<Vec<_>>());
    }
    if !one {
        let all = verdicts.each().count();
        console::people(&format!("{} checked, {refused} refused", plural(all, "load")));
        if refused > 0 && !details {
            console::hint("--details shows why, and the way out; so does one module at a time");
        }
    }
    for code in codes {
        console::hint(&format!("`komod explain {code}` says more"));
    }
}
