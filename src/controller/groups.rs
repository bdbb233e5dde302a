//! Instance groups, as far as a plan needs them: whether one is left without an instance that takes on jobs.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Client, ControllerError, among::list, wire::GroupRow};

/// How many ids one request names.
const IDS: usize = 200;

impl Client {
    /// The groups that will have no enabled instance when some of theirs are disabled or gone and others are enabled. Only counts
    /// are asked for, since the server takes its time for each row.
    pub async fn groups_left_empty(&self, disabled: &[i64], enabled: &[i64]) -> Result<Vec<String>, ControllerError> {
        let mut groups: BTreeMap<i64, String> = BTreeMap::new();
        for ids in disabled.chunks(IDS) {
            let rows = self.all_matching::<GroupRow>("instance_groups/", &[("instances__id__in", list(ids))]).await?;
            groups.extend(rows.into_iter().map(|group| (group.id, group.name)));
        }
        let mut empty = Vec::new();
        for (id, name) in groups {
            let path = format!("instance_groups/{id}/instances/");
            let all = self.count(&path, true, &[]).await?;
            let mut left = all;
            for ids in disabled.chunks(IDS) {
                left = left.saturating_sub(self.count(&path, true, ids).await?);
            }
            for ids in enabled.chunks(IDS) {
                left += self.count(&path, false, ids).await?;
            }
            if all > 0 && left == 0 {
                empty.push(name);
            }
        }
        empty.sort();
        Ok(empty)
    }

    /// How many members of a group are enabled or not, of these or of all.
    async fn count(&self, path: &str, enabled: bool, ids: &[i64]) -> Result<usize, ControllerError> {
        let mut query = vec![("enabled", enabled.to_string()), ("page_size", "1".to_owned())];
        if !ids.is_empty() {
            query.push(("id__in", list(ids)));
        }
        Ok(self.page::<Json>(path, &query).await?.count)
    }
}
