//! What apply runs: a plan that was made just now, or a saved one that is looked over before it goes on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    connect::Session,
    declared,
    error::Usage,
    output::Output,
    permit,
    plan::{planned, warnings},
    save, select,
};
use crate::{
    config::Loaded,
    controller::ServerInfo,
    mesh::{BaseUrl, DeclaredMesh, Given, fold},
    plan::{
        Permissions, Plan,
        saved::{Controller, Progress, Saved, Warned, is_plan_file},
    },
};

/// A plan, made just now or saved, with what is needed to show it and to go on with it.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) declared: DeclaredMesh,
    pub(super) warnings: Vec<Warned>,
    pub(super) paths: String,
    /// How far an earlier apply of a saved plan came.
    pub(super) progress: Progress,
}

/// The one path that is a saved plan, if that is what was given.
fn plan_file(paths: &[PathBuf]) -> Option<&Path> {
    let [path] = paths else { return None };
    let text = fs::read(path).ok().filter(|_| !save::is_yaml(path))?;
    let text = String::from_utf8_lossy(&text);
    // One that was cut off to nothing is no mesh without instances.
    (is_plan_file(&text) || text.trim().is_empty()).then_some(path)
}

/// What apply is given, read but not yet held against the controller.
pub(super) enum Task {
    /// A mesh to plan for.
    Mesh(Box<Loaded>, String),
    /// A saved plan.
    Plan(Box<Saved>),
}

impl Task {
    /// Reads the paths that declare a mesh, or the saved plan.
    pub(super) fn read(paths: &[PathBuf], select: &select::Args, permit: &permit::Args, output: Output) -> anyhow::Result<Self> {
        let Some(file) = plan_file(paths) else { return Ok(Self::Mesh(Box::new(declared::load(paths, output)?), declared::shown(paths))) };
        if !select.selection().is_all() || permit.keep_drift || permit.permissions() != Permissions::default() {
            let message = "a saved plan brings along which instances it is about and what it may do".to_owned();
            return Err(Usage { message, hint: "give those flags to `meshform plan --out`".to_owned() }.into());
        }
        Ok(Self::Plan(Box::new(save::read(file)?)))
    }

    /// Which controllers it is for, as far as the configuration says it.
    pub(super) fn guard(&self) -> &[Given<BaseUrl>] {
        match self {
            Self::Mesh(loaded, _) => &loaded.mesh.settings.controller,
            Self::Plan(_) => &[],
        }
    }

    /// Plans, or looks the saved plan over.
    pub(super) async fn prepare(
        self,
        session: &Session,
        select: &select::Args,
        permit: &permit::Args,
        output: Output,
    ) -> anyhow::Result<Prepared> {
        match self {
            Self::Mesh(loaded, paths) => {
                let plan = planned(session, &loaded, select, permit, output).await?.plan;
                let warnings = warnings(&loaded);
                Ok(Prepared { plan, declared: loaded.mesh, warnings, paths, progress: Progress::default() })
            }
            Self::Plan(saved) => from_file(*saved, session).await,
        }
    }
}

/// Where the controller and everything that the plan counts on is as it was.
async fn from_file(saved: Saved, session: &Session) -> anyhow::Result<Prepared> {
    same_controller(&session.server, &saved.origin.controller)?;
    let live = session.read(&saved.expected).await?;
    let progress = match saved.resume(&live) {
        Ok(progress) => progress,
        Err(moved) => return Err(Stale { moved: moved.iter().map(ToString::to_string).collect() }.into()),
    };
    let stale = |what: String| Err(Stale { moved: vec![what] }.into());
    let busy = saved.busy(&live, &progress.done);
    if !busy.is_empty() {
        return stale(format!("jobs run on {}, which would be cut off or connected otherwise", fold(&busy).join(", ")));
    }
    // Where the API has no links nothing is known of paths.
    let has_peers = session.server.capabilities.has_peers();
    let lost = if has_peers { saved.cut_off(&session.client.topology().await?, &progress.done) } else { Vec::new() };
    if !lost.is_empty() {
        let names = fold(&lost.iter().map(String::as_str).collect::<Vec<_>>()).join(", ");
        return stale(format!("{names} is ready, and may hang on what the plan takes away"));
    }
    let (declared, paths) = (saved.declared(), saved.origin.paths.join(" "));
    Ok(Prepared { declared, paths, plan: saved.plan, warnings: saved.origin.warnings, progress })
}

/// A plan is for one installation, by its own name for itself and by its address.
fn same_controller(found: &ServerInfo, wanted: &Controller) -> Result<(), Elsewhere> {
    for (what, found, wanted) in [
        ("address", found.url.as_str(), wanted.url.as_str()),
        ("installation", &found.install_uuid, &wanted.install_uuid),
        ("version", &found.version, &wanted.version),
    ] {
        if found != wanted {
            return Err(Elsewhere { what, wanted: wanted.to_owned(), found: found.to_owned() });
        }
    }
    Ok(())
}

/// A saved plan is for another controller.
#[derive(Debug, thiserror::Error)]
#[error("the plan was made for another controller: its {what} was {wanted}, this one's is {found}")]
pub(super) struct Elsewhere {
    what: &'static str,
    wanted: String,
    found: String,
}

/// Another hand was there after a plan was saved.
#[derive(Debug, thiserror::Error)]
#[error("the plan is stale, since then something moved: {}", first_few(moved))]
pub(super) struct Stale {
    moved: Vec<String>,
}

fn first_few(moved: &[String]) -> String {
    const SHOWN: usize = 10;
    let more = moved.len().saturating_sub(SHOWN);
    let shown = moved.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
    if more == 0 { shown } else { format!("{shown}; and {more} more") }
}
