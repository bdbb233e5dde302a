//! `meshform apply`: shows the plan, asks, and runs the very plan that it showed.

use std::{
    cell::Cell,
    io::{self, BufRead, IsTerminal},
    path::PathBuf,
    time::Duration,
};

use super::{
    Exit,
    connect::{self, Session},
    error::{self, Usage},
    format::{self, Format, Reports},
    forms,
    interrupt::Signals,
    output::Output,
    permit,
    prepared::{Prepared, Task},
    progress::{Progress, now},
    save, seconds, select,
};
use crate::{
    apply::{Options, Outcome, Stop, Work, apply},
    render::{self, outcome::Ending, plan::View, plural, report::Result as Ended},
};

#[derive(Debug, clap::Args)]
#[command(mut_arg("wanted", |flag| format::help(flag, FORMS)))]
pub(super) struct Args {
    /// Files and folders that declare one mesh, or one plan that `plan --out` saved
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    reports: format::Args,
    /// Write what became of every step to this file as JSON, however the run ends
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Run nothing unless this is the plan's digest, or at least eight digits of its beginning: what was reviewed
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
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
    /// How long --wait waits in all, and --drain for jobs
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
            drain: self.wait_timeout,
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

/// Whoever is logged in may not write.
#[derive(Debug, thiserror::Error)]
#[error("{user} may read and not write, so nothing was done")]
pub(super) struct ReadOnly {
    user: String,
}

/// The forms in which an outcome can be shown. JSON on stdout is a line for each event.
const FORMS: &[Format] = &[Format::Text, Format::Json, Format::Markdown, Format::Github];

pub(super) async fn run(args: Args, output: Output) -> anyhow::Result<Exit> {
    let reports = args.reports.reports(FORMS, "apply", &args.paths)?;
    reports.check_apart("--report", args.report.as_deref())?;
    // Before anything is written: without it nobody would know what was.
    if let Some(path) = &args.report {
        save::check_apart(path, &args.paths)?;
        save::check_report(path)?;
    }
    reports.clear()?;
    let told = Cell::new(false);
    let result = run_in_form(&args, &reports, &told, output).await;
    let ended = match &result {
        Err(error) => Some(error::judge(error)),
        // A signal that came before there was anything to tell of.
        Ok(exit @ (Exit::Interrupted | Exit::Terminated)) if !told.get() => {
            Some(error::Judged { message: "interrupted before anything was written".to_owned(), hint: None, exit: *exit, broken: None })
        }
        Ok(_) => None,
    };
    if let Some(judged) = ended {
        if !told.get() {
            // What went wrong first is what counts.
            if let Err(error) = reports.at_the_end().fail(output, &judged) {
                output.warn(&error.to_string());
            }
        }
        let error::Judged { message, hint, exit, broken: _ } = judged;
        // One of an earlier run would be taken for this one's.
        if let Some(path) = args.report.as_deref().filter(|_| !told.get()) {
            let ended = match exit {
                Exit::Refused => Ended::Refused,
                Exit::Interrupted | Exit::Terminated => Ended::Interrupted,
                _ => Ended::Failed,
            };
            save::write_whole(path, &render::report::without_steps(&message, hint.as_deref(), exit as u8, ended))?;
        }
        if reports.prints(Format::Json) {
            output.report(&render::report::error(&message, hint.as_deref(), exit as u8, &now()))?;
        }
    }
    result
}

async fn run_in_form(args: &Args, reports: &Reports, told: &Cell<bool>, output: Output) -> anyhow::Result<Exit> {
    if !args.yes && !io::stdin().is_terminal() {
        let message = "apply asks before it writes, and there is no terminal to ask on".to_owned();
        return Err(Usage { message, hint: "give --yes, after `meshform plan` has shown what would be done".to_owned() }.into());
    }
    let task = Task::read(&args.paths, &args.select, &args.permit, output)?;
    let guard = task.guard().to_vec();
    let work = async |session: &Session| {
        let prepared = task.prepare(session, &args.select, &args.permit, output).await?;
        Run { prepared: &prepared, session, args, reports, told, output }.run().await
    };
    args.connection.with(&guard, output, work).await
}

/// A plan that is to be run.
struct Run<'a> {
    prepared: &'a Prepared,
    session: &'a Session,
    args: &'a Args,
    reports: &'a Reports,
    /// Whether it was told how it ended.
    told: &'a Cell<bool>,
    output: Output,
}

