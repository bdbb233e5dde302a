//! `meshform login --check`: who one is at which controller, which rights one has there, and what decided it.

use std::fmt::Write;

use super::{
    Exit,
    connect::{self, Session},
    output::Output,
};
use crate::{
    controller::{About, Decision, Leftover},
    mesh::Capabilities,
    render::escape,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Log in, look, and log out again: nothing is changed and nothing is kept
    #[arg(long, required = true)]
    check: bool,
    #[command(flatten)]
    connection: connect::Args,
}

pub(super) async fn run(args: Args, output: Output) -> anyhow::Result<Exit> {
    let way = args.connection.way(&[], output)?;
    // First of all: where a login fails it is most of what one wants to know.
    output.report(&decided(&way.decisions))?;
    way.go(output, async |session| {
        let about = session.client.about().await?;
        output.report(&found(session, &about))?;
        Ok(Exit::Done)
    })
    .await
}

/// What decided each setting.
fn decided(decisions: &[Decision]) -> String {
    if decisions.is_empty() {
        return String::new();
    }
    let mut text = "Settings, and what decided them\n".to_owned();
    for Decision { setting, by, value } in decisions {
        let value = value.as_deref().map_or_else(|| "(secret)".to_owned(), escape);
        let _ = writeln!(text, "  {setting:<24}{value:<40}{}", escape(by));
    }
    text.push('\n');
    text
}

/// What the controller says.
fn found(session: &Session, about: &About) -> String {
    let server = &session.server;
    let Capabilities { dialect, kubernetes, by_hand: _ } = server.capabilities;
    let About { user, is_administrator, may_write, login, activity_stream, leftovers } = about;
    let kind = if *is_administrator { "system administrator" } else { "system auditor" };
    let rights = match (is_administrator, may_write) {
        (_, true) => "may plan and apply",
        (true, false) => "may plan, not apply: the token may only read",
        (false, false) => "may plan, not apply",
    };
    let runs = if kubernetes { "on Kubernetes" } else { "on a host: creates, peers and states are refused by its API" };
    let stream = match activity_stream {
        Some(true) => "on",
        Some(false) => "off: who changed what is not recorded",
        None => "not told",
    };
    let mut text = format!("{} is AWX {}\n", escape(&server.url), escape(&server.version));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<24}{}", escape(value));
    };
    line("installation", &server.install_uuid);
    line("peers in its API", &dialect.to_string());
    line("runs", runs);
    line("activity stream", stream);
    line("user", &format!("{user}, a {kind}: {rights}"));
    line("logged in by", login);
    for Leftover { path, description, created } in leftovers {
        line("left over", &format!("{path} of {created}, {description}"));
    }
    if !leftovers.is_empty() {
        text.push_str(
            "What is left over are tokens of runs that could not end them, or of such as run now. End them on the controller's pages.\n",
        );
    }
    text
}
