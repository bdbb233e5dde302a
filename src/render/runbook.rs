//! A plan as a bash script for an administrator: where a controller is installed on hosts, `awx-manage` on one of them does what the
//! API refuses. Names from a server or a file stand in it as quoted words, and in comments with their control characters spelled
//! out.

mod commands;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use crate::{
    mesh::{Dialect, Field, LiveMesh, Place, fold},
    plan::{ByHand, LeftOut, Plan, Request, Step},
};

use super::{
    grouped,
    place::places,
    plan::{View, held_until},
    shell,
    words::escape,
};
use commands::{Command, Commands, Part};

/// What the script itself is made of beside its commands.
const FUNCTIONS: &str = include_str!("runbook/functions.bash");

/// How many ids, and how many hostnames, are asked for by one request.
const IDS: usize = 200;
const NAMES: usize = 40;

/// What stands in no command line.
#[derive(Debug)]
struct Unspeakable(String);

/// The script of a plan by hand; `api_root` is the path of the API, such as `/api/v2/`. Where nothing of it can be run, a script that
/// says why and fails.
pub fn script(view: &View<'_>, by_hand: &ByHand, live: &LiveMesh, api_root: &str) -> Result<String, String> {
    let plan = &by_hand.plan;
    if !plan.is_allowed() {
        return Err(refused(view, plan));
    }
    let commands = Commands::of(plan, live, view.server.capabilities.dialect);
    written(view, by_hand, live, &commands, api_root).map_err(|Unspeakable(word)| {
        let why = format!("awx-manage takes no such name: `{}`", escape(&word));
        failing(&heading(view, plan), &[why])
    })
}

/// The script where there is no plan: it says why, and fails.
pub fn failed(message: &str, hint: Option<&str>) -> String {
    let hint = hint.map(|hint| format!("  hint: {}", escape(hint)));
    let why: Vec<String> = [escape(message)].into_iter().chain(hint).collect();
    failing("#!/usr/bin/env bash\n# Runbook of meshform\n", &why)
}

fn written(view: &View<'_>, by_hand: &ByHand, live: &LiveMesh, commands: &Commands<'_>, api_root: &str) -> Result<String, Unspeakable> {
    if let Some(name) = &commands.odd {
        return Err(Unspeakable(name.clone()));
    }
    let plan = &by_hand.plan;
    let mut text = heading(view, plan);
    text.push_str(&how(commands.parts.is_empty()));
    text.push_str(&limits(view, by_hand, live, commands));
    text.push_str("\nset -euo pipefail\n");
    if commands.parts.is_empty() {
        let what = if plan.steps.is_empty() { "nothing to do: all is as declared" } else { "nothing to do now: all of it is held" };
        let _ = writeln!(text, "printf '%s\\n' {}", quoted(what)?);
        return Ok(text);
    }
    let _ = write!(
        text,
        "\n# May be several words: a wrapper and what it is to run.\nread -ra awx_manage <<<\"${{AWX_MANAGE:-awx-manage}}\"\n\
         host=${{CONTROLLER_HOST:-}}\n[[ -n $host ]] || host={}\n[[ $host == *://* ]] || host=https://$host\napi=${{host%/}}{}\n\n{FUNCTIONS}\n",
        quoted(&view.server.url)?,
        quoted(api_root)?,
    );
    checks(&mut text, view, plan, commands)?;
    let count = commands.parts.len();
    for (number, part) in (1..).zip(&commands.parts) {
        step(&mut text, part, number, count)?;
    }
    let _ = write!(text, "\nat=end\nprintf '%s\\n' 'done: plan again, and see that nothing is left'\n");
    Ok(text)
}

/// What it is for.
fn heading(view: &View<'_>, plan: &Plan) -> String {
    let summary = plan.summary;
    let mut text = format!(
        "#!/usr/bin/env bash\n# Runbook of meshform for {} against {} (AWX {}, installed on hosts)\n",
        escape(view.paths),
        escape(&view.server.url),
        escape(&view.server.version)
    );
    let _ = writeln!(
        text,
        "# {} to create, {} to update, {} to replace, {} to remove, {} unchanged.{}",
        summary.create,
        summary.update,
        summary.replace,
        summary.remove,
        summary.unchanged,
        plan.digest.as_deref().map(|digest| format!(" Digest {digest}.")).unwrap_or_default()
    );
    text
}

