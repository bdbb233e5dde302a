//! The state file: all rows of one controller as JSON, written whole or not at all.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{
    auth,
    settings::{Dialect, SandboxError, Settings},
    tables::{Activity, Address, Group, Instance, Link, NodeState, NodeType, Sequences, Tables, Token, User, next},
};

/// Raised with every change that an older program would misread.
const FORMAT: u64 = 1;

/// The superuser, who comes from the settings and is not kept.
const ADMIN: i64 = 1;

const INGRESS: &str = "mesh-ingress";

/// What any format has, read first.
#[derive(Deserialize)]
struct Head {
    format: u64,
    dialect: Dialect,
}

#[derive(Serialize, Deserialize)]
struct State {
    format: u64,
    dialect: Dialect,
    install_uuid: String,
    sequences: Sequences,
    instances: Vec<Instance>,
    addresses: Vec<Address>,
    links: Vec<Link>,
    users: Vec<User>,
    tokens: Vec<Token>,
    /// Not in files from before there were groups.
    #[serde(default)]
    groups: Vec<Group>,
    /// Not in files from before there was an activity stream.
    #[serde(default)]
    activity: Vec<Activity>,
}

/// The rows of the state file, or those of a fresh controller where there is none.
pub(super) fn open(settings: &Settings) -> Result<Tables, SandboxError> {
    let kept = match &settings.state {
        Some(path) => read(path, settings.dialect)?,
        None => None,
    };
    let mut tables = match kept {
        Some(state) => restore(settings, state),
        None => fresh(settings)?,
    };
    if tables.groups.is_empty() {
        tables.add_own_groups();
    }
    if settings.ingress && settings.dialect == Dialect::Addresses && tables.id_of(INGRESS).is_none() {
        add_ingress(&mut tables)?;
    }
    let password = auth::hash(&settings.password).ok_or(SandboxError::Random)?;
    let created = tables.now();
    let admin = User { id: ADMIN, username: settings.username.clone(), password, is_superuser: true, is_system_auditor: false, created };
    tables.users.insert(ADMIN, admin);
    Ok(tables)
}

fn read(path: &Path, asked: Dialect) -> Result<Option<State>, SandboxError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SandboxError::Read { path: path.to_owned(), source }),
    };
    let malformed = |error: serde_json::Error| SandboxError::Malformed { path: path.to_owned(), reason: error.to_string() };
    let Head { format, dialect } = serde_json::from_slice(&text).map_err(malformed)?;
    if format != FORMAT {
        return Err(SandboxError::Version { path: path.to_owned(), found: format, known: FORMAT });
    }
    if dialect != asked {
        return Err(SandboxError::DialectMismatch { path: path.to_owned(), found: dialect, asked });
    }
    serde_json::from_slice(&text).map(Some).map_err(malformed)
}

fn restore(settings: &Settings, state: State) -> Tables {
    let State { format: _, dialect: _, install_uuid, sequences, instances, addresses, links, users, tokens, groups, activity } = state;
    let mut tables = Tables::new(settings, install_uuid);
    tables.sequences = sequences;
    for row in instances {
        tables.insert_instance(row);
    }
    for row in addresses {
        tables.insert_address(row);
    }
    for row in links {
        tables.insert_link(row);
    }
    tables.users = users.into_iter().map(|row| (row.id, row)).collect();
    tables.tokens = tokens.into_iter().map(|row| (row.id, row)).collect();
    tables.groups = groups.into_iter().map(|row| (row.id, row)).collect();
    for row in activity {
        tables.stream.insert(row);
    }
    tables
}

/// A controller that was just installed: one control node.
fn fresh(settings: &Settings) -> Result<Tables, SandboxError> {
    let mut tables = Tables::new(settings, auth::new_uuid().ok_or(SandboxError::Random)?);
    tables.sequences.users = ADMIN;
    own_node(&mut tables, "awx-control-1", NodeType::Control)?;
    Ok(tables)
}

/// A hop that the controller itself runs at the edge of its cluster.
fn add_ingress(tables: &mut Tables) -> Result<(), SandboxError> {
    let instance = own_node(tables, INGRESS, NodeType::Hop)?;
    // The first is for the cluster alone; the second is what nodes outside dial.
    for (address, port, inner) in [(INGRESS, 27199, true), ("mesh-ingress.example.com", 443, false)] {
        let id = next(&mut tables.sequences.addresses);
        tables.insert_address(Address {
            id,
            instance,
            address: address.to_owned(),
            port,
            protocol: "ws".to_owned(),
            websocket_path: String::new(),
            is_internal: inner,
            canonical: inner,
            peers_from_control_nodes: inner,
        });
        tables.set_control_links(id, inner);
    }
    Ok(())
}

fn own_node(tables: &mut Tables, hostname: &str, node_type: NodeType) -> Result<i64, SandboxError> {
    let id = next(&mut tables.sequences.instances);
    let now = tables.now();
    tables.insert_instance(Instance {
        id,
        hostname: hostname.to_owned(),
        node_type,
        node_state: NodeState::Installed,
        capacity_adjustment: 100,
        enabled: true,
        managed_by_policy: true,
        // AWX 23.7 has no such column; there the type alone decides.
        managed: true,
        uuid: auth::new_uuid().ok_or(SandboxError::Random)?,
        created: now,
        modified: now,
        goes: None,
        errors: String::new(),
        listener_port: None,
        peers_from_control_nodes: false,
    });
    Ok(id)
}

/// The rows as they are now, to be written by [`write`] once nobody has to wait for it.
pub(super) fn snapshot(tables: &Tables) -> Result<Vec<u8>, io::Error> {
    let state = State {
        format: FORMAT,
        dialect: tables.dialect,
        install_uuid: tables.install_uuid.clone(),
        sequences: Sequences { ..tables.sequences },
        instances: tables.instances.values().cloned().collect(),
        addresses: tables.addresses.values().cloned().collect(),
        links: tables.links.values().cloned().collect(),
        users: tables.users.values().filter(|user| user.id != ADMIN).cloned().collect(),
        tokens: tables.tokens.values().cloned().collect(),
        groups: tables.groups.values().cloned().collect(),
        activity: tables.stream.all().cloned().collect(),
    };
    serde_json::to_vec(&state).map_err(io::Error::other)
}

/// Puts a snapshot in the place of the file before.
pub(super) fn write(path: &Path, snapshot: &[u8]) -> Result<(), SandboxError> {
    let failed = |source: io::Error| SandboxError::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(snapshot).map_err(failed)?;
    file.as_file().sync_data().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
