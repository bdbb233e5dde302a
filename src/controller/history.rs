//! Who changed what: the activity stream, read for many instances in a few requests.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};

use super::{
    Client, ControllerError,
    among::list,
    rows::{PAGE_SIZE, PAGES_AT_ONCE, Query},
    wire::{ActivityRow, Page},
};
use crate::mesh::{Act, Body, Dialect, Event, FarEnd, Field, History, LiveMesh, NodeType, Peer, Value};

/// How many instances one request names.
const IDS: usize = 200;

/// What is further back than so many pages is as if it were not remembered.
const MOST_PAGES: usize = 50;

/// AWX: the row of a link is recorded by this name.
const LINK: &str = "awx.main.models.ha.InstanceLink";

impl Client {
    /// What the controller remembers of these instances, which are there, and of these hostnames, which are not. None where it
    /// records nothing or may not be asked: [`Client::records_activity`] tells which.
    ///
    /// Of an instance that none of `applied_by` made it tells as well whether there was one of that hostname before.
    pub async fn history(
        &self,
        live: &LiveMesh,
        ids: &[i64],
        gone: &[String],
        applied_by: &[&str],
    ) -> Result<Option<History>, ControllerError> {
        match self.remembered(live, ids, gone, applied_by).await {
            Ok(history) => Ok(Some(history)),
            Err(error) if error.is_refusal() || error.is_odd() || matches!(error.root(), ControllerError::Status { status: 404, .. }) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the controller records who changes what, as far as it says so.
    pub fn records_activity(&self) -> bool {
        self.activity_stream != Some(false)
    }

    async fn remembered(&self, live: &LiveMesh, ids: &[i64], gone: &[String], applied_by: &[&str]) -> Result<History, ControllerError> {
        let ends = Ends::of(live, self.server().capabilities.dialect);
        let mut of: BTreeMap<i64, Vec<Event>> = BTreeMap::new();
        let parts: Vec<Query> = ids.chunks(IDS).map(|ids| vec![("instance__id__in", list(ids))]).collect();
        let answers = stream::iter(&parts).map(|part| self.newest_first(part)).buffered(PAGES_AT_ONCE).try_collect::<Vec<_>>().await?;
        // A row about two instances is in the answers to both.
        for (ids, rows) in ids.chunks(IDS).zip(answers) {
            let about: BTreeSet<i64> = ids.iter().copied().collect();
            for row in rows {
                let told = row.time().and_then(|time| Some((time, ends.acts(&row, &about)?)));
                // Whatever it was, what was before it may not lead to what came after it.
                let (time, acts) = told.unwrap_or_else(|| {
                    let unclear = row.instances().filter(|id| about.contains(id)).map(|id| (id, Act::Unreadable));
                    (Timestamp::UNIX_EPOCH, unclear.collect())
                });
                for (id, act) in acts {
                    of.entry(id).or_default().push(Event { actor: row.actor().map(str::to_owned), time, act });
                }
            }
        }
        // Without a name for who applies that is everybody, and says nothing.
        let is_applied = |event: &Event| event.actor.as_deref().is_some_and(|who| applied_by.contains(&who));
        let is_theirs = |event: &Event| matches!(event.act, Act::Created(_)) && !is_applied(event);
        let made: BTreeSet<i64> =
            of.iter().filter(|(_, events)| !applied_by.is_empty() && events.iter().any(is_theirs)).map(|(id, _)| *id).collect();
        let made = live.instances.iter().filter(|(_, instance)| made.contains(&instance.id)).map(|(hostname, _)| hostname.clone());
        let names: BTreeSet<String> = gone.iter().cloned().chain(made).collect();
        Ok(History { of, removed: self.removals(&names).await? })
    }

    /// The rows of the stream that meet some filters, the newest first.
    pub(super) async fn newest_first(&self, filters: &[(&'static str, String)]) -> Result<Vec<ActivityRow>, ControllerError> {
        let mut rows: Vec<ActivityRow> = Vec::new();
        for _ in 0..MOST_PAGES {
            let mut query: Query = vec![("order_by", "-id".to_owned()), ("page_size", PAGE_SIZE.to_string())];
            query.extend(rows.last().map(|row| ("id__lt", row.id.to_string())));
            query.extend(filters.iter().cloned());
            let page: Page<ActivityRow> = self.page("activity_stream/", &query).await?;
            let goes_on = page.next.is_some() && !page.results.is_empty();
            rows.extend(page.results);
            if !goes_on {
                break;
            }
        }
        rows.dedup_by_key(|row| row.id);
        Ok(rows)
    }
}

/// What the ids of the stream mean today.
struct Ends {
    dialect: Dialect,
    known: HashMap<i64, FarEnd>,
    control_plane: BTreeSet<i64>,
}

impl Ends {
    fn of(live: &LiveMesh, dialect: Dialect) -> Self {
        let mut known = HashMap::new();
        for (hostname, instance) in &live.instances {
            if dialect == Dialect::Addresses {
                known.extend(instance.addresses.iter().map(|a| (a.id, FarEnd::Known(instance.as_peer(hostname, a)))));
            } else {
                known.insert(instance.id, FarEnd::Known(Peer::named(hostname)));
            }
        }
        let control_plane = live.instances.values().filter(|i| i.node_type.is_control_plane()).map(|i| i.id).collect();
        Self { dialect, known, control_plane }
    }

    /// What a row tells of some of these instances; none where it cannot be read.
    fn acts(&self, row: &ActivityRow, about: &BTreeSet<i64>) -> Option<Vec<(i64, Act)>> {
        let changes = row.changes()?;
        if let "associate" | "disassociate" = row.operation() {
            let number = |key| changes.get(key).and_then(Json::as_i64);
            let (from, to) = (number("object1_pk")?, number("object2_pk")?);
            let is_link = changes.get("relationship").and_then(Json::as_str)? == LINK;
            // AWX 23.0 to 23.7: that control nodes dial an instance is recorded as if it dialled them.
            let is_theirs = self.dialect == Dialect::Hostnames && self.control_plane.contains(&to);
            if !is_link || is_theirs || !about.contains(&from) {
                return Some(Vec::new());
            }
            let end = self.known.get(&to).cloned().unwrap_or(FarEnd::Gone(to));
            return Some(vec![(from, if row.operation() == "associate" { Act::Linked(end) } else { Act::Unlinked(end) })]);
        }
        let Some(id) = row.instances().find(|id| about.contains(id)) else { return Some(Vec::new()) };
        match row.operation() {
            "create" => Some(vec![(id, Act::Created(self.values(changes)))]),
            "update" => Some(changes.iter().filter_map(|(key, pair)| Some((id, self.set(key, pair)?))).collect()),
            _ => Some(Vec::new()),
        }
    }

    /// The values with which an instance was made, as far as they are told.
    fn values(&self, made: &Map<String, Json>) -> Body {
        let told = Field::ALL.iter().copied().filter(|field| !self.is_no_column(*field));
        told.filter_map(|field| Some((field, value(field, made.get(field.name())?)?))).collect()
    }

    /// AWX 23.8 and later: these are no columns of an instance, and what they were before is always null.
    fn is_no_column(&self, field: Field) -> bool {
        self.dialect == Dialect::Addresses && matches!(field, Field::ListenerPort | Field::PeersFromControlNodes)
    }

    fn set(&self, key: &str, pair: &Json) -> Option<Act> {
        let field = Field::ALL.iter().copied().find(|field| field.name() == key && *field != Field::Peers);
        let [before, after] = pair.as_array().map(Vec::as_slice).unwrap_or_default() else {
            return field.map(|_| Act::Unreadable);
        };
        if key == "node_state" {
            return (after == "deprovisioning").then_some(Act::Leaving);
        }
        let field = field?;
        let before = if self.is_no_column(field) { None } else { value(field, before) };
        Some(value(field, after).map_or(Act::Unreadable, |after| Act::Set { field, before, after }))
    }
}

/// A value as the stream writes it: decimals are texts there.
fn value(field: Field, json: &Json) -> Option<Value> {
    match field {
        Field::NodeType => Some(Value::Type(NodeType::from(json.as_str()?))),
        Field::Enabled | Field::ManagedByPolicy | Field::PeersFromControlNodes => json.as_bool().map(Value::Bool),
        Field::CapacityAdjustment => {
            let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
            text.parse::<Decimal>().ok().map(Value::Decimal)
        }
        Field::ListenerPort if json.is_null() => Some(Value::Port(None)),
        Field::ListenerPort => json.as_i64().map(|port| Value::Port(Some(port))),
        Field::Peers => None,
    }
}
