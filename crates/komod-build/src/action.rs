//! One step of a build: what is made, from what, by which commands.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Writes a list of files: `x.mod`, `modules.order`.
    List,
    /// Compiles a C or assembly source into an object.
    Compile,
    /// Links the members of a composite module into one object.
    LinkMembers,
    /// Checks all modules together, writes each one's `.mod.c` and `Module.symvers`.
    Modpost,
    /// Compiles a module's `.mod.c`, or what all modules share.
    CompileInfo,
    /// Links a `.ko`, adds type information.
    LinkModule,
}

/// A command of kbuild's, with the name its makefiles give it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `cc_o_c` for what the makefiles call `cmd_cc_o_c`.
    pub name: String,
    /// The command as make hands it to the shell.
    pub command: String,
}

/// An action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What it does.
    pub kind: Kind,
    /// The file it makes.
    pub target: PathBuf,
    /// The source it compiles.
    pub source: Option<PathBuf>,
    /// Files it reads, as far as they are known before it runs.
    pub inputs: Vec<PathBuf>,
    /// Files it makes besides the target.
    pub also: Vec<PathBuf>,
    /// Actions to be done before, by number.
    pub after: Vec<usize>,
    /// The commands, in order.
    pub steps: Vec<Step>,
}

impl Action {
    /// kbuild's short word for it.
    pub fn word(&self) -> &'static str {
        match self.kind {
            Kind::List => "LIST",
            Kind::Compile
                if self.source.as_ref().is_some_and(|s| s.extension() != Some("S".as_ref())) =>
            {
                "CC [M] "
            }
            Kind::Compile => "AS [M] ",
            Kind::LinkMembers | Kind::LinkModule => "LD [M] ",
            Kind::Modpost => "MODPOST",
            Kind::CompileInfo => "CC [M] ",
        }
    }
}
