//! What `komod check` foretells about a scene.

use super::scene::{Scene, State};
use super::stage::Played;
use crate::oracle::loaders::case::Load;
use guest_init::Who;
use komod_check::{Checker, Links, LoadedModule, Machine, Outcome, Request, Target};
use komod_check::{State as Life, Taint};
use std::path::PathBuf;

/// What IMA answers to a file without a signature (`ima_appraise_measurement()`,
/// `security/integrity/ima/ima_appraise.c`, Linux 6.1).
const EACCES: i32 = 13;
/// The same boot parameter as the guest's.
const BLACKLIST: &str = "other,blacklisted";

/// What is foretold about one load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foretold {
    /// 0 or the negative errno.
    pub result: i32,
    /// `<LEVEL>TEXT`; if it loads, until init runs.
    pub log: Vec<String>,
    /// The code of the refusal.
    pub code: Option<&'static str>,
    /// What is advised: the code, and all that is said.
    pub advice: Vec<(String, String)>,
}

/// The name that the kernel gives a module.
pub fn name_in_kernel(load: &Load) -> String {
    match Links::of(&load.bytes).name {
        name if name.is_empty() => load.name.replace('-', "_"),
        name => name,
    }
}

/// Foretells each load; what has been played tells the taint that it begins with.
pub fn foretell(target: &Target, scene: &Scene, played: Option<&Played>) -> Vec<Foretold> {
    let links: Vec<Links> = scene.loads.iter().map(|a| Links::of(&a.load.bytes)).collect();
    let machine = Machine {
        sig_enforce: Some(scene.state == State::SigEnforce),
        lockdown: Some(scene.state == State::Lockdown),
        spectre_v2: Some(scene.state != State::NoMitigation),
        modules_disabled: scene.state == State::ModulesDisabled,
        blacklist: BLACKLIST.to_owned(),
        only_loaded: true,
        modprobe: false,
        ..Machine::fresh()
    };
    let mut checker = Checker::new(target, &links).on(machine);
    let mut all = Vec::new();
    for (number, attempt) in scene.loads.iter().enumerate() {
        let load = &attempt.load;
        let appraised = (scene.state == State::Appraised).then_some(-EACCES);
        if let Some(result) = attempt.answer.or(appraised) {
            all.push(Foretold { result, log: Vec::new(), code: None, advice: Vec::new() });
            continue;
        }
        let taint = played.and_then(|played| played.loads.get(number)).map_or(0, |h| h.taint);
        checker.machine().taint = Taint(taint);
        checker.machine().capable = attempt.who != Who::Nobody;
        *checker.request() = Request {
            ignore_modversions: load.force_modversions,
            ignore_vermagic: load.force_vermagic,
            // As the name of the guest's first process.
            command: "init".to_owned(),
            ..Request::with_params(load.params.clone())
        };
        let verdict = checker.check(&PathBuf::from(format!("{}.ko", load.name)), &load.bytes);
        let log = verdict.dmesg().iter().map(|line| format!("<{}>{line}", line.level)).collect();
        let refusal = verdict.refusal();
        all.push(Foretold {
            result: refusal.map_or(0, |refusal| -refusal.errno.0),
            log,
            code: refusal.map(|refusal| refusal.code.as_str()),
            advice: verdict.advice.iter().map(|d| (d.code.to_string(), format!("{d:?}"))).collect(),
        });
        if let Outcome::Loads { taint, .. } = verdict.outcome {
            let state = match attempt.who {
                // Who comes later waits for it, and finds it gone.
                Who::Behind if load.params.contains("result=-") => Life::Going,
                Who::Behind => Life::Coming,
                _ => Life::Live,
            };
            let module = LoadedModule { name: verdict.module, state, taints: taint };
            checker.machine().loaded.push(module);
        }
    }
    all
}
