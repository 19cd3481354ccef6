//! What `komod build` leaves behind and how it speaks, by the flags for editors and scripts.

use crate::building::How;
use crate::explained::Explained;
use crate::message_format::MessageFormat;
use anyhow::Result;
use clap::Args;

#[derive(Debug, Clone, Args)]
pub struct OutputFlags {
    /// Write compile_commands.json into the project's folder, too, where clangd looks for it
    ///
    /// Every build writes one beside its products. The one in the project's folder is of the last
    /// build with this flag, and of the last kernel. It names the sources, the kernel's headers
    /// and the flags; flags of gcc's that clang does not know are in it.
    #[arg(long)]
    compile_commands: bool,
    /// How compiler messages and diagnoses are reported
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, conflicts_with = "json")]
    pub message_format: MessageFormat,
    /// Build beside the sources, as make does; `komod clean` removes that again
    ///
    /// The folder needs a makefile and must be writable. It serves one kernel at a time: what was
    /// built for another one, or by make itself, is built again.
    #[arg(long)]
    pub in_place: bool,
}

impl OutputFlags {
    /// The way to build that is wanted; `kernels` is how many are asked for.
    pub fn how(&self, kernels: usize, how: How) -> Result<How> {
        if self.in_place && kernels > 1 {
            let error =
                Explained::usage("--in-place is for one kernel: the folder has one NAME.ko");
            return Err(error.hint("build without --in-place: a folder for each kernel").into());
        }
        Ok(How {
            compile_commands: self.compile_commands,
            in_place: self.in_place,
            silent: self.message_format != MessageFormat::Human,
            ..how
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_is_for_one_kernel() {
        let flags = OutputFlags {
            compile_commands: false,
            message_format: MessageFormat::Human,
            in_place: true,
        };
        assert!(flags.how(1, How::default()).is_ok_and(|how| how.in_place && !how.silent));
        let error = flags.how(2, How::default()).unwrap_err();
        assert!(error.to_string().contains("one kernel"), "{error}");
    }
}
