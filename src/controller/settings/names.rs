//! The variables that are understood, the one of higher precedence first: `CONTROLLER_*`, `AAP_*`, `TOWER_*`.
//!
//! They are those of the collection awx.awx (`plugins/module_utils/controller_api.py`), of awxkit (`awxkit/cli/format.py`,
//! `awxkit/config.py`) and of terraform-provider-aap (`internal/provider/provider.go`). A name that ends in `_FILE` is ours, as
//! container images have it: the path of a file with the secret. `CONTROLLER_CONFIG_FILE` and `TOWER_CONFIG_FILE` are not read: no
//! variable that was left behind shall choose a controller by way of a file.

pub(super) const HOST: [&str; 4] = ["CONTROLLER_HOST", "AAP_HOSTNAME", "AAP_HOST", "TOWER_HOST"];
pub(super) const USERNAME: [&str; 3] = ["CONTROLLER_USERNAME", "AAP_USERNAME", "TOWER_USERNAME"];
pub(super) const PASSWORD: [&str; 6] =
    ["CONTROLLER_PASSWORD", "CONTROLLER_PASSWORD_FILE", "AAP_PASSWORD", "AAP_PASSWORD_FILE", "TOWER_PASSWORD", "TOWER_PASSWORD_FILE"];
pub(super) const TOKEN: [&str; 10] = [
    "CONTROLLER_OAUTH_TOKEN",
    "CONTROLLER_OAUTH_TOKEN_FILE",
    "CONTROLLER_TOKEN",
    "CONTROLLER_TOKEN_FILE",
    "AAP_TOKEN",
    "AAP_TOKEN_FILE",
    "TOWER_OAUTH_TOKEN",
    "TOWER_OAUTH_TOKEN_FILE",
    "TOWER_TOKEN",
    "TOWER_TOKEN_FILE",
];
pub(super) const VERIFY: [&str; 4] = ["CONTROLLER_VERIFY_SSL", "AAP_VALIDATE_CERTS", SKIP_VERIFY, "TOWER_VERIFY_SSL"];
/// Of terraform-provider-aap: the opposite sense.
pub(super) const SKIP_VERIFY: &str = "AAP_INSECURE_SKIP_VERIFY";
pub(super) const TIMEOUT: [&str; 4] = ["CONTROLLER_REQUEST_TIMEOUT", "AAP_REQUEST_TIMEOUT", "AAP_TIMEOUT", "TOWER_REQUEST_TIMEOUT"];
pub(super) const API_PREFIX: [&str; 2] = ["CONTROLLER_OPTIONAL_API_URLPATTERN_PREFIX", "AWXKIT_API_BASE_PATH"];
