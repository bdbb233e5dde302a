//! The filters of a list: every parameter that is not the list's own is the name of a field, perhaps behind relations, with
//! a lookup at its end. They are read once and then held against each row.

use std::{borrow::Cow, cmp::Ordering, collections::BTreeSet};

use jiff::{Timestamp, civil, tz::TimeZone};
use regex::{Regex, RegexBuilder};

use super::{
    answer::Answer,
    columns::{self, Cell, Kind, Model, Name},
    fields,
    settings::Dialect,
    tables::Tables,
    wire,
};

/// Parameters that mean something to the list itself and are no fields.
const RESERVED: &[&str] = &[
    "page",
    "page_size",
    "format",
    "order",
    "order_by",
    "search",
    "type",
    "host_filter",
    "count_disabled",
    "no_truncate",
    "limit",
    "validate",
];

const LOOKUPS: &[&str] = &[
    "exact",
    "iexact",
    "contains",
    "icontains",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
    "regex",
    "iregex",
    "gt",
    "gte",
    "lt",
    "lte",
    "in",
    "isnull",
];

/// The filters of one request.
#[derive(Default)]
pub(super) struct Filters {
    all: Vec<Condition>,
    none: Vec<Condition>,
    any: Vec<(bool, Condition)>,
    /// Like `all`, but each may be met by another related row.
    chained: Vec<(bool, Condition)>,
    searched: Vec<Condition>,
}

struct Condition {
    path: Path,
    test: Test,
}

/// Where a value is found: relations to follow, then a column.
pub(super) struct Path {
    steps: Vec<(&'static str, Model)>,
    column: &'static str,
    kind: Kind,
    /// Whether the column is a relation's own number.
    relation: bool,
}

enum Test {
    IsNull(bool),
    Equals(Value),
    In(BTreeSet<Value>),
    Compare(fn(Ordering) -> bool, Value),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    Matches(Regex),
    /// The same without looking at the case; the text is small.
    Folded(Box<Test>),
}

/// A cell that belongs to nobody.
type Value = Cell<'static>;

impl Path {
    pub(super) fn parse(model: Model, dialect: Dialect, text: &str) -> Result<Self, Answer> {
        let mut steps = Vec::new();
        let mut at = model;
        let mut names = text.split("__").peekable();
        while let Some(name) = names.next() {
            let found = columns::find(at, dialect, name).ok_or_else(|| unknown_field(at, name))?;
            match (found, names.peek()) {
                (Name::Column(column, kind), None) => return Ok(Self { steps, column, kind, relation: false }),
                (Name::Relation(relation, to), next) => {
                    if steps.contains(&(relation, to)) {
                        return Err(Answer::bad_request(&format!("Loops not allowed in filters, found on field {relation}.")));
                    }
                    steps.push((relation, to));
                    if next.is_none() {
                        return Ok(Self { steps, column: "id", kind: Kind::Integer, relation: true });
                    }
                    at = to;
                }
                (Name::Column(..), Some(next)) => return Err(unknown_field(at, next)),
            }
        }
        Err(Answer::bad_request("Query string field name not provided."))
    }

    /// The first value that it leads to, for ordering.
    pub(super) fn first<'a>(&self, tables: &'a Tables, model: Model, id: i64) -> Cell<'a> {
        let mut at = (model, Some(id));
        for (relation, to) in &self.steps {
            let next = at.1.and_then(|id| columns::related(tables, at.0, id, relation).into_iter().next());
            at = (*to, next);
        }
        columns::cell(tables, at.0, at.1, self.column)
    }
}

pub(super) fn unknown_field(model: Model, name: &str) -> Answer {
    Answer::bad_request(&format!("{} has no field named '{name}'", model.name()))
}

impl Filters {
    pub(super) fn parse(model: Model, dialect: Dialect, parameters: &[(String, String)]) -> Result<Self, Answer> {
        let mut out = Self::default();
        for (key, value) in parameters {
            if key == "search" {
                for word in value.split([',', ' ']).filter(|word| !word.is_empty()) {
                    let path = Path::parse(model, dialect, model.searched())?;
                    out.searched.push(Condition { path, test: Test::Folded(Box::new(Test::Contains(word.to_lowercase()))) });
                }
            }
            if RESERVED.contains(&key.as_str()) {
                continue;
            }
            let (chained, rest) = stripped(key, "chain__");
            let (or, rest) = if chained { (false, rest) } else { stripped(rest, "or__") };
            let (not, rest) = stripped(rest, "not__");
            let condition = Condition::parse(model, dialect, rest, value)?;
            match (chained, or, not) {
                (true, ..) => out.chained.push((not, condition)),
                (_, true, _) => out.any.push((not, condition)),
                (.., true) => out.none.push(condition),
                _ => out.all.push(condition),
            }
        }
        Ok(out)
    }

