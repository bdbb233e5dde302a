//! `meshform wait`: waits until the instances of a configuration are ready, idle, linked or gone. It writes nothing.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use tokio::time::sleep;

use super::{
    Exit,
    connect::{self, Session},
    declared,
    error::Usage,
    output::Output,
    seconds, select,
};
use crate::{
    controller::{ControllerError, NodeReport},
    mesh::{Declared, DeclaredMesh, NodeState, Topology},
    plan::Selection,
    render::{self, plural, wait::Open},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders that declare one mesh
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What to wait for
    #[arg(long = "for", value_enum, value_name = "STATE")]
    state: Wanted,
    /// How long to wait
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1800")]
    wait_timeout: Duration,
    #[command(flatten)]
    select: select::Args,
    #[command(flatten)]
    connection: connect::Args,
}

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// The controller sees each declared instance
    Ready,
    /// No job runs on any declared instance
    Idle,
    /// Each declared instance has a path to the control plane, and every link that it dials is established
    Linked,
    /// What shall not be there is not: declared deprovisioning, owned and not declared, or replaced
    Gone,
}

/// The first pause; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(super) async fn run(args: Args, output: Output) -> anyhow::Result<Exit> {
    let loaded = declared::load(&args.paths, output)?;
    let work = async |session: &Session| wait(&args, &loaded.mesh, session, output).await;
    args.connection.with(&loaded.mesh.settings.controller, output, work).await
}

async fn wait(args: &Args, mesh: &DeclaredMesh, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let wanted = args.state;
    let names = match wanted {
        Wanted::Gone => shall_go(session, mesh, &args.select.selection()).await?,
        Wanted::Ready | Wanted::Idle | Wanted::Linked => declared_names(mesh, &args.select.selection()),
    };
    if names.is_empty() && wanted != Wanted::Gone && !args.select.selection().is_all() {
        let message = "`--only` and `--exclude` leave nothing to wait for".to_owned();
        return Err(Usage { message, hint: "look for a slip in the patterns".to_owned() }.into());
    }
    let begin = Instant::now();
    let mut pause = FIRST_PAUSE;
    let mut told = None;
    let open = loop {
        let now = session.client.topology().await?;
        let missing: Vec<&String> = names.iter().filter(|name| wanted != Wanted::Gone && !now.nodes.contains_key(*name)).collect();
        if let Some(first) = missing.first() {
            let message = format!("{} of {} not on the controller, the first is {first}", missing.len(), plural(names.len(), "instance"));
            return Err(Usage { message, hint: "apply first; waiting does not make it".to_owned() }.into());
        }
        let open = not_so(session, wanted, &names, &now).await?;
        let left = args.wait_timeout.saturating_sub(begin.elapsed());
        if open.is_empty() || left.is_zero() {
            break told_why(session, wanted, &now, &open).await?;
        }
        if told != Some(open.len()) && !output.quiet {
            output.note(&format!("{} of {} {}\n", names.len() - open.len(), names.len(), word(wanted)));
            told = Some(open.len());
        }
        sleep(pause.min(left)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    let exit = if open.is_empty() { Exit::Done } else { Exit::Failed };
    output.report(&render::wait::text(word(wanted), names.len(), &open, args.wait_timeout.as_secs_f64()))?;
    Ok(exit)
}

fn word(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Ready => "ready",
        Wanted::Idle => "idle",
        Wanted::Linked => "linked",
        Wanted::Gone => "gone",
    }
}

fn declared_names(mesh: &DeclaredMesh, selection: &Selection) -> Vec<String> {
    let wanted = mesh.instances.iter().filter(|(name, instance)| instance.shall_exist() && selection.has(name.as_str()));
    wanted.map(|(name, _)| name.as_str().to_owned()).collect()
}

/// What an apply removes, or has removed.
async fn shall_go(session: &Session, mesh: &DeclaredMesh, selection: &Selection) -> Result<Vec<String>, ControllerError> {
    let live = session.client.topology().await?;
    let declared = |name: &str| mesh.instances.get(name).map(Declared::shall_exist);
    let replaced: BTreeSet<&str> = mesh.instances.values().filter_map(|i| i.replaces.as_ref()).map(|old| old.value.as_str()).collect();
    let goes = |name: &str| match declared(name) {
        Some(shall_exist) => !shall_exist,
        None => mesh.settings.owns.names(name).is_some() || replaced.contains(name),
    };
    let there = live.nodes.keys().filter(|name| goes(name) && !live.is_control_plane(name)).cloned();
    let gone = mesh.instances.iter().filter(|(_, instance)| !instance.shall_exist()).map(|(name, _)| name.as_str().to_owned());
    let mut names: Vec<String> = there.chain(gone).filter(|name| selection.has(name)).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// Who is not as wanted yet. Reading rows is slow, so that it is done only where nothing else tells.
async fn not_so<'n>(session: &Session, wanted: Wanted, names: &'n [String], now: &Topology) -> Result<Vec<&'n str>, ControllerError> {
    let names = names.iter().map(String::as_str);
    if wanted == Wanted::Idle {
        let reports = session.client.reports(&names.clone().collect::<Vec<_>>()).await?;
        return Ok(names.filter(|name| reports.get(*name).is_none_or(|report| report.jobs_running > 0)).collect());
    }
    let connected = now.connected(|_, _| false);
    let with_new_link: BTreeSet<&str> = now.adding.iter().map(|(source, target)| dialler(now, source, target)).collect();
    let is_so = |name: &str| match wanted {
        Wanted::Ready | Wanted::Idle => now.is_ready(name),
        Wanted::Linked => connected.contains(name) && !with_new_link.contains(name),
        Wanted::Gone => !now.nodes.contains_key(name),
    };
    Ok(names.filter(|name| !is_so(name)).collect())
}

/// Whose link it is: what control nodes dial is the far end's.
fn dialler<'n>(now: &Topology, source: &'n str, target: &'n str) -> &'n str {
    if now.is_control_plane(source) { target } else { source }
}

/// Why each of these is not as wanted.
async fn told_why(session: &Session, wanted: Wanted, now: &Topology, open: &[&str]) -> Result<Vec<Open>, ControllerError> {
    let reports = session.client.reports(open).await?;
    // What went in between is gone.
    Ok(open.iter().filter_map(|name| Some(why(wanted, now, name, reports.get(*name)?))).collect())
}

fn why(wanted: Wanted, now: &Topology, name: &str, report: &NodeReport) -> Open {
    let NodeReport { node_state, jobs_running, errors } = report;
    let jobs = plural(usize::try_from(*jobs_running).unwrap_or(0), "job");
    let why = match wanted {
        Wanted::Idle => format!("{jobs} on it"),
        Wanted::Linked if now.is_ready(name) => {
            let new = now.adding.iter().filter(|(source, target)| dialler(now, source, target) == name);
            let new: Vec<String> = new.map(|(source, target)| format!("{source} -> {target}")).collect();
            if new.is_empty() { "no path of established links".to_owned() } else { format!("not established yet: {}", new.join(", ")) }
        }
        Wanted::Gone if *jobs_running > 0 => format!("{}, {jobs} on it", node_state.as_str()),
        Wanted::Gone if *node_state == NodeState::Deprovisioning => "deprovisioning".to_owned(),
        Wanted::Gone => format!("{}, its removal was not asked for yet", node_state.as_str()),
        Wanted::Ready | Wanted::Linked if node_state.as_str() == "installed" => "installed: its install bundle was not run yet".to_owned(),
        Wanted::Ready | Wanted::Linked => node_state.as_str().to_owned(),
    };
    Open { hostname: name.to_owned(), why, errors: errors.clone() }
}
