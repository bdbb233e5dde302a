//! The forms of a report, and where each goes: `--format FORMAT` to stdout, `--format FORMAT=FILE` into a file.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::ValueEnum;

use super::{
    Exit, declared,
    error::{self, Judged, Usage},
    forms,
    output::Output,
    save,
};

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// One document for programs
    Json,
    /// For comments and summaries
    Markdown,
    /// Annotations of GitHub Actions, and the Markdown for its summary of the job
    Github,
    /// GitLab's report of a terraform plan
    Gitlab,
    /// Findings for code scanning
    Sarif,
    /// Metrics for the textfile collector of a node exporter
    Prometheus,
    /// The live mesh against the declared one, as YAML
    Diff,
    /// A script for a controller that is installed on a host
    Runbook,
    /// The Markdown for the summary of a job, at most so many bytes; goes along with Github
    #[value(skip)]
    Summary(usize),
}

impl Format {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

#[derive(Clone, Debug, clap::Args)]
#[group(id = "reports")]
pub(super) struct Args {
    /// The form of the report
    #[arg(long = "format", value_name = "FORMAT[=FILE]", value_parser = wanted)]
    wanted: Vec<Wanted>,
}

/// The flag with the forms that a command has.
pub(super) fn help(flag: clap::Arg, able: &[Format]) -> clap::Arg {
    let names = able.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
    flag.help(format!("The form of the report, to stdout or with `=FILE` into a file, as often as needed: {names}; text if none is given"))
}

/// A form and where it goes; to stdout where no file is named.
#[derive(Clone, Debug)]
struct Wanted {
    format: Format,
    file: Option<PathBuf>,
}

fn wanted(text: &str) -> Result<Wanted, String> {
    let (name, file) = text.split_once('=').map_or((text, None), |(name, file)| (name, Some(PathBuf::from(file))));
    let names = || Format::value_variants().iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
    let known = Format::value_variants().iter().copied().find(|format| format.name() == name);
    let format = known.ok_or_else(|| format!("`{name}` is no form of a report; there are {}", names()))?;
    if file.as_ref().is_some_and(|file| file.as_os_str().is_empty()) {
        return Err(format!("name a file after `{name}=`, or leave the `=` out for stdout"));
    }
    let file = file.filter(|file| file.as_os_str() != "-");
    Ok(Wanted { format, file })
}

/// The reports of a run.
#[derive(Clone, Debug)]
pub(super) struct Reports {
    wanted: Vec<Wanted>,
    pub(super) context: Context,
}

/// What the reports are about, also where there are none.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// The command.
    pub(super) command: &'static str,
    /// The paths as they were given.
    pub(super) paths: String,
    /// The first of them.
    pub(super) path: String,
    /// The controller, as far as it is known from the beginning.
    pub(super) controller: String,
    /// When it began.
    pub(super) start: Instant,
}

impl Args {
    /// The wanted reports, provided that the command has them, that stdout holds one document at most, and that no file would be lost.
    pub(super) fn reports(&self, able: &[Format], command: &'static str, paths: &[PathBuf]) -> anyhow::Result<Reports> {
        let mut wanted = self.wanted.clone();
        if wanted.is_empty() {
            wanted.push(Wanted { format: Format::Text, file: None });
        }
        let usage = |message: String, hint: String| anyhow::Error::new(Usage { message, hint });
        if let Some(Wanted { format, .. }) = wanted.iter().find(|one| !able.contains(&one.format)) {
            let able = able.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
            return Err(usage(format!("this command has no report in the form `{}`", format.name()), format!("it has {able}")));
        }
        // GitHub reads its commands out of a log, among whatever else is there.
        let printed: Vec<Format> = wanted.iter().filter(|one| one.file.is_none()).map(|one| one.format).collect();
        let documents = printed.iter().filter(|format| **format != Format::Github || !printed.contains(&Format::Text)).count();
        if documents > 1 {
            let names = printed.iter().map(|format| format.name()).collect::<Vec<_>>().join(" and ");
            return Err(usage(
                format!("{names} cannot all go to stdout"),
                "give all but one a file: `--format json=report.json`".to_owned(),
            ));
        }
        for (i, one) in wanted.iter().enumerate() {
            let Some(file) = &one.file else { continue };
            if wanted.iter().take(i).filter_map(|other| other.file.as_deref()).any(|other| save::is_same(other, file)) {
                return Err(usage(format!("{} is named for two reports", file.display()), "give each a file of its own".to_owned()));
            }
            save::check_place(file)?;
            save::check_apart(file, paths)?;
        }
        // The text before the commands that mark it.
        wanted.sort_by_key(|one| one.format);
        let path = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
        let context = Context { command, paths: declared::shown(paths), path, controller: String::new(), start: Instant::now() };
        Ok(Reports { wanted, context })
    }
}

