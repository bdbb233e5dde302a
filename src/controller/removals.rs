//! Whose rows went, and who asked for that.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::Value as Json;

use super::{Client, ControllerError, rows::Query, wire::ActivityRow};
use crate::mesh::{Act, Event, NodeType};

/// How many hostnames one request names: with 250 characters each it stays below 4 KiB.
const NAMES: usize = 10;

/// So long before the first of these rows went the requests begin that could be for it.
const ASKED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Of more hostnames than this all removals are read in place of those of each.
const FEW: usize = 50;

/// A row of the stream about a removal: its id, and what it tells.
type Removal = (i64, Option<Event>);

impl Client {
    /// When the rows of these hostnames went, as far as that is remembered, and who asked for it.
    pub(super) async fn removals(&self, gone: &BTreeSet<String>) -> Result<BTreeMap<String, Option<Event>>, ControllerError> {
        let mut removed: BTreeMap<String, Removal> = BTreeMap::new();
        let names: Vec<&String> = gone.iter().collect();
        let questions: Vec<Vec<&String>> =
            if names.len() > FEW { vec![names] } else { names.chunks(NAMES).map(<[&String]>::to_vec).collect() };
        for names in questions {
            let mut query: Query = vec![("object1", "instance".to_owned()), ("operation", "delete".to_owned())];
            if names.len() <= NAMES {
                query.extend(names.iter().map(|name| ("or__changes__icontains", format!("\"{name}\""))));
            }
            for row in self.newest_first(&query).await? {
                let Some(hostname) = row.changes().map(|changes| changes.get("hostname").and_then(Json::as_str).unwrap_or_default()) else {
                    // It is about one of them, and nobody can tell which.
                    for name in names.iter().filter(|_| names.len() <= NAMES) {
                        removed.entry((*name).clone()).or_insert((row.id, None));
                    }
                    continue;
                };
                if gone.contains(hostname) {
                    let event = row.time().map(|time| Event { actor: row.actor().map(str::to_owned), time, act: Act::Removed });
                    removed.entry(hostname.to_owned()).or_insert((row.id, event));
                }
            }
        }
        let unclear = removed.values().filter_map(|(_, event)| event.as_ref()).filter(|event| event.actor.is_none());
        if let Some(first) = unclear.map(|event| event.time).min() {
            let since = first.checked_sub(ASKED_WITHIN).unwrap_or(first).to_string();
            let (gone, since) = (("instance__isnull", "true".to_owned()), ("timestamp__gt", since));
            let of = |operation: &str| {
                vec![("object1", "instance".to_owned()), ("operation", operation.to_owned()), gone.clone(), since.clone()]
            };
            let asked = [of("update"), vec![("changes__icontains", "deprovisioning".to_owned())]].concat();
            let (asked, went) = (self.newest_first(&asked).await?, self.newest_first(&of("delete")).await?);
            let who = askers(asked, went);
            for (id, event) in removed.values_mut() {
                if let Some(event) = event.as_mut().filter(|event| event.actor.is_none()) {
                    event.actor = who.get(id).cloned();
                }
            }
        }
        Ok(removed.into_iter().map(|(hostname, (_, event))| (hostname, event)).collect())
    }
}

/// Who asked for each removal, by the id of its entry, as far as that is certain.
///
/// AWX: the controller itself deletes a row, once its jobs are done. Who asked for it is on record, but not for which row once that is
/// gone. Each request leads to one removal, so that it is certain as long as all requests that are open at a time are of one account,
/// and every removal has one.
fn askers(asked: Vec<ActivityRow>, went: Vec<ActivityRow>) -> BTreeMap<i64, String> {
    // Rows of the controller's own pods go without anybody asking.
    let is_asked_for = |row: &ActivityRow| {
        let node_type = row.changes().and_then(|changes| changes.get("node_type")?.as_str()).unwrap_or_default();
        !NodeType::from(node_type).is_control_plane()
    };
    let requests = asked.into_iter().map(|row| (row, true));
    let mut entries: Vec<(ActivityRow, bool)> = requests.chain(went.into_iter().filter(is_asked_for).map(|row| (row, false))).collect();
    entries.sort_by_key(|(row, _)| row.id);
    let mut open: Vec<Option<String>> = Vec::new();
    let mut is_certain = true;
    let mut who = BTreeMap::new();
    for (row, is_request) in entries {
        if is_request {
            open.push(row.actor().map(str::to_owned));
            continue;
        }
        let Some(account) = open.pop() else {
            // One that nobody asked for, or long ago: then one of those before may have been for it.
            who.clear();
            continue;
        };
        is_certain &= open.iter().all(|other| *other == account);
        who.extend(account.filter(|_| is_certain).map(|account| (row.id, account)));
        is_certain |= open.is_empty();
    }
    who
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ActivityRow, askers};

    fn row(id: i64, actor: Option<&str>, node_type: &str) -> ActivityRow {
        let actor = actor.map(|name| json!({ "username": name }));
        let row = json!({ "id": id, "timestamp": "2026-11-28T20:35:28.397344Z", "operation": "", "changes": {"node_type": node_type}, "summary_fields": {"actor": actor} });
        serde_json::from_value(row).expect("a row")
    }

    /// `a1 b2 -3`: requests of accounts and removals, by id; `=4` is one of a control node.
    fn told(words: &str) -> Vec<String> {
        let (mut asked, mut went) = (Vec::new(), Vec::new());
        for word in words.split(' ') {
            let (who, id) = word.split_at(1);
            let id = id.parse().expect("a number");
            match who {
                "-" => went.push(row(id, None, "execution")),
                "=" => went.push(row(id, None, "control")),
                who => asked.push(row(id, Some(who), "")),
            }
        }
        askers(asked, went).into_iter().map(|(id, who)| format!("{id}{who}")).collect()
    }

    #[test]
    fn who_asked_is_told_where_it_is_certain() {
        for (words, wanted) in [
            ("a1 -2 b3 -4", vec!["2a", "4b"]),
            ("a1 a2 -3 -4", vec!["3a", "4a"]),
            ("a1 b2 -3 -4 b5 -6", vec!["6b"]),
            ("-1 a2 -3", vec!["3a"]),
            ("a1 =2 -3", vec!["3a"]),
            ("a1 b2 -3 b4 -5 -6", vec![]),
            // The second row went without a request that is known: it may have been the first one's.
            ("c1 -2 -3", vec![]),
            ("c1 -2 -3 a4 -5", vec!["5a"]),
        ] {
            assert_eq!(told(words), wanted, "{words}");
        }
    }
}
