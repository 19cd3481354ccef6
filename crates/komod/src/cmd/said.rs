//! What the kernel said during one call to a kernel that stays. On success the log has it, and
//! nobody wants it twice; on failure it is the reason, and goes to stderr.

use crate::console;
use crate::text::narrator::Narrator;
use komod_place::process::Info;
use komod_process::protocol::Event;

pub struct Said {
    events: Vec<Event>,
    narrator: Narrator,
}

impl Said {
    pub fn new(info: &Info) -> Said {
        let mut narrator = Narrator::new(&info.about.release, console::color_on_stderr());
        for (module, path) in &info.files {
            narrator.sources.add_file(module, path);
        }
        Said { events: Vec::new(), narrator }
    }

    pub fn take(&mut self, event: &Event) {
        self.events.push(event.clone());
    }

    pub fn show(&mut self) {
        let show = |text: Option<String>| text.iter().for_each(|t| console::people(t));
        for event in self.events.drain(..) {
            match event {
                Event::Log(record) => show(Some(self.narrator.record(&record))),
                Event::Oops(oops) => show(self.narrator.oops(&oops)),
                Event::Booted { .. }
                | Event::BootFailed { .. }
                | Event::Complaint { .. }
                | Event::Warning { .. }
                | Event::Part(_)
                | Event::Output { .. }
                | Event::Reply(_) => {}
            }
        }
        show(self.narrator.end());
    }
}
