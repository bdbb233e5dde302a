//! A list as the server answers it: filtered, ordered, cut into pages.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Outcome},
    call::{Call, encode},
    columns::{Cell, Model},
    filter::{Filters, Path},
    settings::Dialect,
    tables::Tables,
    wire,
};

/// The largest page; more is cut to it without a word.
pub(super) const MAX_PAGE_SIZE: usize = 200;
const PAGE_SIZE: usize = 25;

/// Answers a list of the rows `ids`, in their order unless another one is asked for, or an empty one for those who may see none. A bad filter is refused either way.
pub(super) fn answer(tables: &Tables, model: Model, call: &Call, ids: Option<Vec<i64>>) -> Outcome {
    let parameters = call.parameters();
    let filters = Filters::parse(model, tables.dialect, &parameters)?;
    let order = Order::parse(model, tables.dialect, &parameters)?;
    let mut ids = ids.unwrap_or_default();
    ids.retain(|id| filters.keep(tables, model, *id));
    order.sort(tables, model, &mut ids);
    let mut shown = 0;
    let answer = paged(tables.dialect, call, ids.len(), |first, size| {
        let rows: Vec<Value> = ids.iter().skip(first).take(size).filter_map(|id| row(tables, model, *id)).collect();
        shown = rows.len();
        rows
    })?;
    // Others are made so much faster that nobody waits for them.
    Ok(answer.with_rows(if model == Model::Instance { shown } else { 0 }))
}

/// Answers one page of `count` rows; `rows` makes those from the first of the page on, as many as fit.
pub(super) fn paged(dialect: Dialect, call: &Call, count: usize, rows: impl FnOnce(usize, usize) -> Vec<Value>) -> Outcome {
    let parameters = call.parameters();
    let page = Page::parse(dialect, &parameters, count)?;
    let rows = rows(page.first(), page.size);
    let mut out = Map::new();
    if last(&parameters, "count_disabled").is_none() {
        out.insert("count".to_owned(), json!(count));
        out.insert("next".to_owned(), json!((page.number < page.last).then(|| link(call, &parameters, page.number + 1))));
        out.insert("previous".to_owned(), json!((page.number > 1).then(|| link(call, &parameters, page.number - 1))));
    }
    out.insert("results".to_owned(), Value::Array(rows));
    Ok(Answer::ok(Value::Object(out)))
}

/// One row by its id, which has to pass the parameters as a row of a list has to: a detail is a list of one.
pub(super) fn one(tables: &Tables, model: Model, call: &Call, id: Option<i64>) -> Result<i64, Answer> {
    let parameters = call.parameters();
    let filters = Filters::parse(model, tables.dialect, &parameters)?;
    Order::parse(model, tables.dialect, &parameters)?;
    id.filter(|id| filters.keep(tables, model, *id)).ok_or_else(|| Answer::no_such_row(model.name()))
}

fn row(tables: &Tables, model: Model, id: i64) -> Option<Value> {
    match model {
        Model::Instance => tables.instances.get(&id).map(|row| wire::instance(tables, row)),
        Model::Address => tables.addresses.get(&id).map(|row| wire::address(tables, row)),
        Model::Group => tables.groups.get(&id).map(|row| wire::group(tables, row)),
        Model::User => tables.users.get(&id).map(|row| wire::user(tables, row)),
        Model::Token => tables.tokens.get(&id).map(|row| wire::token(tables, row, None)),
        Model::Job => tables.job(id).map(|job| wire::job(tables, job)),
        Model::Activity => tables.stream.get(id).map(|row| wire::activity(tables, row)),
    }
}

/// A parameter that is given twice counts with its last value.
fn last<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

struct Page {
    number: usize,
    last: usize,
    size: usize,
}

impl Page {
    fn parse(dialect: Dialect, parameters: &[(String, String)], count: usize) -> Result<Self, Answer> {
        let size = match last(parameters, "page_size").map(|text| text.trim().parse::<i64>()) {
            None => PAGE_SIZE,
            Some(Ok(size)) => usize::try_from(size).ok().filter(|size| *size > 0).map_or(PAGE_SIZE, |size| size.min(MAX_PAGE_SIZE)),
            Some(Err(_)) => return Err(Answer::crash(dialect)),
        };
        let last_page = count.div_ceil(size).max(1);
        let number = match last(parameters, "page") {
            None => 1,
            // AWX 24.6: an empty number is the first page; AWX 23.7: it is none.
            Some("") if dialect == Dialect::Addresses => 1,
            Some("last") => last_page,
            Some(text) => text.trim().parse().unwrap_or(0),
        };
        if (1..=last_page).contains(&number) {
            Ok(Self { number, last: last_page, size })
        } else {
            Err(Answer::detail(404, "Invalid page."))
        }
    }

    fn first(&self) -> usize {
        (self.number - 1) * self.size
    }
}

/// The path of another page: the same parameters, sorted, with another number.
fn link(call: &Call, parameters: &[(String, String)], page: usize) -> String {
    let mut others: Vec<(&str, String)> =
        parameters.iter().filter(|(key, _)| key != "page").map(|(key, value)| (key.as_str(), value.clone())).collect();
    others.push(("page", page.to_string()));
    others.sort_by(|one, other| one.0.cmp(other.0));
    let query: Vec<String> = others.iter().map(|(key, value)| format!("{}={}", encode(key, true), encode(value, true))).collect();
    format!("{}?{}", call.path, query.join("&"))
}

struct Order(Vec<(Path, bool)>);

impl Order {
    fn parse(model: Model, dialect: Dialect, parameters: &[(String, String)]) -> Result<Self, Answer> {
        let Some(text) = last(parameters, "order_by").or_else(|| last(parameters, "order")) else { return Ok(Self(Vec::new())) };
        text.split(',')
            .map(|field| {
                let (name, descending) = field.strip_prefix('-').map_or((field, false), |name| (name, true));
                if name.is_empty() {
                    return Err(Answer::crash(dialect));
                }
                Path::parse(model, dialect, name).map(|path| (path, descending))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Nulls are largest, as the database has it; the id decides what is left.
    fn sort(&self, tables: &Tables, model: Model, ids: &mut [i64]) {
        if self.0.is_empty() {
            return;
        }
        ids.sort_by_cached_key(|id| {
            let keys: Vec<Key<'_>> =
                self.0.iter().map(|(path, descending)| Key { cell: path.first(tables, model, *id), descending: *descending }).collect();
            (keys, *id)
        });
    }
}

#[derive(PartialEq, Eq)]
struct Key<'a> {
    cell: Cell<'a>,
    descending: bool,
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let nulls = (self.cell == Cell::Null).cmp(&(other.cell == Cell::Null));
        let order = nulls.then_with(|| self.cell.cmp(&other.cell));
        if self.descending { order.reverse() } else { order }
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
