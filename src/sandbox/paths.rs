//! Where the API lies: at a controller's own root, or behind the gateway of AAP 2.5 and later. Whatever names a path asks here.

use std::fmt::Display;

use super::settings::Settings;

/// What the gateway itself answers.
pub(super) const GATEWAY: &str = "/api/gateway/";

#[derive(Debug, Clone, Copy)]
pub(super) struct Paths {
    /// The controller's root.
    pub(super) api: &'static str,
    /// The version of the controller's API that it speaks.
    pub(super) v2: &'static str,
    /// Where tokens are made; behind the gateway that is no longer the controller's business.
    pub(super) tokens: &'static str,
}

impl Paths {
    pub(super) fn of(settings: &Settings) -> Self {
        if settings.gateway {
            Self { api: "/api/controller/", v2: "/api/controller/v2/", tokens: "/api/gateway/v1/tokens/" }
        } else {
            Self { api: "/api/", v2: "/api/v2/", tokens: "/api/v2/tokens/" }
        }
    }

    /// The path of one instance.
    pub(super) fn instance(&self, key: impl Display) -> String {
        format!("{}instances/{key}/", self.v2)
    }

    pub(super) fn address(&self, id: i64) -> String {
        format!("{}receptor_addresses/{id}/", self.v2)
    }

    pub(super) fn group(&self, key: impl Display) -> String {
        format!("{}instance_groups/{key}/", self.v2)
    }

    pub(super) fn user(&self, id: i64) -> String {
        format!("{}users/{id}/", self.v2)
    }

    pub(super) fn activity(&self, id: i64) -> String {
        format!("{}activity_stream/{id}/", self.v2)
    }

    pub(super) fn token(&self, id: i64) -> String {
        format!("{}{id}/", self.tokens)
    }
}
