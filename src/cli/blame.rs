//! Who changed what is to change: asked for where a plan or a drift report wants to tell.

use super::{connect::Session, error::Usage, output::Output};
use crate::{
    controller::ControllerError,
    mesh::{DeclaredMesh, History, LiveMesh},
    plan::{
        Action, Plan,
        drift::{Sides, Stream},
    },
};

/// What the controller remembers of a plan's instances.
pub(super) struct Blame {
    history: History,
    pub(super) stream: Stream,
}

impl Blame {
    /// Asks nobody.
    pub(super) fn none() -> Self {
        Self { history: History::default(), stream: Stream::Skipped }
    }

    /// Asks for all instances that a plan changes; where it changes none, nobody is asked.
    pub(super) async fn ask(session: &Session, plan: &Plan, mesh: &DeclaredMesh, live: &LiveMesh) -> Result<Self, ControllerError> {
        if !session.client.records_activity() {
            return Ok(Self { history: History::default(), stream: Stream::Off });
        }
        let ids: Vec<i64> = plan.changes.iter().filter_map(|change| change.id).collect();
        let gone = plan.changes.iter().filter(|change| change.action == Action::Create && change.id.is_none());
        let gone: Vec<String> = gone.map(|change| change.hostname.clone()).collect();
        let applied_by: Vec<&str> = mesh.settings.applied_by.iter().map(|account| account.value.as_str()).collect();
        Ok(match session.client.history(live, &ids, &gone, &applied_by).await? {
            Some(history) => Self { history, stream: Stream::Asked },
            None => Self { history: History::default(), stream: Stream::Refused },
        })
    }

    /// What was asked for or, where that failed, nothing: a plan does not depend on it.
    pub(super) fn or_mute(asked: Result<Self, ControllerError>, output: Output) -> Self {
        asked.unwrap_or_else(|error| {
            output.warn(&format!("whose changes are undone is not known: {error} (--no-blame does not ask)"));
            Self { history: History::default(), stream: Stream::Refused }
        })
    }

    /// Whether somebody was asked and told nothing.
    pub(super) fn is_mute(&self) -> bool {
        matches!(self.stream, Stream::Off | Stream::Refused)
    }

    /// Refuses to go on where nobody tells what somebody changed: all of it would be kept, and nothing applied.
    pub(super) fn must_tell(&self) -> Result<(), Usage> {
        let (why, hint) = match self.stream {
            Stream::Off => ("the controller records no changes", "switch ACTIVITY_STREAM_ENABLED on, or apply without --keep-drift"),
            Stream::Refused => ("the controller's activity stream cannot be read", "look at its logs, or apply without --keep-drift"),
            Stream::Asked | Stream::Skipped => return Ok(()),
        };
        Err(Usage { message: format!("`--keep-drift` cannot tell what somebody changed: {why}"), hint: hint.to_owned() })
    }

    /// Both sides with it.
    pub(super) fn sides<'a>(&'a self, session: &Session, declared: &'a DeclaredMesh, live: &'a LiveMesh) -> Sides<'a> {
        Sides { declared, live, capabilities: session.server.capabilities, history: &self.history, stream: self.stream }
    }
}
