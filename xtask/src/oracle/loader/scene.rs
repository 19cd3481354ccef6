//! A scene: modules loaded one after the other into a machine in a certain state.

use crate::oracle::loaders::case::{Case, Load, Step};
use guest_init::Who;

/// A scene. Its last load is what it is about.
#[derive(Clone)]
pub struct Scene {
    /// Begins with the code of the refusal it leads to, if it leads to one.
    pub name: String,
    pub state: State,
    pub loads: Vec<Attempt>,
    /// It loads, but is advised against, and shows in the real kernel that this is right.
    pub proof: Option<Proof>,
}

/// What `komod check` says of a module, and what the module then does.
#[derive(Clone, Copy)]
pub struct Proof {
    /// Code of the advice, and a word in it.
    pub advice: (&'static str, &'static str),
    /// What is logged when it runs.
    pub log: &'static str,
}

/// A load, and who tries it.
#[derive(Clone)]
pub struct Attempt {
    pub load: Load,
    pub who: Who,
    /// Flags of the call besides those for force.
    pub flags: u32,
    /// What the call itself leads to, whatever the module is: no matter of `komod check`.
    pub answer: Option<i32>,
}

impl Attempt {
    pub fn by(who: Who, load: Load) -> Attempt {
        Attempt { load, who, flags: 0, answer: None }
    }
}

/// What is switched on in the machine. Each stays on until the next boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Plain,
    SigEnforce,
    Lockdown,
    ModulesDisabled,
    /// Spectre v2 is not mitigated.
    NoMitigation,
    /// IMA wants a signature of its own on each module.
    Appraised,
}

impl State {
    pub const ALL: [State; 6] = [
        State::Plain,
        State::SigEnforce,
        State::Lockdown,
        State::ModulesDisabled,
        State::NoMitigation,
        State::Appraised,
    ];

    /// Boot parameters (Documentation/admin-guide/kernel-parameters.txt).
    pub fn parameters(self) -> &'static str {
        match self {
            State::NoMitigation => "spectre_v2=off",
            State::Appraised => "ima_policy=secure_boot ima_appraise=enforce",
            _ => "",
        }
    }

    /// The file to write, and what.
    pub fn switch(self) -> Option<(&'static str, &'static str)> {
        match self {
            State::Plain | State::NoMitigation | State::Appraised => None,
            State::SigEnforce => Some(("/sys/module/module/parameters/sig_enforce", "1")),
            State::Lockdown => Some(("/sys/kernel/security/lockdown", "integrity")),
            State::ModulesDisabled => Some(("/proc/sys/kernel/modules_disabled", "1")),
        }
    }
}

impl Scene {
    /// One module, by root, in a plain machine.
    pub fn of(name: String, load: Load) -> Scene {
        Scene { name, state: State::Plain, loads: vec![Attempt::by(Who::Root, load)], proof: None }
    }

    /// A case of the comparison of the loaders; `None` for one that cannot be staged.
    pub fn of_case(case: Case) -> Option<Scene> {
        let mut state = State::Plain;
        let mut loads = Vec::new();
        for step in case.steps {
            match step {
                Step::Load(load) => loads.push(Attempt::by(Who::Root, load)),
                Step::Write(path, text) => {
                    state = State::ALL
                        .into_iter()
                        .find(|state| state.switch() == Some((path, text)))?;
                }
            }
        }
        // A module whose init never comes back is waited for by nobody but who needs it.
        let count = loads.len();
        for (number, attempt) in loads.iter_mut().enumerate() {
            if attempt.load.name == "starting" {
                if number + 1 == count {
                    return None;
                }
                attempt.who = Who::Behind;
            }
        }
        Some(Scene { name: case.name, state, loads, proof: None })
    }
}
