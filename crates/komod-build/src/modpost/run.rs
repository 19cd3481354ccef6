//! One run over all modules of a folder.

use super::link::{Linker, OwnExports};
use super::message::Messages;
use super::{Exported, Input, Output, crcs, object, source};

/// Reads, checks and links all modules; the texts are there unless an error was reported.
pub fn run(input: &Input<'_>) -> Output {
    let mut messages = Messages::new(input.dialect);
    let mut objects = Vec::with_capacity(input.modules.len());
    let mut own = OwnExports::default();
    for module in input.modules {
        if let Some(mut object) = object::read(input, module, &mut messages) {
            if input.options.modversions {
                crcs::read(&mut object, input.files, &mut messages);
            }
            own.add(&object, input, &mut messages);
            objects.push(object);
        }
        if messages.fatal() {
            return Output {
                modules: Vec::new(),
                symvers: None,
                messages: messages.all,
                failed: true,
            };
        }
    }
    let mut linker = Linker { input, exports: &own, undefined: 0 };
    let mut modules = Vec::with_capacity(objects.len());
    for object in &mut objects {
        linker.check(object, &mut messages);
        let mut output = linker.link(object, &mut messages);
        output.aliases = std::mem::take(&mut object.aliases);
        output.exports = object
            .exports
            .iter()
            .map(|export| Exported {
                crc: export.crc,
                name: export.name.clone().into_owned(),
                module: object.path.to_owned(),
                gpl_only: export.gpl_only,
                namespace: export.namespace.clone().into_owned(),
                is_function: export.is_function,
            })
            .collect();
        modules.push(output);
    }
    linker.finish(&mut messages);
    let failed = messages.failed();
    if failed {
        return Output { modules, symvers: None, messages: messages.all, failed };
    }
    let mut symvers = String::new();
    for (object, output) in objects.iter().zip(&mut modules) {
        output.source = source::module_source(object, output, &input.options, input.dialect);
        source::symvers_lines(object, &mut symvers);
    }
    Output { modules, symvers: Some(symvers), messages: messages.all, failed }
}
