use super::*;

/// A dependency of a JavaScript project, on Linux.
fn facts() -> Facts {
    let host = PathBuf::from("/home/u/src/app");
    Facts {
        platform: Platform::Linux,
        profile: Profile::Strict,
        network: Network::Denied,
        home: "/home/u".into(),
        package: Some(host.join("node_modules/@a/b")),
        workspace: host.join("node_modules/@a/b/native"),
        path_dependencies: vec![],
        settings_files: vec![
            "/home/u/.cargo/config.toml".into(),
            "/home/u/src/.cargo/config.toml".into(),
        ],
        artifacts: vec![host.join("node_modules/@a/b/native/target")],
        temporary: "/tmp/sandboxed-cargo.x/tmp".into(),
        cache: host.join(".perry-cache"),
        cargo_home: "/home/u/.cargo".into(),
        rustup_home: Some("/home/u/.rustup".into()),
        toolchains: vec!["/home/u/rust/build/stage1".into()],
        program: "/home/u/tools/sandboxed-cargo/target/release/sandboxed-cargo".into(),
        tools: Vec::new(),
        search_path: vec![
            "/home/u/.cargo/bin".into(),
            "/home/u/.local/bin".into(),
            "/home/u/bin".into(),
            "/home/u/.nvm/v22/bin".into(),
            "/home/u/src/bin".into(),
            "/usr/bin".into(),
        ],
        build_variables: vec![
            ("OPENSSL_DIR".into(), "/home/u/openssl".into()),
            ("PROJECTS_DIR".into(), "/home/u/src".into()),
        ],
        git_settings: vec!["/home/u/.gitconfig".into(), "/home/u/.config/git".into()],
        git_folders: vec![host.join(".git")],
        git_credentials: vec![(host.join(".git/config"), b"[core]\n".to_vec())],
        project_secrets: vec![host.join(".env"), host.join("packages/api/.env.local")],
        searched_all: true,
        granted: vec!["/home/u/data".into()],
        system_secrets: vec!["/etc/ssh/ssh_host_rsa_key".into()],
        homes: vec!["/var/home".into()],
        aliases: vec!["/srv/people/u".into()],
        jobserver: None,
        links: vec![],
        fetch_hides: vec![],
        fetch_writes: vec![],
        removed: vec![],
        set: vec![],
        host,
    }
}

#[track_caller]
fn assert_reads(policy: &Policy, allowed: &[&str], denied: &[&str]) {
    for path in allowed {
        assert!(
            policy.may_read(Path::new(path)),
            "`{path}` must be readable"
        );
    }
    for path in denied {
        assert!(
            !policy.may_read(Path::new(path)),
            "`{path}` must not be readable"
        );
    }
}

#[track_caller]
fn assert_writes(policy: &Policy, allowed: &[&str], denied: &[&str]) {
    for path in allowed {
        assert!(
            policy.may_write(Path::new(path)),
            "`{path}` must be writable"
        );
    }
    for path in denied {
        assert!(
            !policy.may_write(Path::new(path)),
            "`{path}` must not be writable"
        );
    }
}

const NEVER_WRITTEN: &[&str] = &[
    "/",
    "/etc/passwd",
    "/usr/bin/cc",
    "/home/u/.bashrc",
    "/home/u/.cargo/bin/cargo",
    "/home/u/.cargo/config.toml",
    "/home/u/.cargo/credentials.toml",
    "/home/u/.cargo/env",
    "/home/u/.cargo/registry/src/x/lib.rs",
    "/home/u/.rustup/settings.toml",
    "/home/u/.rustup/toolchains/stable/bin/rustc",
    "/home/u/.config/systemd/user/x.service",
    "/home/u/.ssh/authorized_keys",
    "/home/u/src/app/package.json",
    "/home/u/src/app/.perry-cache/buildrs-x.sandbox",
    "/home/u/src/app/.git/hooks/pre-commit",
    "/home/u/src/app/.vscode/tasks.json",
    "/home/u/src/app/node_modules/@a/b/native/src/lib.rs",
    "/home/u/src/app/node_modules/@a/b/native/Cargo.lock",
    "/home/u/src/app/node_modules/@a/b/native/.cargo/config.toml",
    "/home/u/src/app/node_modules/other/index.js",
    "/home/u/src/app/node_modules/@a/b/native/target-other/x",
    "/dev/sda",
    "/dev/tty",
];

