//! What a list can be filtered and ordered by: the columns of each table and the relations between tables. These are the
//! database's, so that some fields of the JSON are missing here, as they are on the real server.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::{
    health::Health,
    settings::Dialect,
    tables::{Job, Micros, Object, Tables},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    Instance,
    Address,
    Group,
    User,
    Token,
    Job,
    Activity,
}

impl Model {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Instance => "Instance",
            Self::Address => "ReceptorAddress",
            Self::Group => "InstanceGroup",
            Self::User => "User",
            Self::Token => "OAuth2AccessToken",
            Self::Job => "UnifiedJob",
            Self::Activity => "ActivityStream",
        }
    }

    /// The column that `?search=` looks into.
    pub(super) fn searched(self) -> &'static str {
        match self {
            Self::Instance => "hostname",
            Self::Address => "address",
            Self::Group | Self::Job => "name",
            Self::User => "username",
            Self::Token => "description",
            Self::Activity => "changes",
        }
    }
}

/// What a column holds, which is how a filter's value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Integer,
    Decimal,
    Text,
    Time,
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    Text(Cow<'a, str>),
    Time(Micros),
}

/// A name in a filter: a column, or the way to other rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Column(&'static str, Kind),
    Relation(&'static str, Model),
}

const ID: Name = Name::Column("id", Kind::Integer);

const INSTANCE: &[Name] = &[
    ID,
    Name::Column("hostname", Kind::Text),
    Name::Column("uuid", Kind::Text),
    Name::Column("created", Kind::Time),
    Name::Column("modified", Kind::Time),
    Name::Column("last_seen", Kind::Time),
    Name::Column("health_check_started", Kind::Time),
    Name::Column("last_health_check", Kind::Time),
    Name::Column("errors", Kind::Text),
    Name::Column("capacity_adjustment", Kind::Decimal),
    Name::Column("version", Kind::Text),
    Name::Column("capacity", Kind::Integer),
    Name::Column("cpu", Kind::Decimal),
    Name::Column("memory", Kind::Integer),
    Name::Column("cpu_capacity", Kind::Integer),
    Name::Column("mem_capacity", Kind::Integer),
    Name::Column("enabled", Kind::Boolean),
    Name::Column("managed_by_policy", Kind::Boolean),
    Name::Column("node_type", Kind::Text),
    Name::Column("node_state", Kind::Text),
    Name::Column("ip_address", Kind::Text),
    Name::Relation("rampart_groups", Model::Group),
];

const INSTANCE_WITH_ADDRESSES: &[Name] = &[
    Name::Column("managed", Kind::Boolean),
    Name::Relation("receptor_addresses", Model::Address),
    Name::Relation("peers", Model::Address),
];

const INSTANCE_WITH_HOSTNAMES: &[Name] = &[
    Name::Column("listener_port", Kind::Integer),
    Name::Column("peers_from_control_nodes", Kind::Boolean),
    Name::Relation("peers", Model::Instance),
    Name::Relation("peers_from", Model::Instance),
];

const ADDRESS: &[Name] = &[
    ID,
    Name::Column("address", Kind::Text),
    Name::Column("port", Kind::Integer),
    Name::Column("websocket_path", Kind::Text),
    Name::Column("protocol", Kind::Text),
    Name::Column("is_internal", Kind::Boolean),
    Name::Column("canonical", Kind::Boolean),
    Name::Column("peers_from_control_nodes", Kind::Boolean),
    Name::Relation("instance", Model::Instance),
    Name::Relation("peers_from", Model::Instance),
];

const GROUP: &[Name] = &[
    ID,
    Name::Column("name", Kind::Text),
    Name::Column("created", Kind::Time),
    Name::Column("modified", Kind::Time),
    Name::Column("is_container_group", Kind::Boolean),
    Name::Column("max_concurrent_jobs", Kind::Integer),
    Name::Column("max_forks", Kind::Integer),
    Name::Column("policy_instance_percentage", Kind::Integer),
    Name::Column("policy_instance_minimum", Kind::Integer),
    Name::Relation("instances", Model::Instance),
];

const USER: &[Name] =
    &[ID, Name::Column("username", Kind::Text), Name::Column("is_superuser", Kind::Boolean), Name::Column("created", Kind::Time)];

const TOKEN: &[Name] = &[
    ID,
    Name::Column("description", Kind::Text),
    Name::Column("scope", Kind::Text),
    Name::Column("created", Kind::Time),
    Name::Relation("user", Model::User),
];

const JOB: &[Name] = &[
    ID,
    Name::Column("name", Kind::Text),
    Name::Column("status", Kind::Text),
    Name::Column("execution_node", Kind::Text),
    Name::Column("controller_node", Kind::Text),
];

