//! What holds for the whole mesh: which controller it is for, which instances it owns and protects, known drift.

use jiff::civil::Date;

use crate::mesh::{BaseUrl, Field, Listed, MaxRemovals, MaxRemovalsError, PeerName, UrlError};

use super::{
    Code, Finding,
    finding::short,
    keys::{self, Level},
    names::NameList,
    nearest::nearest,
    reader::{At, Entry, Reader},
    tree::Kind,
};

/// The mesh-wide settings of all files.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) controller: Vec<At<BaseUrl>>,
    /// `owns`; none where it is not given.
    pub(super) owns: Option<Vec<At<Listed>>>,
    pub(super) external: NameList<PeerName>,
    pub(super) protect: Vec<At<Listed>>,
    pub(super) max_removals: Option<At<MaxRemovals>>,
    pub(super) ignore: Vec<Ignored>,
    pub(super) applied_by: Vec<At<String>>,
}

/// An item of `ignore`.
pub(super) struct Ignored {
    pub(super) hostname: Vec<At<Listed>>,
    pub(super) field: At<Field>,
    pub(super) until: At<Date>,
    pub(super) reason: At<String>,
}

impl<'a> Reader<'a, '_> {
    /// Reads one of the keys that hold for the whole mesh.
    pub(super) fn setting(&mut self, entry: Entry<'a>, settings: &mut Settings) {
        match entry.name {
            "controller" => settings.controller = self.controller(entry),
            "owns" => {
                let before = self.errors;
                settings.owns = Some(self.patterns(entry)).filter(|_| self.errors == before);
            }
            "external" => settings.external.extend(self.external(entry)),
            "protect" => settings.protect = self.patterns(entry),
            "max_removals" => settings.max_removals = self.max_removals(entry),
            "ignore" => settings.ignore = self.ignore(entry),
            "applied_by" => settings.applied_by = self.texts(entry, "an account of the controller"),
            _ => {}
        }
    }

    fn controller(&mut self, entry: Entry<'a>) -> Vec<At<BaseUrl>> {
        let mut found = Vec::new();
        let (before, texts) = (self.errors, self.texts(entry, "the address of the controller"));
        if texts.is_empty() && self.errors == before {
            let finding = self.error(Code::Url, entry.value, "`controller` names no controller".to_owned());
            self.push(finding.help("give its address, or remove the line"));
        }
        for At { value: text, span } in texts {
            match BaseUrl::parse(&text) {
                Ok(value) => found.push(At { value, span }),
                Err(error) => {
                    let help = match error {
                        UrlError::UserInfo => "credentials never stand in a file: give the address alone",
                        _ => "give the address of the controller, such as https://awx.example.com",
                    };
                    self.push(Finding::error(Code::Url, span, format!("`controller` {error}")).help(help));
                }
            }
        }
        found
    }

    fn max_removals(&mut self, entry: Entry<'_>) -> Option<At<MaxRemovals>> {
        let At { value: (text, plain), span } = self.scalar(entry, "a number, or a percentage such as `30%`")?;
        let value: Option<MaxRemovals> = text.parse().ok().filter(|value| plain || matches!(value, MaxRemovals::Percent(_)));
        if value.is_none() {
            let finding = self.error(Code::MaxRemovals, entry.value, format!("`{}` is no number of removals", short(text)));
            self.push(finding.help(MaxRemovalsError.to_string()));
        }
        value.map(|value| At { value, span })
    }

    fn ignore(&mut self, entry: Entry<'a>) -> Vec<Ignored> {
        let items = self.mappings(entry, "rules", "write each rule as an item: `- hostname: ...`");
        items.into_iter().filter_map(|(id, entries)| self.ignored(id, &entries)).collect()
    }

    fn ignored(&mut self, id: u32, entries: &[Entry<'a>]) -> Option<Ignored> {
        const REQUIRED: [&str; 4] = ["hostname", "field", "until", "reason"];
        let (mut hostname, mut field, mut until, mut reason) = (None, None, None, None);
        for entry in entries {
            match entry.name {
                "hostname" => hostname = Some(self.pattern_or_list(*entry)).filter(|list| !list.is_empty()),
                "field" => field = self.field(*entry),
                "until" => until = self.date(*entry),
                "reason" => reason = self.words(*entry, "a text"),
                _ => self.other_key(entry.key, Level::Ignore),
            }
        }
        let is_there = |key: &str| entries.iter().any(|entry| entry.name == key || keys::misspelt(entry.name, Level::Ignore) == Some(key));
        let missing: Vec<String> = REQUIRED.iter().filter(|key| !is_there(key)).map(|key| format!("`{key}`")).collect();
        if !missing.is_empty() {
            let finding = self.error(Code::Missing, id, format!("this rule lacks {}", missing.join(", ")));
            self.push(finding.help("known drift needs a `hostname`, a `field`, an `until` and a `reason`, so that it is not forgotten"));
        }
        Some(Ignored { hostname: hostname?, field: field?, until: until?, reason: reason? })
    }

    /// The name of a managed field.
    fn field(&mut self, entry: Entry<'_>) -> Option<At<Field>> {
        let At { value: text, span } = self.text(entry, "the name of a field")?;
        if let Some(value) = Field::ALL.iter().copied().find(|field| field.name() == text) {
            return Some(At { value, span });
        }
        let names = || Field::ALL.iter().map(|field| field.name());
        let help = match nearest(text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("fields are {}", names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
        };
        let finding = self.error(Code::Field, entry.value, format!("no field is called `{}`", short(text)));
        self.push(finding.help(help));
        None
    }

    /// A day.
    pub(super) fn date(&mut self, entry: Entry<'_>) -> Option<At<Date>> {
        let At { value: text, span } = self.text(entry, "a date")?;
        let is_plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let value = text.parse().ok().filter(|_| is_plain);
        if value.is_none() {
            let finding = self.error(Code::Date, entry.value, format!("`{}` is no date", short(text)));
            self.push(finding.help("write year, month and day: `2026-12-04`"));
        }
        value.map(|value| At { value, span })
    }

    /// A text, or a list of them.
    fn texts(&mut self, entry: Entry<'a>, wanted: &str) -> Vec<At<String>> {
        let tree = self.tree;
        let single = [entry.value];
        let items: &[u32] = match tree.kind(entry.value) {
            Kind::List(items) => items,
            _ => &single,
        };
        items.iter().filter_map(|item| self.words(Entry { value: *item, ..entry }, wanted)).collect()
    }
}
