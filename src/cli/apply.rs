//! `meshform apply`: shows the plan, asks, and runs the very plan that it showed.

use std::{
    io::{self, BufRead, IsTerminal},
    path::PathBuf,
    time::Duration,
};

use super::{
    Exit, connect, declared,
    error::{self, Usage},
    format::Format,
    interrupt::Signals,
    output::Output,
    permit,
    plan::{plan_value, planned, report},
    progress::{Progress, now},
    save::write_whole,
    seconds, select,
};
use crate::{
    apply::{Options, Outcome, Work, apply},
    controller::{Client, ServerInfo},
    mesh::DeclaredMesh,
    plan::Plan,
    render::{self, outcome::Ending, plural, report::Result as Ended},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders that declare one mesh
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// The form of what goes to stdout; json is a line for each event
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write what became of every step to this file as JSON, however the run ends
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Run nothing unless this is the plan's digest, or its beginning: what was reviewed
    #[arg(long, value_name = "DIGEST")]
    expect: Option<String>,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    select: select::Args,
    #[command(flatten)]
    permit: permit::Args,
    #[command(flatten)]
    connection: connect::Args,
}

/// How fast it goes, and what it waits for.
#[derive(Debug, clap::Args)]
#[group(id = "pace")]
struct Pace {
    /// How many requests may be under way at once
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=1000))]
    parallelism: u16,
    /// Start nothing new after the first failure
    #[arg(long)]
    fail_fast: bool,
    /// Wait until what is held can go on, and until what is removed is gone
    #[arg(long)]
    wait: bool,
    /// How long --wait waits in all
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1800")]
    wait_timeout: Duration,
    /// How long a hop waits for what goes behind it before it is held
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    settle: Duration,
}

impl Pace {
    fn options(&self) -> Options {
        Options {
            parallelism: usize::from(self.parallelism),
            fail_fast: self.fail_fast,
            settle: self.settle,
            wait: if self.wait { self.wait_timeout } else { Duration::ZERO },
            ..Options::default()
        }
    }
}

/// The plan is not the one that was reviewed.
#[derive(Debug, thiserror::Error)]
#[error("the plan's digest is {found}, expected was {expected}")]
pub(super) struct Unexpected {
    found: String,
    expected: String,
}

pub(super) async fn run(args: Args, output: Output) -> anyhow::Result<Exit> {
    let format = args.format;
    let result = run_in_form(args, output).await;
    if let (Format::Json, Err(error)) = (format, &result) {
        let judged = error::judge(error);
        output.report(&render::report::error(&judged.message, judged.hint.as_deref(), judged.exit as u8, &now()))?;
    }
    result
}

async fn run_in_form(args: Args, output: Output) -> anyhow::Result<Exit> {
    if !args.yes && !io::stdin().is_terminal() {
        let message = "apply asks before it writes, and there is no terminal to ask on".to_owned();
        return Err(Usage { message, hint: "give --yes, after `meshform plan` has shown what would be done".to_owned() }.into());
    }
    let loaded = declared::load(&args.paths, output)?;
    let session = args.connection.connect(&loaded.mesh.settings.controller, output).await?;
    let plan = planned(&session, &loaded, &args.select, &args.permit).await?;
    match args.format {
        Format::Text => output.report(&report(&plan, &loaded, &session.server, &args.paths, Format::Text, output.unfolded()))?,
        Format::Json => {
            let document = plan_value(&plan, &loaded, &session.server);
            output.report(&render::report::planned(&document, &now(), &plural(plan.writes(), "request")))?;
        }
    }
    let (found, expected) = (plan.digest.clone().unwrap_or_default(), args.expect.clone().unwrap_or_default());
    if !found.trim_start_matches("sha256:").starts_with(expected.trim_start_matches("sha256:")) {
        session.close()?;
        return Err(Unexpected { found, expected }.into());
    }
    let run = Run {
        plan: &plan,
        work: Work::new(&plan.steps, &plan.holds),
        declared: &loaded.mesh,
        server: &session.server,
        client: &session.client,
        args: &args,
        output,
    };
    let ended = run.run().await;
    session.close()?;
    ended
}

