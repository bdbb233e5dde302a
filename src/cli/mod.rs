//! The command line: one file a command. A command's run function reads like the way of the data: configuration, controller,
//! plan, report, apply.

mod apply;
mod blame;
mod connect;
mod declared;
mod drift;
mod error;
mod exit;
mod explain;
mod format;
mod forms;
mod interrupt;
mod login;
mod output;
mod permit;
mod plan;
mod prepared;
mod progress;
mod repository;
mod runbook;
mod sandbox;
mod save;
mod schema;
mod select;
mod show;
mod validate;
mod wait;

pub use exit::Exit;

use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand, error::ErrorKind};

use output::Output;

const MORE: &str = "\
Exit codes:
  0  done, nothing to do, or only what is held is left
  1  failed: wrong usage, a bad configuration, a request that was refused
  2  there are changes that an apply would make now (plan --detailed-exitcode), or something moved (drift)
  3  the controller could not be seen: no connection, a login refused, no right to read
  4  refused before the first write: something cannot be done or is not allowed, it is another controller, one may not write,
     or a saved plan is stale
  130, 143  interrupted by SIGINT, or SIGTERM or SIGHUP: what was under way ended, and the outcome says what was done

Environment (the first that is set counts; an empty variable is not set):
  CONTROLLER_HOST, AAP_HOSTNAME, AAP_HOST, TOWER_HOST
                              the controller, unless --controller says it; https without a scheme
  CONTROLLER_OAUTH_TOKEN, CONTROLLER_TOKEN, AAP_TOKEN, TOWER_OAUTH_TOKEN, TOWER_TOKEN
                              a token; beats a password
  CONTROLLER_USERNAME, AAP_USERNAME, TOWER_USERNAME
  CONTROLLER_PASSWORD, AAP_PASSWORD, TOWER_PASSWORD
                              a user; any token or password also as ..._FILE, a file that holds it
  CONTROLLER_VERIFY_SSL, AAP_VALIDATE_CERTS, TOWER_VERIFY_SSL
  AAP_INSECURE_SKIP_VERIFY (the opposite, before TOWER_VERIFY_SSL)
                              whether its certificate is verified (true)
  CONTROLLER_REQUEST_TIMEOUT, AAP_REQUEST_TIMEOUT, AAP_TIMEOUT, TOWER_REQUEST_TIMEOUT
                              seconds for one request (60)
  CONTROLLER_OPTIONAL_API_URLPATTERN_PREFIX, AWXKIT_API_BASE_PATH
                              the path of the API, such as /api/controller/ (asked for)
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY
                              proxies; never for this machine
  GITHUB_STEP_SUMMARY, GITHUB_WORKSPACE
                              where --format github appends its Markdown, and below which folder it names files
  MESHFORM_LOG                what is logged, such as meshform=debug";

/// Declares the instances of an automation mesh: plan against the controller, apply in dependency order
#[derive(Debug, Parser)]
#[command(name = "meshform", version, propagate_version = true, max_term_width = 100, after_long_help = MORE)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Never colour the output
    #[arg(long, global = true, display_order = 100)]
    no_color: bool,
    /// Only reports and errors: no progress, no warnings beside the report
    #[arg(short, long, global = true, display_order = 101)]
    quiet: bool,
    /// More: -v unfolds what is folded, -vv logs each request as well
    #[arg(short, long, global = true, action = ArgAction::Count, display_order = 102)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration offline: no controller is asked
    Validate(validate::Args),
    /// Show what an apply would do
    Plan(plan::Args),
    /// Do what the plan says, in dependency order
    Apply(apply::Args),
    /// Show what moved on the controller, and who moved it; never writes
    Drift(drift::Args),
    /// Show a saved plan, as `plan` showed it
    Show(show::Args),
    /// Wait until instances are ready, idle, linked or gone
    Wait(wait::Args),
    /// Show where each value of an instance comes from
    Explain(explain::Args),
    /// Print the JSON Schema of the configuration, for editors, or that of a report
    Schema(schema::Args),
    /// Show who one is at the controller, with which rights, and what decided each setting
    Login(login::Args),
    /// Serve a simulated controller on this machine
    Sandbox(sandbox::Args),
}

/// Parses the arguments, runs the command and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no failure; anything else is wrong usage, which is 1 here since 2 means changes.
            let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let _ = error.print();
            return if asked_for { Exit::Done } else { Exit::Failed };
        }
    };
    let output = Output::new(cli.no_color, cli.quiet, cli.verbose);
    output.log_requests();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return error::report(output, &anyhow::Error::new(error).context("cannot start")),
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Validate(args) => validate::run(&args, output),
            Command::Plan(args) => plan::run(args, output).await,
            Command::Apply(args) => apply::run(args, output).await,
            Command::Drift(args) => drift::run(args, output).await,
            Command::Show(args) => show::run(&args, output),
            Command::Wait(args) => wait::run(args, output).await,
            Command::Explain(args) => explain::run(&args, output),
            Command::Schema(args) => schema::run(&args, output),
            Command::Login(args) => login::run(args, output).await,
            Command::Sandbox(args) => sandbox::run(args, output).await,
        }
    });
    // A question that nobody answered is waited for by a thread of its own.
    runtime.shutdown_background();
    result.unwrap_or_else(|error| error::report(output, &error))
}

/// A number of seconds as a flag gives it.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "not a number of seconds, such as 90 or 0.5".to_owned())
}
