//! Who one is at a controller, and what one may do there.

use reqwest::Method;
use serde_json::Value as Json;

use super::{
    Client, ControllerError,
    client::Call,
    login::DESCRIPTION,
    rows::Query,
    wire::{Page, TokenRow},
};

/// What a login comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The user name.
    pub user: String,
    /// A system administrator; else a system auditor.
    pub is_administrator: bool,
    /// Whether instances may be made and changed: not by an auditor, nor with a token of scope `read`.
    pub may_write: bool,
    /// What the requests of this run say who one is with, in words.
    pub login: String,
    /// Whether the controller records who changes what, if it says so.
    pub activity_stream: Option<bool>,
    /// The tokens that earlier runs made and did not end, or that runs use at the moment.
    pub leftovers: Vec<Leftover>,
}

/// A token that a run made for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Where it is on the controller.
    pub path: String,
    /// Whose it was: machine and process.
    pub description: String,
    /// When it was made, as the controller writes it.
    pub created: String,
}

impl Client {
    /// Asks who one is and what one may do. Nothing is changed.
    pub async fn about(&self) -> Result<About, ControllerError> {
        Ok(About {
            user: self.me.username.clone(),
            is_administrator: self.me.is_superuser,
            may_write: self.may_write().await?,
            login: self.http.login_in_words().await,
            activity_stream: self.activity_stream,
            leftovers: self.leftovers().await?,
        })
    }

    /// The user name.
    pub fn user(&self) -> &str {
        &self.me.username
    }

    /// Whether instances may be made and changed, as far as the controller tells. AWX: a method is listed where it is allowed, by the
    /// rights of the user and the scope of the token.
    pub async fn may_write(&self) -> Result<bool, ControllerError> {
        let path = self.path("instances/");
        match self.http.json::<Json>(Call { method: Method::OPTIONS, ..Call::get(&path) }).await {
            // What stands before the controller may answer in its place, and says nothing of rights.
            Ok(options) => Ok(options.get("actions").is_none_or(|actions| actions.get("POST").is_some())),
            Err(error) if error.is_refusal() || error.is_odd() => Ok(true),
            Err(error) => Err(error),
        }
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, ControllerError> {
        let (list, own) = self.http.tokens().await;
        let query: Query = vec![("description__startswith", DESCRIPTION.to_owned()), ("page_size", "200".to_owned())];
        let page: Page<TokenRow> = match self.http.json(Call { query: &query, ..Call::get(&list) }).await {
            Ok(page) => page,
            // Controllers after AWX 24.6 have no tokens.
            Err(error) if error.is_refusal() => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let leftover = |TokenRow { id, description, created }| Leftover { path: format!("{list}{id}/"), description, created };
        Ok(page.results.into_iter().map(leftover).filter(|token| !own.contains(&token.path)).collect())
    }
}
