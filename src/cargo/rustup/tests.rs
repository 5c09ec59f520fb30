use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const NAME: &str = "stable-x86_64-unknown-linux-gnu";

/// A rustup with one toolchain, and a project.
struct World {
    root: tempfile::TempDir,
    named: bool,
    environment: Vec<(OsString, OsString)>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            root: tempfile::tempdir().unwrap(),
            named: false,
            environment: vec![("PATH".into(), "/usr/bin".into())],
        };
        let home = world.path("").into();
        world.environment.push(("HOME".into(), home));
        for folder in ["project/src", ".cargo/bin", ".rustup"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        world.program(".cargo/bin/rustup");
        symlink("rustup", world.path(".cargo/bin/cargo")).unwrap();
        world.program(&format!(".rustup/toolchains/{NAME}/bin/cargo"));
        world.settings(&format!("default_toolchain = \"{NAME}\"\n\n[overrides]\n"));
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn program(&self, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn settings(&self, text: &str) {
        let text = format!("version = \"12\"\n{text}");
        fs::write(self.path(".rustup/settings.toml"), text).unwrap();
    }

    fn answer(&self) -> Option<Toolchain> {
        Question {
            cargo: &self.path(".cargo/bin/cargo"),
            named: self.named,
            environment: &self.environment,
            directory: &self.path("project/src"),
        }
        .answer()
    }
}

#[test]
fn the_default_toolchain_is_the_only_answer() {
    let world = World::new();
    let cargo = world.path(&format!(".rustup/toolchains/{NAME}/bin/cargo"));
    assert_eq!(world.answer().unwrap().cargo, cargo);
    let mut harmless = World::new();
    harmless
        .environment
        .push(("RUSTUP_AUTO_INSTALL".into(), "0".into()));
    assert!(harmless.answer().is_some());
    let hard = World::new();
    let link = hard.path(".cargo/bin/cargo");
    fs::remove_file(&link).unwrap();
    fs::hard_link(hard.path(".cargo/bin/rustup"), link).unwrap();
    assert!(hard.answer().is_some());
}

#[test]
fn a_choice_is_rustups() {
    type Change = fn(&mut World);
    let changes: [(&str, Change); 14] = [
        ("a toolchain was typed", |world| world.named = true),
        ("a variable names one", |world| {
            let variable = ("RUSTUP_TOOLCHAIN".into(), NAME.into());
            world.environment.push(variable);
        }),
        ("a variable that nobody knows", |world| {
            world.environment.push(("RUSTUP_NEW".into(), "1".into()));
        }),
        ("an override", |world| {
            let text = format!("default_toolchain = \"{NAME}\"\n[overrides]\n\"/x\" = \"beta\"\n");
            world.settings(&text);
        }),
        ("no default", |world| world.settings("")),
        ("a default that is a path", |world| {
            world.settings("default_toolchain = \"../toolchains/x\"\n");
        }),
        ("a default of one dot", |world| {
            world.settings("default_toolchain = \"..\"\n");
        }),
        ("a default that is not installed", |world| {
            world.settings("default_toolchain = \"beta-x86_64-unknown-linux-gnu\"\n");
        }),
        ("settings of another version", |world| {
            let text = format!("version = \"13\"\ndefault_toolchain = \"{NAME}\"\n");
            fs::write(world.path(".rustup/settings.toml"), text).unwrap();
        }),
        ("no settings", |world| {
            fs::remove_file(world.path(".rustup/settings.toml")).unwrap();
        }),
        ("a toolchain file", |world| {
            fs::write(world.path("project/rust-toolchain.toml"), "").unwrap();
        }),
        ("an old toolchain file", |world| {
            fs::write(world.path("rust-toolchain"), "").unwrap();
        }),
        ("a cargo that is not rustup", |world| {
            fs::remove_file(world.path(".cargo/bin/cargo")).unwrap();
            world.program(".cargo/bin/cargo");
        }),
        ("a toolchain without cargo", |world| {
            let cargo = world.path(&format!(".rustup/toolchains/{NAME}/bin/cargo"));
            fs::remove_file(cargo).unwrap();
        }),
    ];
    for (what, change) in changes {
        let mut world = World::new();
        change(&mut world);
        assert_eq!(world.answer(), None, "{what}");
    }
}

#[test]
fn the_environment_is_that_of_rustup() {
    let world = World::new();
    let toolchain = world.answer().unwrap();
    let text = |environment: &[(OsString, OsString)]| -> Vec<String> {
        let root = world.root.path().canonicalize().unwrap();
        let root = root.to_str().unwrap();
        let line = |(name, value): &(OsString, OsString)| {
            format!("{}={}", name.display(), value.display()).replace(root, "")
        };
        let mut lines: Vec<_> = environment.iter().map(line).collect();
        lines.sort();
        lines
    };
    let environment = toolchain.environment(world.environment.clone()).unwrap();
    let expected = [
        "CARGO_HOME=/.cargo",
        "HOME=/",
        &format!("LD_LIBRARY_PATH=/.rustup/toolchains/{NAME}/lib"),
        "PATH=/.cargo/bin:/usr/bin",
        "RUSTUP_HOME=/.rustup",
        &format!("RUSTUP_TOOLCHAIN={NAME}"),
        "RUSTUP_TOOLCHAIN_SOURCE=default",
        "RUST_RECURSION_COUNT=1",
    ];
    assert_eq!(text(&environment), expected);
    // As rustup does, it is not put there twice.
    let again = toolchain.environment(environment).unwrap();
    assert_eq!(text(&again)[..7], expected[..7]);
    assert_eq!(text(&again)[7], "RUST_RECURSION_COUNT=2");
    let deep = vec![(RECURSION.into(), "20".into())];
    assert_eq!(toolchain.environment(deep), None);
}
