//! Reading lists: whole ones a few pages at once, and parts that are expected to fit one page.

use futures::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;

use super::{
    Client, ControllerError,
    client::Call,
    wire::{Page, Row},
};

/// AWX: what is asked for above this is cut to it without a word.
pub(super) const PAGE_SIZE: usize = 200;

/// How often a list that changes under the reading is read.
pub(super) const TRIES: usize = 5;

/// So many pages of lists are asked for at once: each keeps a process of the controller busy for seconds.
pub(super) const PAGES_AT_ONCE: usize = 4;

/// The parameters of a list.
pub(super) type Query = Vec<(&'static str, String)>;

impl Client {
    /// All rows of a list, by id; `None` if rows came or went meanwhile.
    ///
    /// The first page begins with the newest row, and the others are of what is not newer. So rows that are made meanwhile are
    /// in none of them, and while the count of all pages is the same no row has gone either: nothing can have moved from one
    /// page to another.
    pub(super) async fn list<T: Row>(&self, resource: &str) -> Result<Option<Vec<T>>, ControllerError> {
        let query = |more: Query| [vec![("order_by", "-id".to_owned())], more].concat();
        let first: Page<T> = self.page(resource, &query(vec![("page_size", PAGE_SIZE.to_string())])).await?;
        let (count, size) = (first.count, first.results.len());
        let Some(newest) = first.results.first().map(Row::id) else { return Ok((count == 0).then(Vec::new)) };
        let later = |number: usize| {
            let page = vec![("page", number.to_string()), ("page_size", size.to_string()), ("id__lte", newest.to_string())];
            self.later_page::<T>(resource, query(page))
        };
        let mut rows = first.results;
        let mut pages = stream::iter(2..=count.div_ceil(size)).map(later).buffered(PAGES_AT_ONCE);
        while let Some(page) = pages.try_next().await? {
            // What answers every page with the first one would never end.
            let follows = |page: &Page<T>| page.count == count && page.results.first().map(Row::id) < rows.last().map(Row::id);
            let Some(page) = page.filter(follows) else { return Ok(None) };
            rows.extend(page.results);
        }
        rows.reverse();
        let is_ascending = rows.is_sorted_by(|one, other| one.id() < other.id());
        Ok((is_ascending && rows.len() == count).then_some(rows))
    }

    /// A page after the first one; `None` if there is none any more.
    async fn later_page<T: Row>(&self, resource: &str, query: Query) -> Result<Option<Page<T>>, ControllerError> {
        match self.page(resource, &query).await {
            Err(error) if matches!(error.root(), ControllerError::Status { status: 404, .. }) => Ok(None),
            page => page.map(Some),
        }
    }

    /// The rows that meet some filters, by id, one page after the other; `None` where a page has not what it counts. What comes and
    /// goes meanwhile is there or not. Each page begins behind the last id of the one before, so that a row that goes moves no other
    /// one out of sight.
    pub(super) async fn matching<T: Row>(
        &self,
        resource: &str,
        filters: &[(&'static str, String)],
    ) -> Result<Option<Vec<T>>, ControllerError> {
        let mut rows: Vec<T> = Vec::new();
        loop {
            let page = self.matching_after(resource, filters, rows.last().map(Row::id)).await?;
            let (is_last, goes_on) = (page.next.is_none(), page.results.first().map(Row::id) > rows.last().map(Row::id));
            if is_last {
                let is_whole = page.count == page.results.len() && (goes_on || page.count == 0);
                rows.extend(page.results);
                return Ok(is_whole.then_some(rows));
            }
            if !goes_on {
                return Ok(None);
            }
            rows.extend(page.results);
        }
    }

    /// The rows that meet some filters, all of them.
    pub(super) async fn all_matching<T: Row>(&self, resource: &str, filters: &[(&'static str, String)]) -> Result<Vec<T>, ControllerError> {
        for _ in 0..TRIES {
            if let Some(rows) = self.matching(resource, filters).await? {
                return Ok(rows);
            }
        }
        Err(ControllerError::Unstable { tries: TRIES })
    }

    /// The first page of the rows that meet some filters and come after an id.
    pub(super) async fn matching_after<T: Row>(
        &self,
        resource: &str,
        filters: &[(&'static str, String)],
        id: Option<i64>,
    ) -> Result<Page<T>, ControllerError> {
        let mut query = vec![("order_by", "id".to_owned()), ("page_size", PAGE_SIZE.to_string())];
        query.extend(id.map(|id| ("id__gt", id.to_string())));
        query.extend(filters.iter().cloned());
        self.page(resource, &query).await
    }

    /// One page of a list.
    pub(super) async fn page<T: DeserializeOwned>(&self, resource: &str, query: &[(&str, String)]) -> Result<Page<T>, ControllerError> {
        let path = self.path(resource);
        let _turn = self.pages.acquire().await;
        self.http.json(Call { query, ..Call::get(&path) }).await
    }
}
