//! The one place that writes: reports to stdout, everything else to stderr.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::EnvFilter;

/// Where to write, and how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    no_color: bool,
    pub(super) quiet: bool,
    verbose: u8,
}

impl Output {
    pub(super) fn new(no_color: bool, quiet: bool, verbose: u8) -> Self {
        Self { no_color, quiet, verbose }
    }

    /// Whether what is folded shall be unfolded.
    pub(super) fn unfolded(self) -> bool {
        self.verbose > 0
    }

    /// A report.
    pub(super) fn report(self, text: &str) -> io::Result<()> {
        let mut stdout = AutoStream::new(io::stdout(), self.choice(&io::stdout()));
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            // Who pipes into `head` has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Something for people beside the report. That stderr cannot be written is nothing that could be told anywhere.
    pub(super) fn note(self, text: &str) {
        let mut stderr = AutoStream::new(io::stderr(), self.choice(&io::stderr()));
        let _ = stderr.write_all(text.as_bytes());
    }

    /// A warning, unless one wants none.
    pub(super) fn warn(self, text: &str) {
        if !self.quiet {
            self.note(&format!("warning: {}\n", crate::render::escape(text)));
        }
    }

    /// Logs requests to stderr with -vv, or as `MESHFORM_LOG` says.
    pub(super) fn log_requests(self) {
        let default = if self.verbose > 1 { "meshform=debug" } else { "off" };
        let wanted = std::env::var("MESHFORM_LOG").unwrap_or_default();
        let filter = EnvFilter::try_new(if wanted.is_empty() { default } else { &wanted }).unwrap_or_else(|error| {
            self.warn(&format!("MESHFORM_LOG is not a filter of log lines: {error}"));
            EnvFilter::new(default)
        });
        let colors = !matches!(self.choice(&io::stderr()), ColorChoice::Never);
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colors).with_target(false);
        // Only the first call of a process sets it.
        let _ = log.without_time().try_init();
    }

    fn choice(self, stream: &(impl IsTerminal + anstream::stream::RawStream)) -> ColorChoice {
        if self.no_color { ColorChoice::Never } else { AutoStream::choice(stream) }
    }
}
