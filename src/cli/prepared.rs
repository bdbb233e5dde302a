//! What apply runs: a plan that was made just now, or a saved one that is looked over before it goes on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    connect::{self, Session},
    declared,
    error::Usage,
    output::Output,
    permit,
    plan::{planned, warnings},
    save, select,
};
use crate::{
    controller::ServerInfo,
    mesh::{DeclaredMesh, fold},
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

/// What apply is given: paths that declare a mesh, or a saved plan.
pub(super) async fn prepare(
    paths: &[PathBuf],
    select: &select::Args,
    permit: &permit::Args,
    connection: &connect::Args,
    output: Output,
) -> anyhow::Result<(Session, Prepared)> {
    if let Some(file) = plan_file(paths) {
        if !select.selection().is_all() || permit.permissions() != Permissions::default() {
            let message = "a saved plan brings along which instances it is about and what it may do".to_owned();
            return Err(Usage { message, hint: "give those flags to `meshform plan --out`".to_owned() }.into());
        }
        return from_file(save::read(file)?, connection, output).await;
    }
    let loaded = declared::load(paths, output)?;
    let session = connection.connect(&loaded.mesh.settings.controller, output).await?;
    let (plan, _) = planned(&session, &loaded, select, permit).await?;
    let (warnings, paths) = (warnings(&loaded), declared::shown(paths));
    Ok((session, Prepared { plan, declared: loaded.mesh, warnings, paths, progress: Progress::default() }))
}

/// Where the controller and everything that the plan counts on is as it was.
async fn from_file(saved: Saved, connection: &connect::Args, output: Output) -> anyhow::Result<(Session, Prepared)> {
    let session = connection.connect(&[], output).await?;
    same_controller(&session.server, &saved.origin.controller)?;
    let live = session.client.read().await?;
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
    Ok((session, Prepared { declared, paths, plan: saved.plan, warnings: saved.origin.warnings, progress }))
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
