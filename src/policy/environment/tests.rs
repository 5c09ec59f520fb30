use super::table::Name::{Part, Suffix, Word};
use super::table::{CI, CLOUD, SECRET, SOCKET, STORE};
use super::*;

fn pairs(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn why(name: &str, value: &str) -> Option<String> {
    removed(&pairs(&[(name, value)]), &[])
        .pop()
        .map(|removed| removed.why)
}

#[track_caller]
fn assert_names(names: &[&str], reason: &str) {
    for name in names {
        assert_eq!(why(name, "x").as_deref(), Some(reason), "{name}");
        let lower = name.to_ascii_lowercase();
        assert_eq!(why(&lower, "x").as_deref(), Some(reason), "{lower}");
        assert_eq!(why(name, "").as_deref(), Some(reason), "{name} empty");
    }
}

#[test]
fn names_of_secrets_go() {
    assert_names(
        &[
            "CARGO_REGISTRY_TOKEN",
            "CARGO_REGISTRIES_MINE_TOKEN",
            "GITHUB_TOKEN",
            "GH_TOKEN",
            "NODE_AUTH_TOKEN",
            "NPM_TOKEN",
            "SYSTEM_ACCESSTOKEN",
            "BITBUCKET_STEP_OIDC_TOKEN",
            "MY_SECRET",
            "SECRET_KEY_BASE",
            "CLIENT_SECRETS_JSON",
            "PGPASSWORD",
            "MYSQL_PWD",
            "DB_PASS",
            "SSHPASS",
            "KEYSTORE_PASSWD",
            "GPG_PASSPHRASE",
            "OPENAI_API_KEY",
            "ANTHROPIC_API_KEY",
            "TAURI_SIGNING_PRIVATE_KEY",
            "MY_KEY_2",
            "SIGNING_KEYS",
            "STRIPE_APIKEY",
            "SENTRY_DSN",
            "DOCKER_AUTH_CONFIG",
            "REGISTRY_AUTH_FILE",
            "npm_config__auth",
            "npm_config_//registry.example/:_authToken",
            "npm_config_//registry.example/:_password",
            "COMPOSER_AUTH",
            "SLACK_WEBHOOK_URL",
            "JENKINS_COOKIE",
            "WALLET_MNEMONIC",
            "MY_CONNECTION_STRING",
            "GH_PAT",
            "BW_SESSION",
            "OP_SESSION_my",
        ],
        SECRET,
    );
}

#[test]
fn names_of_clouds_and_services_go() {
    assert_names(
        &[
            "AWS_PROFILE",
            "AWS_REGION",
            "AWS_SECRET_ACCESS_KEY",
            "AZURE_CLIENT_ID",
            "ARM_CLIENT_ID",
            "ARM_TENANT_ID",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "GOOGLE_CLOUD_PROJECT",
            "GCP_PROJECT",
            "CLOUDSDK_CONFIG",
            "VAULT_ADDR",
            "KUBERNETES_SERVICE_HOST",
            "TF_VAR_x",
        ],
        CLOUD,
    );
    assert_names(
        &[
            "ACTIONS_RUNTIME_URL",
            "ACTIONS_ID_REQUEST_URL",
            "CI_JOB_ID",
            "CI_JOB_JWT",
            "CI_DEPLOY_USER",
            "CODESPACES",
            "CODESPACE_NAME",
            "BUILDKITE_AGENT_ENDPOINT",
            "GITHUB_ENV",
            "GITHUB_PATH",
            "GITHUB_OUTPUT",
        ],
        CI,
    );
    assert_names(
        &[
            "KUBECONFIG",
            "NETRC",
            "DOCKER_CONFIG",
            "PGPASSFILE",
            "BASH_ENV",
        ],
        STORE,
    );
}

#[test]
fn ways_to_processes_outside_go() {
    assert_names(
        &[
            "SSH_AGENT_PID",
            "SSH_AUTH_SOCK",
            "GPG_AGENT_INFO",
            "DBUS_SESSION_BUS_ADDRESS",
            "DOCKER_HOST",
            "GIT_ASKPASS",
            "SSH_ASKPASS",
            "VSCODE_GIT_IPC_HANDLE",
            "VSCODE_IPC_HOOK_CLI",
            "TMUX",
            "TMUX_PANE",
            "STY",
            "NVIM",
            "NVIM_LISTEN_ADDRESS",
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "XAUTHORITY",
            "WSL_INTEROP",
            "LISTEN_FDS",
            "NOTIFY_SOCKET",
        ],
        SOCKET,
    );
}

/// What a build may need, with values that look like more than they are.
const NEEDED: &[(&str, &str)] = &[
    ("AR", "llvm-ar"),
    ("ARM_GNU_TOOLCHAIN_PATH", "/opt/arm"),
    ("AWS_LC_SYS_PREBUILT_NASM", "1"),
    ("BINDGEN_EXTRA_CLANG_ARGS", "--sysroot=/x -DKEY=1"),
    ("CARGO", "/usr/bin/cargo"),
    ("CARGO_CFG_TARGET_OS", "linux"),
    ("CARGO_CFG_MY_TOKEN", ""),
    ("CARGO_ENCODED_RUSTFLAGS", "-Ca\u{1f}-Cb"),
    ("CARGO_FEATURE_API_KEY", "1"),
    ("CARGO_FEATURE_SECRET_SERVICE", "1"),
    ("CARGO_HOME", "/home/me/.cargo"),
    ("CARGO_HTTP_PROXY", "http://proxy:3128"),
    ("CARGO_INCREMENTAL", "0"),
    (
        "CARGO_MAKEFLAGS",
        "-j --jobserver-fds=3,4 --jobserver-auth=3,4",
    ),
    ("CARGO_MANIFEST_DIR", "/w"),
    ("CARGO_PKG_AUTHORS", "A <a@example.com>"),
    ("CARGO_PKG_HOMEPAGE", "https://example.com/a@b:c"),
    ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", "clang"),
    ("CARGO_TERM_COLOR", "always"),
    ("CC", "clang"),
    ("CC_x86_64-unknown-linux-musl", "musl-gcc"),
    ("CFLAGS", "-O2 -DPASSWORD=x -D pwd=1"),
    ("CI", "true"),
    ("CMAKE_PREFIX_PATH", "/opt/x"),
    ("COLORTERM", "truecolor"),
    ("DATABASE_URL", "sqlite://dev.db"),
    (
        "DATABASE_URL",
        "postgres://me@localhost:5432/db?sslmode=disable",
    ),
    ("DATABASE_URL", "postgres://localhost/db"),
    ("DEP_OPENSSL_INCLUDE", "/usr/include"),
    ("DEP_RING_KEY", "x"),
    ("DOCS_RS", "1"),
    ("FORCE_COLOR", "1"),
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_REF_NAME", "main"),
    ("GITHUB_REPOSITORY", "a/b"),
    ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("GITHUB_WORKSPACE", "/w"),
    ("GIT_AUTHOR_NAME", "x"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_DIR", "/w/.git"),
    ("HOME", "/home/me"),
    ("HTTPS_PROXY", "http://proxy.example:3128"),
    ("HTTP_PROXY", "http://me@proxy.example:3128/"),
    ("JAVA_HOME", "/opt/java"),
    ("LANG", "C.UTF-8"),
    ("LC_ALL", "C"),
    ("LD_LIBRARY_PATH", "/opt/lib"),
    ("LIBCLANG_PATH", "/usr/lib/llvm-19/lib"),
    ("LIBSQLITE3_FLAGS", "-DSQLITE_MAX=1"),
    ("LS_COLORS", "di=01;34:ln=01;36"),
    ("MAKEFLAGS", " -j4 --jobserver-auth=fifo:/tmp/GMfifo1"),
    ("MINISIGN_PUBLIC_KEY", "RWQ"),
    ("MY_KEYBOARD_LAYOUT", "de"),
    ("XKB_DEFAULT_KEYMAP", "us"),
    ("NO_PROXY", "localhost"),
    ("OLDPWD", "/"),
    ("OPENSSL_DIR", "/opt/ssl"),
    ("OPENSSL_LIB_DIR", "/opt/ssl/lib"),
    ("OTP_VERSION", "27"),
    ("OUT_DIR", "/w/target/x/out"),
    ("PATH", "/usr/bin:/opt/sk-0123456789abcdefghijklmnop/bin"),
    ("PERRY_LLVM_CLANG", "/usr/bin/clang-19"),
    ("PERRY_SANDBOX_BUILDRS", "1"),
    ("PKG_CONFIG_PATH", "/opt/lib/pkgconfig"),
    ("PROTOC", "/usr/bin/protoc"),
    ("PWD", "/w"),
    ("RUSTC_BOOTSTRAP", "1"),
    ("RUSTC_WRAPPER", "sccache"),
    ("RUSTFLAGS", "-C target-cpu=native --cfg token=\"x\""),
    ("RUSTUP_HOME", "/home/me/.rustup"),
    ("RUSTUP_TOOLCHAIN", "stable-x86_64-unknown-linux-gnu"),
    ("RUST_BACKTRACE", "1"),
    ("RUST_LOG", "debug"),
    ("SHELL", "/bin/bash"),
    ("SOURCE_DATE_EPOCH", "1700000000"),
    ("SQLX_OFFLINE", "true"),
    ("SSL_CERT_FILE", "/etc/ssl/cert.pem"),
    ("SSL_CERT_DIR", "/etc/ssl"),
    ("TERM", "xterm-256color"),
    ("TERM_SESSION_ID", "w0t0p0:0123"),
    ("TOKENIZERS_PARALLELISM", "false"),
    ("TZ", "Europe/Berlin"),
    ("USER", "me"),
    ("VCPKG_ROOT", "/opt/vcpkg"),
    ("VERGEN_GIT_SHA", "abc"),
    ("XDG_CACHE_HOME", "/home/me/.cache"),
    ("XDG_RUNTIME_DIR", "/run/user/1000"),
    ("XDG_SESSION_ID", "1"),
    ("ZERO_AR_DATE", "1"),
    ("_", "/usr/bin/cargo"),
    ("", ""),
];

#[test]
fn what_builds_need_stays() {
    for (name, value) in NEEDED {
        assert_eq!(why(name, value), None, "{name}={value}");
    }
}

#[test]
fn values_give_secrets_away() {
    let letters = "aB3".repeat(20);
    for (value, reason) in [
        ("postgres://me:pw@localhost/db", "a URL with a password"),
        ("redis://:pw@localhost", "a URL with a password"),
        ("http://me:p@ss@proxy:3128", "a URL with a password"),
        ("a,amqp://u:p@h/v", "a URL with a password"),
        ("sparse+https://user:x@host/index/", "a URL with a password"),
        (
            "https://0123456789abcdef0123@git.example/x",
            "a URL with a password",
        ),
        (&format!("ghp_{letters}"), "a token"),
        (&format!("github_pat_{letters}"), "a token"),
        (&format!("x ghs_{letters} y"), "a token"),
        (&format!("--with-it=glpat-{letters}"), "a token"),
        (&format!("prefix-npm_{letters}"), "a token"),
        (&format!("pypi-{letters}"), "a token"),
        (&format!("sk-proj-{letters}"), "a token"),
        (&format!("cio{letters}"), "a token"),
        (&format!("hf_{letters}"), "a token"),
        ("xoxb-1234567890-abc", "a token"),
        ("AKIAABCDEFGHIJKLMNO1", "a token"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", "a token"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nx", "a private key"),
        ("-----BEGIN PRIVATE KEY-----\\nx", "a private key"),
        ("LS0tLS1CRUdJTiBQUklWQVRF", "a key in base64"),
        ("Authorization: Basic eDp5", "an authorization header"),
        ("Bearer abcdef", "an authorization header"),
        (
            "host=x user=y password=z",
            "a connection string with a password",
        ),
        (
            "Server=x;Uid=y;Pwd=z",
            "a connection string with a password",
        ),
        (
            "jdbc:db://h/d?user=a&password=b",
            "a connection string with a password",
        ),
        (
            "AccountName=a;AccountKey=b",
            "a connection string with a key",
        ),
        ("machine h login l password p", "a netrc entry"),
        ("{\"auths\":{\"h\":{}}}", "credentials in JSON"),
        ("{\"private_key\": \"x\"}", "credentials in JSON"),
    ] {
        assert_eq!(
            why("HARMLESS", value),
            Some(format!("holds {reason}")),
            "{value}"
        );
    }
}

#[test]
fn values_that_only_look_like_secrets_stay() {
    for value in [
        "https://example.com/path?x=a:b@c",
        "https://example.com:8080/a@b",
        "https://git@example.com/x.git",
        "ssh://git@example.com:22/x",
        "git@example.com:a/b.git",
        "://",
        "a://b:@c",
        "x:y@z",
        "sk-",
        "sk-ink-and-other-words-without-digit",
        "task-0123456789abcdefghijklmnopq",
        "npm_config_registry",
        "ghp_short1",
        "AKIA",
        "BAKIAABCDEFGHIJKLMNO1",
        "eyJ.eyJ.x",
        "eyJhbGciOiJIUzI1NiJ9",
        "-----BEGIN CERTIFICATE-----",
        "cionabc",
        "password=",
        "a?password=&b",
        "nopassword=1234",
        "/home/me/password=x",
        "basically nothing",
        "machine words",
    ] {
        assert_eq!(why("HARMLESS", value), None, "{value}");
    }
}

#[test]
fn settings_of_git_go_all_or_none() {
    let harmless = [
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "safe.directory"),
        ("GIT_CONFIG_VALUE_0", "*"),
    ];
    assert!(removed(&pairs(&harmless), &[]).is_empty());
    for (key, value) in [
        ("http.https://example.com/.extraheader", "x"),
        ("credential.helper", "store"),
        ("http.proxy", "http://u:p@h"),
        ("x.y", "AUTHORIZATION: basic eDp5"),
        ("url.https://x:ghp@h/.insteadOf", "https://h/"),
    ] {
        let mut variables = harmless.to_vec();
        variables.extend([("GIT_CONFIG_KEY_1", key), ("GIT_CONFIG_VALUE_1", value)]);
        variables.push(("GIT_DIR", "x"));
        let names: Vec<OsString> = removed(&pairs(&variables), &[])
            .into_iter()
            .map(|removed| removed.name)
            .collect();
        assert_eq!(
            names,
            [
                "GIT_CONFIG_COUNT",
                "GIT_CONFIG_KEY_0",
                "GIT_CONFIG_VALUE_0",
                "GIT_CONFIG_KEY_1",
                "GIT_CONFIG_VALUE_1"
            ],
            "{key}"
        );
    }
}

#[test]
fn the_host_keeps_what_it_names() {
    let environment = pairs(&[
        ("A_TOKEN", "x"),
        ("PATH", "/bin"),
        ("a_token", "x"),
        ("URL", "http://a:b@c"),
        ("B_TOKEN", "x"),
    ]);
    let keep = ["A_TOKEN".into(), "URL".into(), "UNSET_TOKEN".into()];
    let names: Vec<OsString> = removed(&environment, &keep)
        .into_iter()
        .map(|removed| removed.name)
        .collect();
    assert_eq!(names, ["a_token", "B_TOKEN"]);
}

#[test]
fn the_tables_are_in_the_case_they_are_compared_in() {
    let names = NAMES.iter().map(|(name, _)| name);
    for name in names.chain(HARMLESS).chain(PATHS_AND_FLAGS) {
        let (Exact(text) | Prefix(text) | Suffix(text) | Part(text) | Word(text)) = name;
        assert_eq!(*text, text.to_ascii_uppercase());
    }
    for text in TEXTS.iter().map(|(text, _)| text).chain(PASSWORD_KEYS) {
        assert_eq!(*text, text.to_ascii_lowercase());
    }
}

#[test]
fn odd_input_is_no_trouble() {
    for value in [
        "",
        "@",
        "://@",
        "://:@",
        ":",
        "=",
        "eyJ",
        "sk-",
        "-----BEGIN ",
    ] {
        why("X", value);
    }
    let large = "eyJ-sk-://a".repeat(100_000);
    why("X", &large);
    assert!(why("NAME=WITH=EQUALS_TOKEN", "x").is_some());
}

#[cfg(unix)]
#[test]
fn values_and_names_that_are_not_utf8_are_judged() {
    use std::os::unix::ffi::OsStringExt;

    let of = |name: &[u8], value: &[u8]| {
        let pair = (
            OsString::from_vec(name.to_vec()),
            OsString::from_vec(value.to_vec()),
        );
        removed(&[pair], &[]).len()
    };
    assert_eq!(of(b"X\xff_TOKEN", b""), 1);
    assert_eq!(of(b"X\xff", b"\xfehttp://u:\xfd@h"), 1);
    assert_eq!(of(b"X", b"\xffAKIAABCDEFGHIJKLMNO1"), 1);
    assert_eq!(of(b"X\xff", b"\xfe\xfd"), 0);
}