const ACTIVITY: &[Name] = &[
    ID,
    Name::Column("timestamp", Kind::Time),
    Name::Column("operation", Kind::Text),
    Name::Column("changes", Kind::Text),
    Name::Column("object1", Kind::Text),
    Name::Column("object2", Kind::Text),
    Name::Column("object_relationship_type", Kind::Text),
    Name::Column("action_node", Kind::Text),
    Name::Relation("actor", Model::User),
    Name::Relation("instance", Model::Instance),
    Name::Relation("instance_group", Model::Group),
    Name::Relation("user", Model::User),
    Name::Relation("o_auth2_access_token", Model::Token),
];

const ACTIVITY_WITH_ADDRESSES: &[Name] = &[Name::Relation("receptor_address", Model::Address)];

/// What a name means on a model, if anything.
pub(super) fn find(model: Model, dialect: Dialect, name: &str) -> Option<Name> {
    let name = if name == "pk" { "id" } else { name };
    let (common, own) = match (model, dialect) {
        (Model::Instance, Dialect::Addresses) => (INSTANCE, INSTANCE_WITH_ADDRESSES),
        (Model::Instance, Dialect::Hostnames) => (INSTANCE, INSTANCE_WITH_HOSTNAMES),
        (Model::Address, _) => (ADDRESS, [].as_slice()),
        (Model::Group, _) => (GROUP, [].as_slice()),
        (Model::User, _) => (USER, [].as_slice()),
        (Model::Token, _) => (TOKEN, [].as_slice()),
        (Model::Job, _) => (JOB, [].as_slice()),
        (Model::Activity, Dialect::Addresses) => (ACTIVITY, ACTIVITY_WITH_ADDRESSES),
        (Model::Activity, Dialect::Hostnames) => (ACTIVITY, [].as_slice()),
    };
    common.iter().chain(own).copied().find(|found| match found {
        Name::Column(known, _) | Name::Relation(known, _) => *known == name,
    })
}

/// The value of a column; null where there is no row.
pub(super) fn cell<'a>(tables: &'a Tables, model: Model, id: Option<i64>, column: &str) -> Cell<'a> {
    let found = id.and_then(|id| match model {
        Model::Instance => instance_cell(tables, id, column),
        Model::Address => address_cell(tables, id, column),
        Model::Group => group_cell(tables, id, column),
        Model::User => user_cell(tables, id, column),
        Model::Token => token_cell(tables, id, column),
        Model::Job => job_cell(tables, id, column),
        Model::Activity => activity_cell(tables, id, column),
    });
    found.unwrap_or(Cell::Null)
}

fn instance_cell<'a>(tables: &'a Tables, id: i64, column: &str) -> Option<Cell<'a>> {
    let row = tables.instances.get(&id)?;
    Some(match column {
        "id" => Cell::Integer(row.id),
        "hostname" => Cell::Text(Cow::Borrowed(&row.hostname)),
        "uuid" => Cell::Text(Cow::Borrowed(&row.uuid)),
        "created" => Cell::Time(row.created),
        "modified" => Cell::Time(row.modified),
        "last_seen" | "last_health_check" => Cell::Time(Health::of(row).seen?),
        "version" => Cell::Text(Cow::Borrowed(Health::of(row).version)),
        "capacity" => Cell::Integer(Health::of(row).capacity),
        "cpu" => Cell::Decimal(Decimal::new(Health::of(row).cpus * 10, 1)),
        "memory" => Cell::Integer(Health::of(row).memory),
        "cpu_capacity" => Cell::Integer(Health::of(row).cpu_capacity),
        "mem_capacity" => Cell::Integer(Health::of(row).mem_capacity),
        "errors" => Cell::Text(Cow::Borrowed(&row.errors)),
        "ip_address" => Cell::Text(Cow::Borrowed("")),
        "capacity_adjustment" => Cell::Decimal(Decimal::new(row.capacity_adjustment, 2)),
        "enabled" => Cell::Boolean(row.enabled),
        "managed_by_policy" => Cell::Boolean(row.managed_by_policy),
        "node_type" => Cell::Text(Cow::Borrowed(row.node_type.name())),
        "node_state" => Cell::Text(Cow::Borrowed(row.node_state.name())),
        "managed" => Cell::Boolean(row.managed),
        "listener_port" => Cell::Integer(row.listener_port?),
        "peers_from_control_nodes" => Cell::Boolean(row.peers_from_control_nodes),
        _ => return None,
    })
}

fn address_cell<'a>(tables: &'a Tables, id: i64, column: &str) -> Option<Cell<'a>> {
    let row = tables.addresses.get(&id)?;
    Some(match column {
        "id" => Cell::Integer(row.id),
        "address" => Cell::Text(Cow::Borrowed(&row.address)),
        "port" => Cell::Integer(row.port),
        "websocket_path" => Cell::Text(Cow::Borrowed(&row.websocket_path)),
        "protocol" => Cell::Text(Cow::Borrowed(&row.protocol)),
        "is_internal" => Cell::Boolean(row.is_internal),
        "canonical" => Cell::Boolean(row.canonical),
        "peers_from_control_nodes" => Cell::Boolean(row.peers_from_control_nodes),
        _ => return None,
    })
}

