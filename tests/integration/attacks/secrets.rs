//! What a user has lying around: the places of the secrets, and the variables that hold some.

pub(crate) const REGISTRY_SOURCE: &str = ".cargo/registry/src/index/other-1.0.0/src/lib.rs";
pub(crate) const REGISTRY_CACHE: &str = ".cargo/registry/cache/index/other-1.0.0.crate";

/// Where the secret lies that `read-...` takes: of the home folder first, of the project then.
pub(crate) const HOME_SECRETS: &[(&str, &str)] = &[
    ("read-ssh-key", ".ssh/id_rsa"),
    ("read-aws", ".aws/credentials"),
    (
        "read-gcloud",
        ".config/gcloud/application_default_credentials.json",
    ),
    ("read-azure", ".azure/accessTokens.json"),
    ("read-kube", ".kube/config"),
    ("read-docker", ".docker/config.json"),
    ("read-gh", ".config/gh/hosts.yml"),
    ("read-npmrc", ".npmrc"),
    ("read-pypirc", ".pypirc"),
    ("read-netrc", ".netrc"),
    ("read-pgpass", ".pgpass"),
    ("read-git-credentials", ".git-credentials"),
    ("read-gnupg", ".gnupg/private-keys-v1.d/key"),
    ("read-password-store", ".password-store/bank.gpg"),
    ("read-vault-token", ".vault-token"),
    ("read-cargo-credentials", ".cargo/credentials.toml"),
    ("read-cargo-credentials-old", ".cargo/credentials"),
    ("read-firefox", ".mozilla/firefox/x.default/logins.json"),
    ("read-chrome", ".config/google-chrome/Default/Login Data"),
    ("read-wallet", ".config/Exodus/exodus.wallet/seed.seco"),
    (
        "read-telegram",
        ".local/share/TelegramDesktop/tdata/key_datas",
    ),
    ("read-history", ".bash_history"),
    ("read-claude", ".claude/.credentials.json"),
    ("read-document", "documents/diary.txt"),
];

pub(crate) const HOST_SECRETS: &[(&str, &str)] = &[
    ("read-host-env", ".env"),
    ("read-host-env-local", ".env.local"),
    ("read-package-env", "vendor/evil/.env"),
    ("read-sibling-env", "../sibling/.env"),
    ("read-sibling-source", "../sibling/src/lib.rs"),
    ("read-neighbour-file", "../notes.txt"),
];

/// Variables of the caller that hold a secret, and how it lies in them: `*` is the needle.
pub(crate) const VARIABLES: &[(&str, &str)] = &[
    ("GITHUB_TOKEN", "*"),
    ("GH_TOKEN", "*"),
    ("GITLAB_TOKEN", "*"),
    ("CI_JOB_TOKEN", "*"),
    ("ACTIONS_RUNTIME_TOKEN", "*"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "*"),
    ("CARGO_REGISTRY_TOKEN", "*"),
    ("CARGO_REGISTRIES_PRIVATE_TOKEN", "*"),
    ("NPM_TOKEN", "*"),
    ("NODE_AUTH_TOKEN", "*"),
    ("AWS_ACCESS_KEY_ID", "*"),
    ("AWS_SECRET_ACCESS_KEY", "*"),
    ("AWS_SESSION_TOKEN", "*"),
    ("AZURE_CLIENT_SECRET", "*"),
    ("OPENAI_API_KEY", "*"),
    ("ANTHROPIC_API_KEY", "*"),
    ("SLACK_WEBHOOK_URL", "https://hooks.example/*"),
    ("SENTRY_DSN", "https://*@sentry.example/1"),
    ("STRIPE_SECRET_KEY", "*"),
    ("DATABASE_URL", "postgres://user:*@db.example/app"),
    ("REDIS_URL", "redis://:*@cache.example"),
    ("MONGODB_URI", "mongodb://user:*@db.example"),
    (
        "DOCKER_AUTH_CONFIG",
        "{\"auths\":{\"r.example\":{\"auth\":\"*\"}}}",
    ),
    ("PGPASSWORD", "*"),
    ("MYSQL_PWD", "*"),
    ("VAULT_TOKEN", "*"),
    ("TWINE_PASSWORD", "*"),
    ("HF_TOKEN", "*"),
    ("GPG_PASSPHRASE", "*"),
    ("SSH_AUTH_SOCK", "/nowhere/*"),
    ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/*"),
    ("MY_APP_PASSWORD", "*"),
    ("COMPANY_SECRET", "*"),
    ("SIGNING_PRIVATE_KEY", "*"),
];