impl Run<'_> {
    /// Shows it, asks, runs it, and tells how it ended.
    async fn run(&self) -> anyhow::Result<Exit> {
        let Prepared { plan, progress, .. } = self.prepared;
        self.show()?;
        let (found, expected) = (plan.digest.clone().unwrap_or_default(), self.args.expect.clone().unwrap_or_default());
        if !found.trim_start_matches("sha256:").starts_with(&expected) {
            return Err(Unexpected { found, expected }.into());
        }
        let mut outcome = Outcome::new();
        let is_done = plan.steps.iter().all(|step| progress.done.contains(&step.id));
        if is_done || !plan.is_allowed() {
            let exit = if plan.is_allowed() { Exit::Done } else { Exit::Refused };
            outcome.settle(&plan.steps, &progress.done);
            if exit == Exit::Done && !progress.done.is_empty() && self.reports.prints(Format::Text) {
                self.output.report("\nNothing to do: all of it was done before.\n")?;
            }
            self.tell(&outcome, exit)?;
            return Ok(exit);
        }
        if !self.session.client.may_write().await? {
            return Err(ReadOnly { user: self.session.client.user().to_owned() }.into());
        }
        if !self.args.yes && !confirmed(self.output, self.writes(), &self.session.server.url).await? {
            self.output.note("Nothing was done.\n");
            outcome.stop(Stop::Declined);
            outcome.settle(&plan.steps, &progress.done);
            self.tell(&outcome, Exit::Failed)?;
            return Ok(Exit::Failed);
        }
        let signal = self.go(&mut outcome).await?;
        let exit = signal.unwrap_or(if outcome.is_success() { Exit::Done } else { Exit::Failed });
        let told = self.tell(&outcome, exit);
        if self.reports.prints(Format::Text) {
            self.output.report(&format!("\n{}", render::outcome::text(&self.ending(&outcome))))?;
        }
        told.map(|()| exit)
    }

    fn show(&self) -> io::Result<()> {
        let Prepared { plan, declared, warnings, paths, progress } = self.prepared;
        let view = View { plan, declared, server: &self.session.server, from: None, paths, unfolded: self.output.unfolded() };
        if self.reports.prints(Format::Text) {
            self.output.report(&render::plan::text(&view))?;
        }
        if self.reports.prints(Format::Json) {
            let message = plural(self.writes(), "request");
            self.output.report(&render::report::planned(&render::json::plan_value(&view, warnings), &now(), &message))?;
        }
        if !progress.done.is_empty() && !self.output.quiet {
            let verb = if progress.done.len() == 1 { "was" } else { "were" };
            self.output.note(&format!("{} of it {verb} done by an earlier apply.\n", plural(progress.done.len(), "step")));
        }
        Ok(())
    }

    /// The requests that are still to be sent.
    fn writes(&self) -> usize {
        let Prepared { plan, progress, .. } = self.prepared;
        plan.steps.iter().filter(|step| step.action.writes() && !progress.done.contains(&step.id)).count()
    }

    /// Runs the steps; gives the exit code of a signal that came meanwhile.
    async fn go(&self, outcome: &mut Outcome) -> io::Result<Option<Exit>> {
        let Prepared { plan, progress, .. } = self.prepared;
        let work = Work {
            done: progress.done.clone(),
            made: progress.ids.clone(),
            may_lose: plan.may_lose(),
            ..Work::new(&plan.steps, &plan.holds)
        };
        let mut signals = Signals::listen()?;
        self.session.take_signals(true);
        let options = self.args.pace.options();
        let client = &self.session.client;
        let mut bar = Progress::new(self.writes(), self.reports.prints(Format::Json), self.output);
        let mut signal = None;
        {
            let run = apply(&work, client, &options, outcome, |event| bar.show(event));
            tokio::pin!(run);
            loop {
                tokio::select! {
                    () = &mut run => break,
                    exit = signals.next() => {
                        if signal.replace(exit).is_some() {
                            break;
                        }
                        client.hurry().cancel();
                        self.output.note("interrupted: finishing what is under way; once more leaves at once\n");
                    }
                }
            }
        }
        self.session.take_signals(false);
        bar.finish();
        // For the case that it was left at once.
        if signal.is_some() {
            outcome.interrupt();
        }
        outcome.settle(&plan.steps, &progress.done);
        Ok(signal)
    }

    fn ending<'o>(&'o self, outcome: &'o Outcome) -> Ending<'o> {
        let Prepared { plan, declared, .. } = self.prepared;
        Ending { steps: &plan.steps, holds: &plan.holds, outcome, declared }
    }

    /// Writes the last event and the report.
    fn tell(&self, outcome: &Outcome, exit: Exit) -> anyhow::Result<()> {
        let Prepared { plan, .. } = self.prepared;
        let server = &self.session.server;
        let ended = match exit {
            Exit::Interrupted | Exit::Terminated => Ended::Interrupted,
            Exit::Refused => Ended::Refused,
            Exit::Done if outcome.counts(&plan.steps).held > 0 || outcome.is_waiting() => Ended::Held,
            Exit::Done => Ended::Done,
            Exit::Failed | Exit::Changes | Exit::CannotSee => Ended::Failed,
        };
        let ending = self.ending(outcome);
        // First of all: stdout may be gone.
        self.told.set(true);
        // One that cannot be written keeps none of the others from being written.
        let report = self.args.report.as_ref().map_or(Ok(()), |path| {
            let document = render::report::document(&ending, plan, server, ended);
            save::write_whole(path, &document)
        });
        let forms = self.reports.at_the_end();
        let forms = forms.write(self.output, |format| forms::outcome(&ending, plan, server, ended, format, &self.reports.context));
        if self.reports.prints(Format::Json) {
            self.output.report(&render::report::ended(&ending, plan, server, ended, &now()))?;
        }
        self.reports.say(self.output, exit, &render::outcome::last_words(&ending));
        report.and(forms)
    }
}

/// A digest, or enough of its beginning to tell plans apart.
fn digest(text: &str) -> Result<String, String> {
    let digits = text.trim_start_matches("sha256:");
    let is_one = (8..=64).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_one { Ok(digits.to_ascii_lowercase()) } else { Err("8 to 64 hexadecimal digits, as the plan shows them".to_owned()) }
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