    pub(super) fn keep(&self, tables: &Tables, model: Model, id: i64) -> bool {
        let meets = |condition: &Condition| meets_all(tables, model, Some(id), &[Rest::of(condition)]);
        let all: Vec<Rest<'_>> = self.all.iter().map(Rest::of).collect();
        meets_all(tables, model, Some(id), &all)
            && self.searched.iter().all(meets)
            && !self.none.iter().any(meets)
            && self.chained.iter().all(|(not, condition)| meets(condition) != *not)
            && (self.any.is_empty() || self.any.iter().any(|(not, condition)| meets(condition) != *not))
    }
}

fn stripped<'a>(key: &'a str, prefix: &str) -> (bool, &'a str) {
    key.strip_prefix(prefix).map_or((false, key), |rest| (true, rest))
}

/// What is left to follow of a condition.
#[derive(Clone, Copy)]
struct Rest<'a> {
    steps: &'a [(&'static str, Model)],
    condition: &'a Condition,
}

impl<'a> Rest<'a> {
    fn of(condition: &'a Condition) -> Self {
        Self { steps: &condition.path.steps, condition }
    }
}

/// Conditions on the same relation are met by one and the same related row; a row without any counts as one of nulls.
fn meets_all(tables: &Tables, model: Model, id: Option<i64>, conditions: &[Rest<'_>]) -> bool {
    let here = |rest: &&Rest<'_>| rest.steps.is_empty();
    let fine = conditions.iter().filter(here).all(|rest| {
        let Condition { path, test } = rest.condition;
        test.holds(&columns::cell(tables, model, id, path.column))
    });
    if !fine {
        return false;
    }
    let relations: BTreeSet<&str> = conditions.iter().filter_map(|rest| rest.steps.first()).map(|(relation, _)| *relation).collect();
    relations.into_iter().all(|relation| {
        let group: Vec<(Model, Rest<'_>)> = conditions
            .iter()
            .filter_map(|rest| match rest.steps.split_first() {
                Some(((name, to), steps)) if *name == relation => Some((*to, Rest { steps, condition: rest.condition })),
                _ => None,
            })
            .collect();
        let Some(to) = group.first().map(|(to, _)| *to) else { return true };
        let rests: Vec<Rest<'_>> = group.into_iter().map(|(_, rest)| rest).collect();
        let rows = id.map(|id| columns::related(tables, model, id, relation)).unwrap_or_default();
        if rows.is_empty() {
            return meets_all(tables, to, None, &rests);
        }
        rows.into_iter().any(|row| meets_all(tables, to, Some(row), &rests))
    })
}

impl Condition {
    fn parse(model: Model, dialect: Dialect, key: &str, value: &str) -> Result<Self, Answer> {
        let (field, lookup) = key.rsplit_once("__").filter(|(_, lookup)| LOOKUPS.contains(lookup)).unwrap_or((key, "exact"));
        if field.is_empty() {
            return Err(Answer::bad_request("Query string field name not provided."));
        }
        let path = Path::parse(model, dialect, field)?;
        let test = Test::parse(&path, lookup, value).map_err(|message| Answer::bad_request(&message))?;
        Ok(Self { path, test })
    }
}

impl Test {
    fn parse(path: &Path, lookup: &str, text: &str) -> Result<Self, String> {
        let value = || value(path, text);
        // Booleans are written with a capital here and small in the rows: only lookups that fold the case ever find one.
        let plain = || {
            value().map(|value| match value {
                Cell::Boolean(true) => "True".to_owned(),
                Cell::Boolean(false) => "False".to_owned(),
                other => as_text(&other).into_owned(),
            })
        };
        if path.relation && !["exact", "gt", "gte", "lt", "lte", "in", "isnull"].contains(&lookup) {
            return Err(format!("Related Field got invalid lookup: {lookup}"));
        }
        Ok(match lookup {
            "isnull" => Self::IsNull(boolean(text)?),
            "in" => {
                if text.is_empty() {
                    return Err("cannot provide empty value for __in".to_owned());
                }
                Self::In(text.split(',').map(|item| self::value(path, item)).collect::<Result<_, _>>()?)
            }
            "regex" | "iregex" => {
                let pattern = RegexBuilder::new(text).case_insensitive(lookup == "iregex").size_limit(1 << 20).build();
                Self::Matches(pattern.map_err(|error| error.to_string())?)
            }
            "iexact" if path.kind != Kind::Text => {
                return Err(format!("{} is not a text field and cannot be filtered by case-insensitive search", path.column));
            }
            "iexact" => Self::Folded(Box::new(Self::Equals(Cell::Text(Cow::Owned(text.to_lowercase()))))),
            "contains" => Self::Contains(plain()?),
            "startswith" => Self::StartsWith(plain()?),
            "endswith" => Self::EndsWith(plain()?),
            "icontains" => Self::Folded(Box::new(Self::Contains(plain()?.to_lowercase()))),
            "istartswith" => Self::Folded(Box::new(Self::StartsWith(plain()?.to_lowercase()))),
            "iendswith" => Self::Folded(Box::new(Self::EndsWith(plain()?.to_lowercase()))),
            "gt" | "gte" | "lt" | "lte" => {
                let value = value()?;
                if value == Cell::Null {
                    return Err(format!("Cannot use None as a query value for {lookup}"));
                }
                let wanted = match lookup {
                    "gt" => Ordering::is_gt,
                    "gte" => Ordering::is_ge,
                    "lt" => Ordering::is_lt,
                    _ => Ordering::is_le,
                };
                Self::Compare(wanted, value)
            }
            _ => match value()? {
                Cell::Null => Self::IsNull(true),
                value => Self::Equals(value),
            },
        })
    }

    /// Null meets nothing but the question for null.
    fn holds(&self, cell: &Cell<'_>) -> bool {
        if let Self::IsNull(wanted) = self {
            return (*cell == Cell::Null) == *wanted;
        }
        if *cell == Cell::Null {
            return false;
        }
        match self {
            Self::IsNull(_) => false,
            Self::Equals(value) => cell == value,
            Self::In(values) => values.contains(cell),
            Self::Compare(wanted, value) => wanted(cell.cmp(value)),
            Self::Contains(part) => as_text(cell).contains(part.as_str()),
            Self::StartsWith(part) => as_text(cell).starts_with(part.as_str()),
            Self::EndsWith(part) => as_text(cell).ends_with(part.as_str()),
            Self::Matches(pattern) => pattern.is_match(&as_text(cell)),
            Self::Folded(test) => test.holds(&Cell::Text(Cow::Owned(as_text(cell).to_lowercase()))),
        }
    }
}

/// A value as the column's kind reads it.
fn value(path: &Path, text: &str) -> Result<Value, String> {
    if path.relation && ["none", "null"].contains(&text.to_lowercase().as_str()) {
        return Ok(Cell::Null);
    }
    match path.kind {
        Kind::Boolean => boolean(text).map(Cell::Boolean),
        Kind::Integer => {
            text.trim().parse().ok().map(Cell::Integer).ok_or_else(|| format!("\u{201c}{text}\u{201d} value must be an integer."))
        }
        Kind::Decimal => {
            fields::any_decimal(text).map(Cell::Decimal).ok_or_else(|| format!("\u{201c}{text}\u{201d} value must be a decimal number."))
        }
        Kind::Text => Ok(Cell::Text(Cow::Owned(text.to_owned()))),
        Kind::Time => time(text).map(Cell::Time).ok_or_else(|| format!("\u{201c}{text}\u{201d} value has an invalid date format.")),
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "1" | "t" => Ok(true),
        "false" | "0" | "f" => Ok(false),
        _ => Err(format!("Unable to convert \"{text}\" to boolean")),
    }
}

/// A moment with or without its zone, or a day.
fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    let zoneless =
        || text.parse::<civil::DateTime>().or_else(|_| text.parse::<civil::Date>().map(|day| day.to_datetime(civil::Time::midnight())));
    let time = text.parse::<Timestamp>().ok().or_else(|| TimeZone::UTC.to_timestamp(zoneless().ok()?).ok())?;
    Some(time.as_microsecond())
}

/// A value as the database writes it, for the lookups that look into text.
fn as_text<'a>(cell: &'a Cell<'_>) -> Cow<'a, str> {
    match cell {
        Cell::Null => Cow::Borrowed(""),
        Cell::Boolean(true) => Cow::Borrowed("true"),
        Cell::Boolean(false) => Cow::Borrowed("false"),
        Cell::Integer(number) => Cow::Owned(number.to_string()),
        Cell::Decimal(number) => Cow::Owned(number.to_string()),
        Cell::Text(text) => Cow::Borrowed(text),
        Cell::Time(micros) => Cow::Owned(wire::time(*micros)),
    }
}
