//! What lets people in, changed behind the API's back.

use super::Tables;
use crate::sandbox::settings::SandboxError;

impl Tables {
    pub(in crate::sandbox) fn revoke_tokens(&mut self) {
        self.tokens.clear();
        self.touch();
    }

    /// Takes the hash of a new password. Sessions belong to the password that opened them.
    pub(in crate::sandbox) fn set_password(&mut self, username: &str, hashed: String) -> Result<(), SandboxError> {
        let found = self.users.values_mut().find(|user| user.username == username);
        let user = found.ok_or_else(|| SandboxError::UnknownUser(username.to_owned()))?;
        user.password = hashed;
        let id = user.id;
        self.verified.retain(|_, owner| *owner != id);
        self.sessions.retain(|_, owner| *owner != id);
        self.touch();
        Ok(())
    }
}
