//! What decided each setting, for whoever wonders why the program goes where it goes.

/// One setting and what it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The setting, in the words of the README.
    pub setting: &'static str,
    /// The flag, the variable, or the file and its key, such as `--insecure`, `AAP_HOST`, `host of tower_cli.cfg`; `default` where
    /// nothing said anything.
    pub by: String,
    /// What it is; `None` for what nobody may see.
    pub value: Option<String>,
}

impl Decision {
    pub(super) fn new(setting: &'static str, by: impl Into<String>, value: impl Into<String>) -> Self {
        Self { setting, by: by.into(), value: Some(value.into()) }
    }

    pub(super) fn hidden(setting: &'static str, by: impl Into<String>) -> Self {
        Self { setting, by: by.into(), value: None }
    }
}