#[test]
fn strict_reads() {
    let policy = plan(&facts()).unwrap();
    assert_reads(
        &policy,
        &[
            "/usr/include/stdio.h",
            "/etc/hosts",
            "/opt/tool/bin/x",
            "/home/u/src/app/package.json",
            "/home/u/src/app/node_modules/other/index.js",
            "/home/u/src/app/node_modules/@a/b/native/src/lib.rs",
            "/home/u/.cargo/registry/src/x/lib.rs",
            "/home/u/.cargo/bin/rustc",
            "/home/u/.rustup/toolchains/stable/bin/rustc",
            "/home/u/rust/build/stage1/bin/rustc",
            "/home/u/.local/bin/protoc",
            "/home/u/bin/tool",
            "/home/u/tools/sandboxed-cargo/target/release/sandboxed-cargo",
            "/home/u/.nvm/v22/lib/node_modules/npm/x.js",
            "/home/u/openssl/lib/libssl.a",
            "/home/u/.gitconfig",
            "/home/u/.config/git/ignore",
            "/home/u/src/.cargo/config.toml",
            "/home/u/data/model.bin",
            "/tmp/sandboxed-cargo.x/tmp/x",
        ],
        &[
            "/home/u",
            "/home/u/.bashrc",
            "/home/u/.bash_history",
            "/home/u/.ssh/id_rsa",
            "/home/u/.aws/credentials",
            "/home/u/.cargo/credentials.toml",
            "/home/u/.cargo/credentials",
            "/home/u/.config/gh/hosts.yml",
            "/home/u/.config/git/credentials",
            "/home/u/.local/share/keyrings/x",
            "/home/u/Documents/x",
            "/home/other/x",
            "/var/home/other/x",
            "/root/.ssh/id_rsa",
            "/home/u/src/other-project/.env",
            "/home/u/src/other-project/src/main.rs",
            "/home/u/src/app/.env",
            "/home/u/src/app/packages/api/.env.local",
            "/srv/people/u/.ssh/id_rsa",
            "/tmp/other",
            "/run/user/1000/bus",
            "/run/secrets/token",
            "/etc/shadow",
            "/etc/ssh/ssh_host_rsa_key",
            "/dev/tty",
            "/dev/sda",
        ],
    );
}

#[test]
fn strict_writes() {
    let policy = plan(&facts()).unwrap();
    assert_writes(
        &policy,
        &[
            "/home/u/src/app/node_modules/@a/b/native/target/debug/x",
            "/tmp/sandboxed-cargo.x/tmp/x",
        ],
        NEVER_WRITTEN,
    );
    assert_writes(
        &policy,
        &[],
        &[
            "/tmp/x",
            "/var/tmp/x",
            "/dev/shm/x",
            "/home/u/.cargo/.package-cache",
        ],
    );
    let devices: Vec<_> = policy
        .devices
        .iter()
        .map(|rule| rule.path.to_str().unwrap())
        .collect();
    assert_eq!(
        devices,
        [
            "/dev/null",
            "/dev/zero",
            "/dev/full",
            "/dev/random",
            "/dev/urandom"
        ]
    );
}

#[test]
fn compat_reads_all_but_credentials_and_writes_shared_places() {
    let policy = plan(&Facts {
        profile: Profile::Compat,
        ..facts()
    })
    .unwrap();
    assert_reads(
        &policy,
        &[
            "/home/u/Documents/x",
            "/home/u/src/other-project/src/main.rs",
            "/tmp/x",
        ],
        &[
            "/home/u/.ssh/id_rsa",
            "/home/u/.aws/credentials",
            "/home/u/.cargo/credentials.toml",
            "/home/u/.local/share/TelegramDesktop/tdata/x",
            "/home/u/src/app/.env",
            "/etc/shadow",
            "/dev/tty",
        ],
    );
    assert_writes(
        &policy,
        &[
            "/home/u/src/app/node_modules/@a/b/native/target/x",
            "/tmp/x",
            "/var/tmp/x",
            "/home/u/.cargo/.package-cache",
        ],
        NEVER_WRITTEN,
    );
    // Later runs, outside the sandbox, delete and write where these lead.
    assert_writes(
        &policy,
        &[],
        &[
            "/home/u/.cargo/.global-cache",
            "/home/u/.rustup/update-hashes/stable",
            "/home/u/.rustup/downloads/x",
        ],
    );
}