/// A plan that is to be run.
struct Run<'a> {
    plan: &'a Plan,
    work: Work<'a>,
    declared: &'a DeclaredMesh,
    server: &'a ServerInfo,
    client: &'a Client,
    args: &'a Args,
    output: Output,
}

impl Run<'_> {
    /// Asks, runs it, and tells how it ended.
    async fn run(&self) -> anyhow::Result<Exit> {
        let mut outcome = Outcome::new();
        if self.plan.is_empty() || !self.plan.is_allowed() {
            let exit = if self.plan.is_empty() { Exit::Done } else { Exit::Refused };
            outcome.settle(self.work.steps, &self.work.done);
            self.tell(&outcome, exit)?;
            return Ok(exit);
        }
        if !self.args.yes && !confirmed(self.output, self.plan.writes(), &self.server.url).await? {
            self.output.note("Nothing was done.\n");
            return Ok(Exit::Failed);
        }
        let signal = self.go(&mut outcome).await?;
        let exit = signal.unwrap_or(if outcome.is_success() { Exit::Done } else { Exit::Failed });
        if self.args.format == Format::Text {
            self.output.report(&format!("\n{}", render::outcome::text(&self.ending(&outcome))))?;
        }
        self.tell(&outcome, exit)?;
        Ok(exit)
    }

    /// Runs the steps; gives the exit code of a signal that came meanwhile.
    async fn go(&self, outcome: &mut Outcome) -> io::Result<Option<Exit>> {
        let mut signals = Signals::listen()?;
        let options = self.args.pace.options();
        let mut progress = Progress::new(self.plan.writes() - self.work.done.len(), self.args.format, self.output);
        let mut signal = None;
        {
            let run = apply(&self.work, self.client, &options, outcome, |event| progress.show(event));
            tokio::pin!(run);
            loop {
                tokio::select! {
                    () = &mut run => break,
                    exit = signals.next() => {
                        if signal.replace(exit).is_some() {
                            break;
                        }
                        self.client.hurry().cancel();
                        self.output.note("interrupted: finishing what is under way; once more leaves at once\n");
                    }
                }
            }
        }
        progress.finish();
        // For the case that it was left at once.
        if signal.is_some() {
            outcome.interrupt();
        }
        outcome.settle(self.work.steps, &self.work.done);
        Ok(signal)
    }

    fn ending<'o>(&'o self, outcome: &'o Outcome) -> Ending<'o> {
        Ending { steps: self.work.steps, holds: self.work.holds, outcome, declared: self.declared }
    }

    /// Writes the last event and the report.
    fn tell(&self, outcome: &Outcome, exit: Exit) -> anyhow::Result<()> {
        let counts = outcome.counts(self.work.steps);
        let ended = match exit {
            Exit::Interrupted | Exit::Terminated => Ended::Interrupted,
            Exit::Refused => Ended::Refused,
            Exit::Done if counts.held > 0 || outcome.is_waiting() => Ended::Held,
            Exit::Done => Ended::Done,
            Exit::Failed | Exit::Changes | Exit::CannotSee => Ended::Failed,
        };
        let ending = self.ending(outcome);
        if self.args.format == Format::Json {
            self.output.report(&render::report::ended(&ending, self.plan, self.server, ended, &now()))?;
        }
        if let Some(path) = &self.args.report {
            write_whole(path, &render::report::document(&ending, self.plan, self.server, ended))?;
        }
        Ok(())
    }
}

/// Asks; nothing but `yes` is one.
async fn confirmed(output: Output, requests: usize, url: &str) -> anyhow::Result<bool> {
    output.note(&format!("\nSend {} to {}? Only `yes` does it: ", plural(requests, "request"), render::escape(url)));
    // On another thread: meanwhile connections that the controller closes are noticed.
    let read = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    Ok(read.await??.trim() == "yes")
}
