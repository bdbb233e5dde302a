//! What is seen while steps run: a bar on a terminal, a plain line for each step elsewhere.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::Output;
use crate::{
    apply::Event,
    plan::{Request, Step},
    render::escape,
};

/// Consumes the events of an apply.
pub(super) struct Progress {
    output: Output,
    bar: Option<ProgressBar>,
    ended: usize,
    all: usize,
}

impl Progress {
    pub(super) fn new(all: usize, output: Output) -> Self {
        let bar = (io::stderr().is_terminal() && !output.quiet).then(|| {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(all as u64).with_style(style)
        });
        Self { output, bar, ended: 0, all }
    }

    pub(super) fn show(&mut self, event: Event<'_>) {
        let line = match event {
            Event::Started(step) => {
                if let Some(bar) = &self.bar {
                    let waiting = if step.action == Request::Wait { "waiting until it is gone: " } else { "" };
                    bar.set_message(format!("{waiting}{}", escape(&step.hostname)));
                }
                return;
            }
            Event::Done(step) => format!("{} {}", done_word(step), step.hostname),
            Event::Failed(step, error) => format!("failed {}: {error}", step.hostname),
        };
        // A wait is no request: it is not counted, only told.
        let is_wait = matches!(event, Event::Done(step) | Event::Failed(step, _) if step.action == Request::Wait);
        self.ended += usize::from(!is_wait);
        match (&self.bar, event) {
            (None, _) if self.output.quiet => {}
            (None, _) if is_wait => self.output.note(&format!("        {}\n", escape(&line))),
            (Some(_), Event::Done(_)) if is_wait => {}
            (Some(bar), Event::Failed(..)) => {
                bar.inc(1);
                bar.println(escape(&line));
            }
            (Some(bar), _) => bar.inc(1),
            (None, _) => self.output.note(&format!("[{}/{}] {}\n", self.ended, self.all, escape(&line))),
        }
    }

    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn done_word(step: &Step) -> &'static str {
    match step.action {
        Request::Create => "created",
        Request::Patch => "updated",
        Request::Remove => "removing",
        Request::Wait => "gone",
    }
}