#[test]
fn a_project_in_a_shared_folder_stays_protected_in_compat() {
    let policy = plan(&Facts {
        profile: Profile::Compat,
        host: "/tmp/app".into(),
        package: None,
        workspace: "/tmp/app".into(),
        artifacts: vec!["/tmp/app/target".into()],
        cache: "/tmp/app/.perry-cache".into(),
        git_folders: vec![],
        ..facts()
    })
    .unwrap();
    assert_writes(
        &policy,
        &["/tmp/app/target/x", "/tmp/y"],
        &[
            "/tmp/app/src/main.rs",
            "/tmp/app/package.json",
            "/tmp/app/.perry-cache/x",
        ],
    );
}

#[test]
fn a_host_in_a_system_folder_does_not_close_it() {
    for host in ["/app", "/opt/app", "/usr/src/app"] {
        let policy = plan(&Facts {
            host: host.into(),
            package: None,
            workspace: host.into(),
            artifacts: vec![Path::new(host).join("target")],
            ..facts()
        })
        .unwrap();
        assert_reads(&policy, &["/usr/include/x", "/opt/tool/x"], &["/home/u/x"]);
    }
}

#[test]
fn a_home_folder_that_is_the_host_is_readable_but_for_secrets() {
    let policy = plan(&Facts {
        host: "/home/u".into(),
        package: None,
        workspace: "/home/u".into(),
        artifacts: vec!["/home/u/target".into()],
        cache: "/home/u/.perry-cache".into(),
        git_folders: vec![],
        ..facts()
    })
    .unwrap();
    assert_reads(
        &policy,
        &["/home/u/src/main.rs"],
        &["/home/u/.ssh/id_rsa", "/home/u/.env"],
    );
}

#[test]
fn target_folders_in_protected_places_are_refused() {
    let refused = |target: &str| {
        plan(&Facts {
            artifacts: vec![target.into()],
            ..facts()
        })
        .unwrap_err()
        .to_string()
    };
    assert_eq!(
        refused("/home/u/src/app"),
        "the target folder `/home/u/src/app` contains the host project, which a build must not write"
    );
    assert_eq!(
        refused("/home/u/.ssh/x"),
        "the target folder `/home/u/.ssh/x` lies in SSH keys and hosts, which a build must not write"
    );
    for target in [
        "/",
        "/home",
        "/home/u",
        "/home/u/.cargo",
        "/home/u/.cargo/bin",
        "/home/u/.rustup/toolchains",
        "/home/u/.config/autostart",
        "/home/u/.local/bin",
        "/home/u/src/app/.git/hooks",
        "/home/u/src/app/.perry-cache",
        "/home/u/src/app/.perry-cache/t",
        "/home/u/src/app/node_modules/@a/b",
        "/usr/local/bin",
        "/etc/profile.d",
        "/dev/shm",
        "/proc/self",
    ] {
        refused(target);
    }
    for target in [
        "/home/u/cache/target",
        "/srv/target",
        "/home/u/src/app/target",
        "/tmp/target",
    ] {
        plan(&Facts {
            artifacts: vec![target.into()],
            ..facts()
        })
        .unwrap();
    }
}

#[test]
fn a_prefetch_writes_only_what_it_was_given() {
    let policy = plan(&Facts {
        network: Network::Internet,
        artifacts: vec![],
        fetch_writes: vec![
            "/home/u/.cargo/registry".into(),
            "/home/u/src/app/Cargo.lock".into(),
        ],
        ..facts()
    })
    .unwrap();
    assert_eq!(policy.network, Network::Internet);
    assert_writes(
        &policy,
        &[
            "/home/u/.cargo/registry/cache/x",
            "/home/u/src/app/Cargo.lock",
        ],
        &[
            "/home/u/.cargo/bin/x",
            "/home/u/.cargo/config.toml",
            "/home/u/.bashrc",
            "/home/u/src/app/node_modules/@a/b/native/target/x",
        ],
    );
    assert_reads(
        &policy,
        &["/home/u/.cargo/registry/x"],
        &["/home/u/.cargo/credentials.toml", "/home/u/.ssh/x"],
    );
}

/// Where this program builds itself, it must be able to replace itself.
#[test]
fn a_program_in_the_target_folder_gets_no_rule_of_its_own() {
    let facts = facts();
    let program = facts.artifacts[0].join("release/sandboxed-cargo");
    let policy = plan(&Facts {
        program: program.clone(),
        ..facts
    })
    .unwrap();
    assert!(policy.readable.iter().all(|rule| rule.path != program));
    assert!(policy.may_read(&program));
}
