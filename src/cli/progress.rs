//! What is seen while steps run: a bar on a terminal, a plain line for each step elsewhere, or a line of JSON on stdout.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::output::Output;
use crate::{
    apply::Event,
    plan::{Request, Step},
    render::{self, escape},
};

/// Consumes the events of an apply.
pub(super) struct Progress {
    output: Output,
    json: bool,
    bar: Option<ProgressBar>,
    ended: usize,
    all: usize,
}

impl Progress {
    pub(super) fn new(all: usize, json: bool, output: Output) -> Self {
        let bar = (io::stderr().is_terminal() && !output.quiet && !json).then(|| {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(all as u64).with_style(style)
        });
        Self { output, json, bar, ended: 0, all }
    }

    pub(super) fn show(&mut self, event: Event<'_>) {
        let line = line(event);
        if self.json {
            // A reader that went away has seen enough; the run goes on and says how it ended.
            let _ = self.output.report(&render::report::event(event, &now(), &line));
            return;
        }
        // A wait is no request: it is not counted, only told.
        let counts = match event {
            Event::Done(step) | Event::Failed(step, _) => step.action.writes(),
            Event::Started(_) | Event::Held(..) | Event::Waiting(_) | Event::Unseen(_) => false,
        };
        self.ended += usize::from(counts);
        match &self.bar {
            Some(bar) => {
                bar.inc(u64::from(counts));
                match event {
                    Event::Started(_) => bar.set_message(escape(&line)),
                    Event::Done(_) => {}
                    Event::Failed(..) | Event::Held(..) | Event::Waiting(_) | Event::Unseen(_) => bar.println(escape(&line)),
                }
            }
            None if self.output.quiet => {}
            None if counts => self.output.note(&format!("[{}/{}] {}\n", self.ended, self.all, escape(&line))),
            None if matches!(event, Event::Started(step) if step.action.writes()) => {}
            None => self.output.note(&format!("        {}\n", escape(&line))),
        }
    }

    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The time, as RFC 3339 has it.
pub(super) fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

fn line(event: Event<'_>) -> String {
    match event {
        Event::Started(step) if step.action == Request::Wait => format!("waiting until {} is gone", step.hostname),
        Event::Started(step) if step.action == Request::Idle => format!("waiting until no job runs on {}", step.hostname),
        Event::Started(step) => step.hostname.clone(),
        Event::Done(step) => format!("{} {}", done_word(step), step.hostname),
        Event::Failed(step, error) => format!("failed {}: {error}", step.hostname),
        Event::Held(step, left) => format!("{} is {}", step.hostname, render::outcome::still_there(left)),
        Event::Unseen(error) => format!("could not look: {error}"),
        Event::Waiting(hold) => render::plan::held_until(hold).replacen("Held", "waiting", 1),
    }
}

fn done_word(step: &Step) -> &'static str {
    match step.action {
        Request::Create => "created",
        Request::Patch => "updated",
        Request::Remove => "removing",
        Request::Wait => "gone",
        Request::Idle => "idle",
    }
}