fn group_cell<'a>(tables: &'a Tables, id: i64, column: &str) -> Option<Cell<'a>> {
    let row = tables.groups.get(&id)?;
    Some(match column {
        "id" => Cell::Integer(row.id),
        "name" => Cell::Text(Cow::Borrowed(&row.name)),
        "created" | "modified" => Cell::Time(row.created),
        "is_container_group" => Cell::Boolean(false),
        "policy_instance_percentage" => Cell::Integer(row.policy_instance_percentage),
        "policy_instance_minimum" | "max_concurrent_jobs" | "max_forks" => Cell::Integer(0),
        _ => return None,
    })
}

fn user_cell<'a>(tables: &'a Tables, id: i64, column: &str) -> Option<Cell<'a>> {
    let row = tables.users.get(&id)?;
    Some(match column {
        "id" => Cell::Integer(row.id),
        "username" => Cell::Text(Cow::Borrowed(&row.username)),
        "is_superuser" => Cell::Boolean(row.is_superuser),
        "created" => Cell::Time(row.created),
        _ => return None,
    })
}

fn token_cell<'a>(tables: &'a Tables, id: i64, column: &str) -> Option<Cell<'a>> {
    let row = tables.tokens.get(&id)?;
    Some(match column {
        "id" => Cell::Integer(row.id),
        "description" => Cell::Text(Cow::Borrowed(&row.description)),
        "scope" => Cell::Text(Cow::Borrowed(&row.scope)),
        "created" => Cell::Time(row.created),
        _ => return None,
    })
}

fn job_cell<'a>(tables: &'a Tables, id: i64, column: &str) -> Option<Cell<'a>> {
    let job = tables.job(id)?;
    Some(match column {
        "id" => Cell::Integer(job.id),
        "name" => Cell::Text(Cow::Borrowed(Job::NAME)),
        "status" => Cell::Text(Cow::Borrowed(Job::STATUS)),
        "execution_node" => Cell::Text(Cow::Borrowed(job.execution_node)),
        "controller_node" => Cell::Text(Cow::Borrowed(tables.own_node())),
        _ => return None,
    })
}

fn activity_cell<'a>(tables: &'a Tables, id: i64, column: &str) -> Option<Cell<'a>> {
    let row = tables.stream.get(id)?;
    Some(match column {
        "id" => Cell::Integer(row.id),
        "timestamp" => Cell::Time(row.timestamp),
        "operation" => Cell::Text(Cow::Borrowed(row.operation.name())),
        "changes" => Cell::Text(Cow::Borrowed(&row.changes)),
        "object1" => Cell::Text(Cow::Borrowed(row.subject.0.name())),
        "object2" => Cell::Text(Cow::Borrowed(row.other.map_or("", |(kind, _)| kind.name()))),
        "object_relationship_type" => Cell::Text(Cow::Borrowed(row.relationship())),
        "action_node" => Cell::Text(Cow::Borrowed(tables.own_node())),
        _ => return None,
    })
}

/// The rows that a relation leads to.
pub(super) fn related(tables: &Tables, model: Model, id: i64, relation: &str) -> Vec<i64> {
    match (model, relation) {
        (Model::Instance, "receptor_addresses") => tables.addresses_of(id).map(|address| address.id).collect(),
        (Model::Instance, "peers") => tables.peers_of(id).into_iter().collect(),
        (Model::Instance, "peers_from") => tables.links_to(id).map(|link| link.source).collect(),
        (Model::Instance, "rampart_groups") => tables.groups_of(id).map(|group| group.id).collect(),
        (Model::Group, "instances") => tables.groups.get(&id).into_iter().flat_map(|group| &group.instances).copied().collect(),
        (Model::Address, "instance") => tables.addresses.get(&id).map(|address| address.instance).into_iter().collect(),
        (Model::Address, "peers_from") => {
            let Some(address) = tables.addresses.get(&id) else { return Vec::new() };
            tables.links_to(address.instance).filter(|link| link.address == Some(id)).map(|link| link.source).collect()
        }
        (Model::Token, "user") => tables.tokens.get(&id).map(|token| token.user).into_iter().collect(),
        (Model::Activity, "actor") => tables.stream.get(id).and_then(|row| row.actor).into_iter().collect(),
        (Model::Activity, _) => {
            let Some(row) = tables.stream.get(id) else { return Vec::new() };
            match relation {
                "instance" => row.about(Object::Instance).filter(|id| tables.instances.contains_key(id)).collect(),
                "receptor_address" => row.about(Object::ReceptorAddress).filter(|id| tables.addresses.contains_key(id)).collect(),
                "instance_group" => row.about(Object::InstanceGroup).filter(|id| tables.groups.contains_key(id)).collect(),
                "user" => row.about(Object::User).filter(|id| tables.users.contains_key(id)).collect(),
                "o_auth2_access_token" => row.about(Object::Token).filter(|id| tables.tokens.contains_key(id)).collect(),
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}
