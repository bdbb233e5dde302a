//! From an error to its message, its hint and the exit code: decided here and nowhere else.

use std::fmt;

use anyhow::Error;

use super::{
    Exit,
    apply::{ReadOnly, Unexpected},
    connect::{Blamed, OtherController},
    output::Output,
    prepared::{Elsewhere, Stale},
    save::InTheWay,
};
use crate::{
    config::Loaded,
    controller::{ControllerError, SettingsError},
    plan::saved::SavedError,
    render::escape,
    sandbox::SandboxError,
};

/// Something wrong with how the program was called, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Usage {
    pub(super) message: String,
    pub(super) hint: String,
}

/// The configuration has errors; they were shown already.
#[derive(thiserror::Error)]
#[error("the configuration has errors")]
pub(super) struct BadConfiguration(pub(super) Box<Loaded>);

impl fmt::Debug for BadConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BadConfiguration").field(&self.0.findings).finish()
    }
}

/// An error as people and programs are told of it.
pub(super) struct Judged<'e> {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) exit: Exit,
    /// The configuration, where its findings are what went wrong.
    pub(super) broken: Option<&'e Loaded>,
}

/// Writes what went wrong and gives the exit code.
pub(super) fn report(output: Output, error: &Error) -> Exit {
    let Judged { message, hint, exit, broken } = judge(error);
    // What is wrong with a configuration was shown where it was found.
    if broken.is_none() {
        let hint = hint.map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
        output.note(&format!("error: {}\n{hint}", escape(&message)));
    }
    exit
}

/// What an error means here.
pub(super) fn judge(error: &Error) -> Judged<'_> {
    // Of a controller error: the mesh was not read. What fails later is part of an outcome.
    let (exit, hint) = if error.is::<BadConfiguration>() {
        (Exit::Failed, Some("`meshform validate --format json` lists them"))
    } else if let Some(error) = error.downcast_ref::<ControllerError>() {
        (Exit::CannotSee, error.hint())
    } else if let Some(blamed) = error.downcast_ref::<Blamed>() {
        (Exit::CannotSee, Some(blamed.hint.as_str()))
    } else if let Some(error) = error.downcast_ref::<SettingsError>() {
        (Exit::Failed, error.hint())
    } else if error.is::<OtherController>() {
        (Exit::Refused, Some("set CONTROLLER_HOST to the right one, or give --controller if the other one is meant"))
    } else if error.is::<ReadOnly>() {
        (
            Exit::Refused,
            Some("a system administrator is needed and, for a token, the scope `write`; `meshform login --check` tells who one is"),
        )
    } else if error.is::<Elsewhere>() {
        (Exit::Refused, Some("give --controller or CONTROLLER_HOST as the plan has it, or plan again here"))
    } else if error.is::<Stale>() {
        (Exit::Refused, Some("nothing was written; plan again, and look at what moved"))
    } else if error.is::<InTheWay>() {
        (Exit::Failed, Some("give another name, such as mesh.plan or report.json"))
    } else if error.is::<Unexpected>() {
        (Exit::Refused, Some("this is not what was reviewed: plan again, and look at what changed"))
    } else if let Some(error) = error.downcast_ref::<SavedError>() {
        (Exit::Failed, Some(error.hint()))
    } else if let Some(usage) = error.downcast_ref::<Usage>() {
        (Exit::Failed, Some(usage.hint.as_str()))
    } else {
        (Exit::Failed, None)
    };
    let message: Vec<String> =
        if error.is::<SandboxError>() { vec![error.to_string()] } else { error.chain().map(ToString::to_string).collect() };
    Judged {
        message: message.join(": "),
        hint: hint.map(str::to_owned),
        exit,
        broken: error.downcast_ref::<BadConfiguration>().map(|bad| &*bad.0),
    }
}