impl Reports {
    /// Refuses a file that another flag names, too: one of both would be lost.
    pub(super) fn check_apart(&self, flag: &str, other: Option<&Path>) -> anyhow::Result<()> {
        let Some(other) = other else { return Ok(()) };
        match self.wanted.iter().filter_map(|one| one.file.as_deref()).find(|file| save::is_same(file, other)) {
            Some(file) => {
                let message = format!("{} is named for a report and for {flag}", file.display());
                Err(Usage { message, hint: "give each a file of its own".to_owned() }.into())
            }
            None => Ok(()),
        }
    }

    /// The same without what is told on stdout while the run goes on.
    pub(super) fn at_the_end(&self) -> Self {
        let streams = |one: &&Wanted| one.file.is_none() && matches!(one.format, Format::Text | Format::Json);
        Self { wanted: self.wanted.iter().filter(|one| !streams(one)).cloned().collect(), context: self.context.clone() }
    }

    /// Passes on how a command ended; where it failed before it had a report every wanted form says so.
    pub(super) fn told(&self, output: Output, ended: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
        let judged = match &ended {
            Err(error) => error::judge(error),
            // A signal cut it off.
            Ok(exit @ (Exit::Interrupted | Exit::Terminated)) => {
                Judged { message: "interrupted before there was a report".to_owned(), hint: None, exit: *exit, broken: None }
            }
            Ok(_) => return ended,
        };
        // What went wrong first is what counts.
        if let Err(error) = self.fail(output, &judged) {
            output.warn(&error.to_string());
        }
        ended
    }

    /// Says on stderr how a run ended where no text on stdout does; where one wants little, only if it did not end well.
    pub(super) fn say(&self, output: Output, exit: Exit, line: &str) {
        if !self.prints(Format::Text) && (!output.quiet || exit != Exit::Done) {
            output.note(&format!("{}\n", line.trim_end()));
        }
    }

    /// Whether a form is wanted anywhere.
    pub(super) fn has(&self, format: Format) -> bool {
        self.wanted.iter().any(|one| one.format == format)
    }

    /// Whether a form is wanted and no other.
    pub(super) fn has_alone(&self, format: Format) -> bool {
        self.wanted.iter().all(|one| one.format == format)
    }

    /// Whether a form is wanted on stdout.
    pub(super) fn prints(&self, format: Format) -> bool {
        self.wanted.iter().any(|one| one.format == format && one.file.is_none())
    }

    /// Empties the files of an earlier run, so that none is taken for one of this run that is killed; fails where one cannot be written.
    pub(super) fn clear(&self) -> anyhow::Result<()> {
        self.wanted.iter().filter_map(|one| one.file.as_deref()).try_for_each(save::check_report)
    }

    /// Writes every wanted report: files first, since whoever reads stdout may go away. One that cannot be written keeps none of the
    /// others from being written.
    pub(super) fn write(&self, output: Output, render: impl Fn(Format) -> String) -> anyhow::Result<()> {
        let files = self.wanted.iter().filter_map(|one| Some((one, one.file.as_ref()?)));
        let written: Vec<anyhow::Result<()>> = files.map(|(one, file)| save::write_whole(file, &plain(&render(one.format)))).collect();
        if self.has(Format::Github) {
            summary(output, |room| render(Format::Summary(room)));
        }
        for one in self.wanted.iter().filter(|one| one.file.is_none()) {
            output.report(&render(one.format))?;
        }
        written.into_iter().collect()
    }

    /// Says in every wanted form that there is no report, and why; for people stderr has it.
    pub(super) fn fail(&self, output: Output, judged: &Judged<'_>) -> anyhow::Result<()> {
        let wanted = self.wanted.iter().filter(|one| one.format != Format::Text || one.file.is_some());
        let reports = Self { wanted: wanted.cloned().collect(), context: self.context.clone() };
        reports.write(output, |format| forms::failed(format, judged, &self.context))
    }
}

/// A report as a file holds it: nobody sees colours there.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// GitHub: a summary of a step is at most so long.
const SUMMARY_BYTES: usize = 1 << 20;

/// Appends to the summary of the job, if this is one of GitHub's.
fn summary(output: Output, markdown: impl FnOnce(usize) -> String) {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else { return };
    let path = Path::new(&path);
    let there = fs::metadata(path).map_or(0, |metadata| usize::try_from(metadata.len()).unwrap_or(usize::MAX));
    let room = SUMMARY_BYTES.saturating_sub(1).saturating_sub(there);
    let text = markdown(room);
    if text.len() > room {
        output.warn(&format!("{} is full: the summary of the job has no report", path.display()));
        return;
    }
    let written = File::options().append(true).create(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    // It is a place for people to look at: nothing depends on it.
    if let Err(error) = written {
        output.warn(&format!("the summary of the job has no report: {}: {error}", path.display()));
    }
}
