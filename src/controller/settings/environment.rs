//! Reading variables: the first that is set counts, and where several differ people hear of it.

use std::env;

use super::SettingsError;

/// A variable's text; one that is no UTF-8 is an error.
pub(super) type Variable<'a> = dyn Fn(&str) -> Option<Result<String, ()>> + 'a;

/// Looks variables up and remembers what people should hear of: names, never values.
pub(super) struct Environment<'a> {
    pub(super) variable: &'a Variable<'a>,
    pub(super) warnings: Vec<String>,
}

/// A value and what it came from: a flag, a variable, a key of a file.
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) by: String,
}

impl<'a> Environment<'a> {
    pub(super) fn new(variable: &'a Variable<'a>) -> Self {
        Self { variable, warnings: Vec::new() }
    }

    /// The first of these variables that is set. Where a later one is set to something else, a warning names both; what is
    /// wrong with one that is not used is no reason to stop.
    pub(super) fn first<T: PartialEq>(
        &mut self,
        names: &[&'static str],
        parse: impl Fn(&'static str, &str) -> Result<T, SettingsError>,
    ) -> Result<Option<Found<T>>, SettingsError> {
        let mut first: Option<(&'static str, T)> = None;
        for name in names.iter().copied() {
            let Some(text) = self.text(name) else { continue };
            let value = text.and_then(|text| parse(name, &text));
            match &first {
                None => first = Some((name, value?)),
                Some((used, known)) if value.as_ref().ok() != Some(known) => {
                    self.warnings.push(format!("{used} and {name} differ: {used} is used"));
                }
                Some(_) => {}
            }
        }
        Ok(first.map(|(name, value)| Found { value, by: name.to_owned() }))
    }

    /// A variable's value before that of a file, with a warning where they differ.
    pub(super) fn prefer<T: PartialEq>(&mut self, variable: Option<Found<T>>, file: Option<Found<T>>) -> Option<Found<T>> {
        if let (Some(used), Some(other)) = (&variable, &file)
            && used.value != other.value
        {
            self.warnings.push(format!("{} and {} differ: {} is used", used.by, other.by, used.by));
        }
        variable.or(file)
    }

    /// The text of a variable. An empty one is not set: a job inside AWX gets them so.
    pub(super) fn text(&self, name: &'static str) -> Option<Result<String, SettingsError>> {
        match (self.variable)(name)? {
            Ok(text) if text.is_empty() => None,
            Ok(text) => Some(Ok(text)),
            Err(()) => Some(Err(SettingsError::Variable { name: name.to_owned(), wanted: "UTF-8 text" })),
        }
    }
}

/// A variable of this process's environment.
pub(super) fn of_process(name: &str) -> Option<Result<String, ()>> {
    env::var_os(name).map(|value| value.into_string().map_err(|_text| ()))
}
