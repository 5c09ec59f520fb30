//! The tables behind [`super::removed`].

use Name::{Exact, Part, Prefix, Suffix, Word};

/// How a name is compared; the text is in upper case.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name {
    Exact(&'static str),
    Prefix(&'static str),
    Suffix(&'static str),
    /// Anywhere in the name.
    Part(&'static str),
    /// Between underscores or other punctuation: `KEY` is a word of `API_KEY_2`, not of
    /// `KEYBOARD`.
    Word(&'static str),
}

impl Name {
    pub(super) fn matches(self, name: &[u8]) -> bool {
        match self {
            Exact(text) => name == text.as_bytes(),
            Prefix(text) => name.starts_with(text.as_bytes()),
            Suffix(text) => name.ends_with(text.as_bytes()),
            Part(text) => super::contains(name, text.as_bytes()),
            Word(text) => name
                .split(|byte| !byte.is_ascii_alphanumeric())
                .any(|word| word == text.as_bytes()),
        }
    }
}

pub(super) const CLOUD: &str = "access to a cloud account";
pub(super) const CI: &str = "access to the CI service";
pub(super) const SECRET: &str = "named like a secret";
pub(super) const SOCKET: &str = "leads to a process outside";
pub(super) const STORE: &str = "names a store of credentials";

/// Names that the next table would catch, although they hold no secret.
pub(super) const HARMLESS: &[Name] = &[
    // Set by an outer cargo for its build script, with names that packages choose; that script
    // may call us.
    Prefix("CARGO_BIN_EXE_"),
    Prefix("CARGO_CFG_"),
    Prefix("CARGO_FEATURE_"),
    Prefix("DEP_"),
    // Switches of aws-lc-sys and its kin.
    Prefix("AWS_LC_"),
    Part("PUBLIC_KEY"),
    Prefix("TOKENIZERS_"),
];

/// Names that hold a secret, or lead to one.
pub(super) const NAMES: &[(Name, &str)] = &[
    // Clouds. `ARM_` alone is also what toolchains for ARM processors are called.
    (Prefix("AWS_"), CLOUD),
    (Prefix("AZURE_"), CLOUD),
    (Prefix("ARM_ACCESS_"), CLOUD),
    (Prefix("ARM_CLIENT_"), CLOUD),
    (Prefix("ARM_OIDC_"), CLOUD),
    (Prefix("ARM_SAS_"), CLOUD),
    (Prefix("ARM_SUBSCRIPTION_"), CLOUD),
    (Prefix("ARM_TENANT_"), CLOUD),
    (Prefix("GOOGLE_"), CLOUD),
    (Prefix("GCLOUD_"), CLOUD),
    (Prefix("GCP_"), CLOUD),
    (Prefix("CLOUDSDK_"), CLOUD),
    (Prefix("ALIBABA_CLOUD_"), CLOUD),
    (Prefix("ALICLOUD_"), CLOUD),
    (Prefix("CLOUDFLARE_"), CLOUD),
    (Prefix("DIGITALOCEAN_"), CLOUD),
    (Prefix("HCLOUD_"), CLOUD),
    (Prefix("HEROKU_"), CLOUD),
    (Prefix("IBMCLOUD_"), CLOUD),
    (Prefix("OCI_CLI_"), CLOUD),
    (Prefix("SCW_"), CLOUD),
    (Prefix("KUBERNETES_"), CLOUD),
    (Prefix("NOMAD_"), CLOUD),
    (Prefix("CONSUL_HTTP_"), CLOUD),
    (Prefix("VAULT_"), CLOUD),
    (Prefix("TF_VAR_"), CLOUD),
    (Prefix("PULUMI_"), CLOUD),
    // CI services. What tells commit and branch stays: version crates read it.
    (Prefix("ACTIONS_"), CI),
    (Prefix("BUILDKITE_AGENT_"), CI),
    (Prefix("CI_DEPLOY_"), CI),
    (Prefix("CI_JOB_"), CI),
    (Prefix("CODESPACE"), CI),
    (Exact("CI_REPOSITORY_URL"), CI),
    // Whoever writes to these files acts in the steps that follow.
    (Exact("GITHUB_ENV"), CI),
    (Exact("GITHUB_OUTPUT"), CI),
    (Exact("GITHUB_PATH"), CI),
    (Exact("GITHUB_STATE"), CI),
    (Exact("GITHUB_STEP_SUMMARY"), CI),
    // Agents and services with a socket. Most hold unlocked secrets, or start what they are told.
    (Prefix("SSH_AUTH_SOCK"), SOCKET),
    (Exact("SSH_AGENT_PID"), SOCKET),
    (Part("ASKPASS"), SOCKET),
    (Exact("GPG_AGENT_INFO"), SOCKET),
    (Prefix("GNOME_KEYRING_"), SOCKET),
    (Prefix("DBUS_"), SOCKET),
    (Exact("AT_SPI_BUS_ADDRESS"), SOCKET),
    (Exact("SESSION_MANAGER"), SOCKET),
    (Exact("NOTIFY_SOCKET"), SOCKET),
    (Prefix("LISTEN_"), SOCKET),
    (Exact("DOCKER_HOST"), SOCKET),
    (Exact("CONTAINER_HOST"), SOCKET),
    (Exact("BUILDKIT_HOST"), SOCKET),
    (Prefix("VSCODE_"), SOCKET),
    (Prefix("NVIM"), SOCKET),
    (Exact("VIM_SERVERNAME"), SOCKET),
    (Exact("EMACS_SOCKET_NAME"), SOCKET),
    (Prefix("TMUX"), SOCKET),
    (Exact("STY"), SOCKET),
    (Prefix("ZELLIJ"), SOCKET),
    (Exact("KITTY_LISTEN_ON"), SOCKET),
    (Exact("WEZTERM_UNIX_SOCKET"), SOCKET),
    (Exact("ALACRITTY_SOCKET"), SOCKET),
    (Exact("I3SOCK"), SOCKET),
    (Exact("SWAYSOCK"), SOCKET),
    (Exact("HYPRLAND_INSTANCE_SIGNATURE"), SOCKET),
    (Exact("DISPLAY"), SOCKET),
    (Exact("WAYLAND_DISPLAY"), SOCKET),
    (Exact("WAYLAND_SOCKET"), SOCKET),
    (Exact("XAUTHORITY"), SOCKET),
    (Exact("PULSE_SERVER"), SOCKET),
    (Exact("WSL_INTEROP"), SOCKET),
    // Password managers and files of credentials.
    (Prefix("OP_SESSION"), SECRET),
    (Exact("BW_SESSION"), SECRET),
    (Prefix("DOPPLER_"), STORE),
    (Prefix("SOPS_"), STORE),
    (Prefix("DOCKER_CERT_"), STORE),
    (Exact("DOCKER_CONFIG"), STORE),
    (Exact("KUBECONFIG"), STORE),
    (Exact("NETRC"), STORE),
    (Exact("PGPASSFILE"), STORE),
    (Exact("PGSERVICEFILE"), STORE),
    // CI services let jobs export secrets there, and every bash reads it.
    (Exact("BASH_ENV"), STORE),
    (Exact("BOTO_CONFIG"), STORE),
    (Exact("TEAMCITY_BUILD_PROPERTIES_FILE"), STORE),
    // Whatever else is named like one.
    (Part("TOKEN"), SECRET),
    (Part("SECRET"), SECRET),
    (Part("PASSWORD"), SECRET),
    (Part("PASSWD"), SECRET),
    (Part("PASSPHRASE"), SECRET),
    (Part("PASSCODE"), SECRET),
    (Part("CREDENTIAL"), SECRET),
    (Part("APIKEY"), SECRET),
    (Part("ACCESSKEY"), SECRET),
    (Part("PRIVATEKEY"), SECRET),
    (Part("MNEMONIC"), SECRET),
    (Part("SEED_PHRASE"), SECRET),
    (Part("WEBHOOK"), SECRET),
    (Part("CONNECTION_STRING"), SECRET),
    (Part("CONNECTIONSTRING"), SECRET),
    (Word("KEY"), SECRET),
    (Word("KEYS"), SECRET),
    (Word("CREDS"), SECRET),
    (Word("AUTH"), SECRET),
    (Word("AUTHORIZATION"), SECRET),
    (Word("COOKIE"), SECRET),
    (Word("JWT"), SECRET),
    (Suffix("_OTP"), SECRET),
    (Word("PAT"), SECRET),
    (Suffix("_DSN"), SECRET),
    (Suffix("_PASS"), SECRET),
    (Exact("PASS"), SECRET),
    (Exact("SSHPASS"), SECRET),
    (Exact("DB_PWD"), SECRET),
    (Exact("MYSQL_PWD"), SECRET),
];

/// Names whose values are not looked at: no build works without them, and a folder may be called
/// anything.
pub(super) const PATHS_AND_FLAGS: &[Name] = &[
    Exact("CARGO_ENCODED_RUSTFLAGS"),
    Exact("CARGO_HOME"),
    Exact("CARGO_MAKEFLAGS"),
    Exact("HOME"),
    Exact("MAKEFLAGS"),
    Exact("OLDPWD"),
    Exact("PATH"),
    Exact("PWD"),
    Exact("RUSTUP_HOME"),
    Exact("TMPDIR"),
    Exact("USERPROFILE"),
    Suffix("LIBRARY_PATH"),
    Part("CFLAGS"),
    Part("CPPFLAGS"),
    Part("CXXFLAGS"),
    Part("LDFLAGS"),
    Suffix("RUSTFLAGS"),
    Suffix("RUSTDOCFLAGS"),
];

/// Beginnings of tokens, and how many letters, digits, dashes, dots and underscores follow at
/// least.
pub(super) const TOKENS: &[(&str, usize)] = &[
    ("AGE-SECRET-KEY-1", 20),
    ("AIza", 30),
    ("AKIA", 16),
    ("ASIA", 16),
    ("ATATT", 30),
    ("cio", 32),
    ("dckr_pat_", 20),
    ("dop_v1_", 30),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghr_", 30),
    ("ghs_", 30),
    ("ghu_", 30),
    ("github_pat_", 22),
    ("gldt-", 20),
    ("glpat-", 20),
    ("glrt-", 20),
    ("hf_", 30),
    ("hvs.", 20),
    ("npm_", 36),
    ("nvapi-", 30),
    ("pypi-", 50),
    ("rk_live_", 16),
    ("sk-", 20),
    ("sk_live_", 16),
    ("sntrys_", 30),
    ("whsec_", 20),
    ("xapp-", 10),
    ("xoxa-", 10),
    ("xoxb-", 10),
    ("xoxe-", 10),
    ("xoxp-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("ya29.", 20),
];

/// Texts of which any one in a value, in lower case, gives a secret away.
pub(super) const TEXTS: &[(&str, &str)] = &[
    ("authorization:", "holds an authorization header"),
    ("ls0tls1crudjti", "holds a key in base64"),
    ("\"auths\"", "holds credentials in JSON"),
    ("\"access_token\"", "holds credentials in JSON"),
    ("\"client_secret\"", "holds credentials in JSON"),
    ("\"password\"", "holds credentials in JSON"),
    ("\"private_key\"", "holds credentials in JSON"),
    ("\"refresh_token\"", "holds credentials in JSON"),
    ("accountkey=", "holds a connection string with a key"),
    ("sharedaccesskey=", "holds a connection string with a key"),
    (
        "sharedaccesssignature=",
        "holds a connection string with a key",
    ),
];

/// Keys of connection strings, at their beginning or after `;`, `?`, `&` or white space.
pub(super) const PASSWORD_KEYS: &[&str] = &["password=", "passwd=", "pwd=", "_authtoken="];