fn how(is_empty: bool) -> String {
    if is_empty {
        return String::new();
    }
    "#
# The API of a controller that is installed on hosts makes and removes no instances and changes no peers. This script does the
# whole plan in its order: with awx-manage, and through the API where that works.
#
# How to run it: on a host of the controller, as a user who may run awx-manage, while nobody else changes the mesh:
#   export CONTROLLER_OAUTH_TOKEN=...      # or CONTROLLER_USERNAME and CONTROLLER_PASSWORD: a system administrator
#   bash RUNBOOK
# CONTROLLER_HOST overrides the address, CONTROLLER_VERIFY_SSL=false trusts any certificate. AWX_MANAGE is what runs awx-manage, such
# as 'sudo -u awx awx-manage'.
#
# It first asks whether the instances are still there and the new ones not yet, not whether anything of them changed; and it stops at the
# first failure. Then plan again and run the new runbook: this one does not start again once it has made or removed something.
"
    .to_owned()
}

/// What the script leaves undone, and what is to do beside it.
fn limits(view: &View<'_>, by_hand: &ByHand, live: &LiveMesh, commands: &Commands<'_>) -> String {
    let plan = &by_hand.plan;
    let mut found = Vec::new();
    found.extend(flags(view, by_hand, live, commands));
    let pathless = commands.pathless.iter().map(|address| escape(address));
    found.extend(pathless.map(|address| format!("the websocket path of {address}, if it has one: the address is made anew without it")));
    found.extend(receptor(plan));
    found.extend(states(view, plan));
    found.extend(plan.holds.iter().map(|hold| format!("{}: plan again then", escape(&held_until(hold)))));
    let needs = |left: &LeftOut| format!("{}: it needs {}, which was not selected", escape(&left.hostname), escape(&left.needs));
    found.extend(plan.left_out.iter().map(needs));
    let mut text = String::new();
    if !found.is_empty() {
        text.push_str("#\n# WHAT IT CANNOT DO\n");
        for line in found {
            let _ = if line.starts_with(' ') { writeln!(text, "#  {line}") } else { writeln!(text, "# - {line}") };
        }
    }
    let warnings = super::warnings::of(plan);
    if !warnings.is_empty() {
        text.push_str("#\n# WARNINGS\n");
        for warning in warnings {
            let _ = writeln!(text, "# - {}", escape(&warning.message));
        }
    }
    text
}

/// The flags that no command switches on, and what does the same for the control nodes.
fn flags(view: &View<'_>, by_hand: &ByHand, live: &LiveMesh, commands: &Commands<'_>) -> Vec<String> {
    let mut all: BTreeMap<&str, Option<Place>> = by_hand.flags.iter().map(|(name, place)| (name.as_str(), Some(*place))).collect();
    for name in &commands.flags {
        all.entry(name).or_insert(None);
    }
    if all.is_empty() {
        return Vec::new();
    }
    let names = folded(&all.keys().copied().collect::<Vec<_>>());
    let at = places(view.declared, all.values().flatten().copied());
    let at = if at.is_empty() { at } else { format!(" ({at})") };
    let mut found = vec![format!(
        "peers_from_control_nodes of {names}{at}: AWX 23.0 to 23.7 have no command for it, and on hosts its API refuses it. Leave it out of \
         the configuration there. Control nodes dial what they are told to:"
    )];
    let controls = live.instances.iter().filter(|(_, row)| row.node_type.is_control_plane()).map(|(name, _)| name.as_str());
    let register = |control| {
        let words = ["awx-manage", "register_peers", control, "--peers"];
        format!("    {}", shell::command(words.iter().chain(all.keys())))
    };
    found.extend(controls.map(register));
    found
}

/// Where receptor is to be set up again.
fn receptor(plan: &Plan) -> Option<String> {
    let nodes: Vec<&str> = plan.bundles.iter().map(|bundle| bundle.hostname.as_str()).collect();
    (!nodes.is_empty()).then(|| {
        format!(
            "receptor itself: awx-manage changes what the controller knows, and counts a link as established at once. Let the installer, or \
             whoever writes receptor.conf, set receptor up again on {}, and on control nodes where they dial something else",
            folded(&nodes)
        )
    })
}

/// Whose state is another one afterwards.
fn states(view: &View<'_>, plan: &Plan) -> Option<String> {
    let changes_port = |step: &&Step| {
        let has_port = step.body.iter().any(|(field, _)| *field == Field::ListenerPort);
        has_port && matches!(step.action, Request::Patch) && step.held.is_none()
    };
    let changed = plan.steps.iter().filter(|_| view.server.capabilities.dialect == Dialect::Hostnames).filter(changes_port);
    let names: Vec<&str> = changed.map(|step| step.hostname.as_str()).collect();
    (!names.is_empty()).then(|| format!("keep the state of {}: it is `installed` until the controller hears of it again", folded(&names)))
}

