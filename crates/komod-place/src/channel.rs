//! A place that is spoken to by the protocol of `komod-process`.

use crate::PlaceError;
use crate::place::{Argument, Events, Loaded, ModuleToLoad, Place, Program};
use komod_process::client::{ClientError, Kernel};
use komod_process::protocol::{
    Entry, Event, Exit, Leak, LoadedModule, Reply, Request, Stage, Status, Symbol,
};
use std::time::Duration;

/// How often a program that runs is looked after.
const PROGRAM_ROUND: Duration = Duration::from_millis(5);

/// Anything that answers the protocol's requests. Every channel is a [`Place`].
pub trait Channel {
    fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError>;
}

impl Channel for Kernel {
    fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError> {
        Kernel::call(self, request, payload, events).map_err(|e| match e {
            ClientError::Gone { status } => {
                PlaceError::Died { status, doing: doing(request), restarted: None }
            }
            e => PlaceError::Kernel(e),
        })
    }
}

/// A request in words, to follow "while".
pub(crate) fn doing(request: &Request) -> String {
    match request {
        Request::Load { file, .. } => format!("loading {file}"),
        Request::Unload { name, .. } => format!("unloading {name}"),
        Request::Modules => "listing modules".into(),
        Request::Symbols { .. } => "listing symbols".into(),
        Request::Read { path, .. } => format!("reading {path}"),
        Request::Write { path, .. } => format!("writing {path}"),
        Request::List { path } => format!("listing {path}"),
        Request::Ioctl { path, command, .. } => format!("doing ioctl {command:#x} on {path}"),
        Request::Advance { ns } => format!("letting {} ms pass", ns / 1_000_000),
        Request::Leaks { name } => format!("looking for leaks of {name}"),
        Request::WatchModules => "watching modules".into(),
        Request::Memory { name, .. } => format!("reading the memory of {name}"),
        Request::Continue { .. } => "waiting for a call".into(),
        Request::Interrupt { .. } => "interrupting a call".into(),
        Request::Put { path, .. } => format!("putting {path} there"),
        Request::Exec { path, .. } => format!("running {path}"),
        Request::Status => "asking for its status".into(),
        Request::Shutdown => "shutting down".into(),
    }
}

/// Where a request was when it did not come back, as far as reports tell.
pub(crate) fn stage(request: &Request, in_init: bool) -> Stage {
    match request {
        Request::Load { .. } if in_init => Stage::Init,
        Request::Load { .. } => Stage::Load,
        Request::Unload { .. } => Stage::Exit,
        Request::Advance { .. } => Stage::Background,
        _ => Stage::Call,
    }
}

/// Sends a request and sorts the answers that mean failure from those that mean success.
fn ask(
    channel: &mut (impl Channel + ?Sized),
    request: &Request,
    payload: &[u8],
    events: Events<'_>,
) -> Result<(Reply, Vec<u8>), PlaceError> {
    match channel.call(request, payload, events)? {
        (Reply::Failed { errno, stage }, _) => {
            Err(PlaceError::Refused { errno, stage, code: None })
        }
        (Reply::Refused { errno, code }, _) => {
            Err(PlaceError::Refused { errno, stage: Stage::Load, code: Some(code) })
        }
        (Reply::Crashed { stage }, _) => Err(PlaceError::Crashed { stage }),
        (Reply::Panicked { stage, text }, _) => Err(PlaceError::Panicked { stage, text }),
        (Reply::Stopped { stage, cpu_seconds }, _) => {
            Err(PlaceError::Stopped { stage, cpu_seconds })
        }
        (Reply::Deadlock { stage, waiting }, _) => Err(PlaceError::Deadlock { stage, waiting }),
        answer => Ok(answer),
    }
}

fn unexpected<T>(request: &Request, reply: &Reply) -> Result<T, PlaceError> {
    let mut got = format!("{reply:?}");
    if let Some((cut, _)) = got.char_indices().nth(200) {
        got.truncate(cut);
    }
    Err(PlaceError::Unexpected { doing: doing(request), got })
}

impl<C: Channel + ?Sized> Place for C {
    fn load(
        &mut self,
        module: &ModuleToLoad<'_>,
        events: Events<'_>,
    ) -> Result<Loaded, PlaceError> {
        let request = Request::Load {
            file: module.file.to_owned(),
            params: module.params.to_owned(),
            loader: module.loader,
            force_vermagic: module.force_vermagic,
            force_modversions: module.force_modversions,
        };
        match ask(self, &request, module.elf, events)? {
            (Reply::Loaded { name, load_us, init_us }, _) => Ok(Loaded { name, load_us, init_us }),
            (other, _) => unexpected(&request, &other),
        }
    }

    fn unload(&mut self, name: &str, force: bool, events: Events<'_>) -> Result<(), PlaceError> {
        let request = Request::Unload { name: name.to_owned(), force };
        match ask(self, &request, &[], events)? {
            (Reply::Done { .. }, _) => Ok(()),
            (other, _) => unexpected(&request, &other),
        }
    }