/// Asks whether it is the controller of the plan, and whether what is changed is still there and what is made is not.
fn checks(text: &mut String, view: &View<'_>, plan: &Plan, commands: &Commands<'_>) -> Result<(), Unspeakable> {
    text.push_str("# Who may do it, and whether the instances are still there and the new ones not yet.\n");
    text.push_str("[[ -n ${CONTROLLER_OAUTH_TOKEN-} || -n ${CONTROLLER_USERNAME-} && -n ${CONTROLLER_PASSWORD-} ]] ||\n");
    text.push_str("  stop 'set CONTROLLER_OAUTH_TOKEN, or CONTROLLER_USERNAME and CONTROLLER_PASSWORD'\n");
    if !view.server.install_uuid.is_empty() {
        let uuid = quoted(&view.server.install_uuid)?;
        let _ = writeln!(text, "answer=$(request GET ping/)\n[[ $answer == *{uuid}* ]] || stop 'this is another controller'");
    }
    let ids: BTreeSet<i64> = commands.parts.iter().filter_map(|part| part.step.instance).collect();
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    for chunk in ids.chunks(IDS) {
        let _ = writeln!(text, "expect {} {}", chunk.len(), quoted(&format!("id__in={}", chunk.join(",")))?);
    }
    let there: BTreeSet<&str> = plan.changes.iter().filter(|change| change.id.is_some()).map(|change| change.hostname.as_str()).collect();
    let created = commands.parts.iter().filter(|part| part.step.action == Request::Create).map(|part| part.step.hostname.as_str());
    let new: Vec<&str> = created.filter(|name| !there.contains(name)).collect();
    for chunk in new.chunks(NAMES) {
        let _ = writeln!(text, "expect 0 {}", quoted(&format!("hostname__in={}", chunk.join(",")))?);
    }
    Ok(())
}

/// The commands of one step.
fn step(text: &mut String, part: &Part<'_>, number: usize, count: usize) -> Result<(), Unspeakable> {
    let Part { step, commands } = part;
    let verb = match step.action {
        Request::Create => "create",
        Request::Patch => "update",
        Request::Remove | Request::Wait => "remove",
        Request::Idle => "wait until no job runs on",
    };
    let title = format!("{number}/{count} {verb} {}", escape(&step.hostname));
    let why = if step.why.is_empty() { String::new() } else { format!("# {}\n", escape(&step.why)) };
    let _ = write!(text, "\n{why}say {}\n", quoted(&title)?);
    if commands.is_empty() {
        text.push_str("# Nothing is left to do: it is so already.\n");
    }
    for command in commands {
        match command {
            Command::Manage(words) => {
                let words = words.iter().map(|word| quoted(word)).collect::<Result<Vec<_>, _>>()?;
                let _ = writeln!(text, "manage {}", words.join(" "));
            }
            Command::Patch(fields) => {
                let body = quoted(&serde_json::Value::Object(fields.clone()).to_string())?;
                match step.instance {
                    Some(id) => _ = writeln!(text, "patch {id} {body}"),
                    None => _ = writeln!(text, "id=$(id_of {})\npatch \"$id\" {body}", quoted(&step.hostname)?),
                }
            }
            Command::Idle => {
                let _ = writeln!(text, "wait_until_idle {}", step.instance.unwrap_or_default());
            }
        }
    }
    Ok(())
}

/// A script that says why there is nothing to run.
fn refused(view: &View<'_>, plan: &Plan) -> String {
    let mut why = Vec::new();
    for (reason, refusals) in grouped::refusals(plan) {
        let names: Vec<&str> = refusals.iter().map(|refusal| refusal.hostname.as_str()).collect();
        let at = places(view.declared, refusals.iter().map(|refusal| refusal.place));
        why.push(format!("{} ({at}): {}", folded(&names), escape(&reason)));
        why.extend(refusals.first().map(|first| format!("  hint: {}", first.reason.hint())));
    }
    for guard in &plan.guards {
        let names = folded(&guard.hostnames().iter().map(String::as_str).collect::<Vec<_>>());
        let about = if names.is_empty() { names } else { format!("{names}: ") };
        why.push(format!("not allowed: {about}{}", escape(&guard.to_string())));
        why.push(format!("  hint: {}", guard.hint()));
    }
    failing(&heading(view, plan), &why)
}

/// A script that says something and fails.
fn failing(heading: &str, why: &[String]) -> String {
    let mut text = format!("{heading}#\n# There is nothing to run:\n");
    for line in why {
        let _ = writeln!(text, "# {line}");
    }
    text.push_str("\nset -euo pipefail\nprintf '%s\\n' 'this plan cannot be run:' \\\n");
    for line in why {
        let _ = writeln!(text, "  {} \\", shell::word(line));
    }
    text.push_str("  >&2\nexit 1\n");
    text
}

fn folded(names: &[&str]) -> String {
    fold(names).iter().map(|name| escape(name)).collect::<Vec<_>>().join(", ")
}

/// A word of bash.
fn quoted(word: &str) -> Result<String, Unspeakable> {
    shell::exactly(word).ok_or_else(|| Unspeakable(word.to_owned()))
}