    fn modules(&mut self, events: Events<'_>) -> Result<Vec<LoadedModule>, PlaceError> {
        match ask(self, &Request::Modules, &[], events)? {
            (Reply::Modules(list), _) => Ok(list),
            (other, _) => unexpected(&Request::Modules, &other),
        }
    }

    fn symbols(
        &mut self,
        needle: &str,
        limit: usize,
        events: Events<'_>,
    ) -> Result<(Vec<Symbol>, bool), PlaceError> {
        let request = Request::Symbols { needle: needle.to_owned(), limit };
        match ask(self, &request, &[], events)? {
            (Reply::Symbols { list, more }, _) => Ok((list, more)),
            (other, _) => unexpected(&request, &other),
        }
    }

    fn read(&mut self, path: &str, limit: u64, events: Events<'_>) -> Result<Vec<u8>, PlaceError> {
        let request = Request::Read { path: path.to_owned(), limit };
        let mut all = Vec::new();
        let outcome = ask(self, &request, &[], &mut |event| {
            if let Event::Part(bytes) = event {
                all.extend_from_slice(bytes);
            }
            events(event);
        });
        match outcome? {
            (Reply::Data { .. } | Reply::Done { .. }, data) => {
                all.extend_from_slice(&data);
                Ok(all)
            }
            (other, _) => unexpected(&request, &other),
        }
    }

    fn write(
        &mut self,
        path: &str,
        data: &[u8],
        append: bool,
        events: Events<'_>,
    ) -> Result<i64, PlaceError> {
        let request = Request::Write { path: path.to_owned(), append };
        match ask(self, &request, data, events)? {
            (Reply::Done { result }, _) => Ok(result),
            (other, _) => unexpected(&request, &other),
        }
    }

    fn list(&mut self, path: &str, events: Events<'_>) -> Result<Vec<Entry>, PlaceError> {
        let request = Request::List { path: path.to_owned() };
        match ask(self, &request, &[], events)? {
            (Reply::Entries(list), _) => Ok(list),
            (other, _) => unexpected(&request, &other),
        }
    }

    fn ioctl(
        &mut self,
        path: &str,
        command: u32,
        argument: Argument<'_>,
        events: Events<'_>,
    ) -> Result<(i64, Vec<u8>), PlaceError> {
        let (value, buffer) = match argument {
            Argument::Value(value) => (value, &[][..]),
            Argument::Buffer(buffer) => (0, buffer),
        };
        let request = Request::Ioctl { path: path.to_owned(), command, value };
        match ask(self, &request, buffer, events)? {
            (Reply::Done { result } | Reply::Data { result, .. }, data) => Ok((result, data)),
            (other, _) => unexpected(&request, &other),
        }
    }

    fn advance(&mut self, ns: u64, events: Events<'_>) -> Result<(), PlaceError> {
        let request = Request::Advance { ns };
        match ask(self, &request, &[], events)? {
            (Reply::Done { .. }, _) => Ok(()),
            (other, _) => unexpected(&request, &other),
        }
    }

    fn leaks(&mut self, name: &str, events: Events<'_>) -> Result<Vec<Leak>, PlaceError> {
        let request = Request::Leaks { name: name.to_owned() };
        match ask(self, &request, &[], events)? {
            (Reply::Leaks(list), _) => Ok(list),
            (other, _) => unexpected(&request, &other),
        }
    }

    fn put(
        &mut self,
        path: &str,
        mode: u32,
        data: &[u8],
        events: Events<'_>,
    ) -> Result<(), PlaceError> {
        let request = Request::Put { path: path.to_owned(), mode };
        match ask(self, &request, data, events)? {
            (Reply::Done { .. }, _) => Ok(()),
            (other, _) => unexpected(&request, &other),
        }
    }

    fn exec(&mut self, program: &Program<'_>, events: Events<'_>) -> Result<Exit, PlaceError> {
        let Program { path, arguments, environment, input } = *program;
        let (arguments, environment) = (arguments.to_vec(), environment.to_vec());
        let mut request = Request::Exec { path: path.to_owned(), arguments, environment };
        let mut input = input;
        loop {
            match ask(self, &request, input, events)? {
                (Reply::Exited(exit), _) => return Ok(exit),
                (Reply::Waiting { id }, _) => request = Request::Continue { id },
                (other, _) => return unexpected(&request, &other),
            }
            input = &[];
            std::thread::sleep(PROGRAM_ROUND);
        }
    }

    fn status(&mut self, events: Events<'_>) -> Result<Status, PlaceError> {
        match ask(self, &Request::Status, &[], events)? {
            (Reply::Status(status), _) => Ok(status),
            (other, _) => unexpected(&Request::Status, &other),
        }
    }
}
