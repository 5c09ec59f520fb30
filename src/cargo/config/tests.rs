use std::fs;

use super::*;

/// A host with a project below it, and a home for cargo elsewhere.
struct Tree {
    folder: tempfile::TempDir,
    environment: Vec<(OsString, OsString)>,
    options: Vec<OsString>,
}

impl Tree {
    fn new() -> Self {
        let tree = Self {
            folder: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
            options: Vec::new(),
        };
        fs::create_dir_all(tree.path("host/project")).unwrap();
        fs::create_dir_all(tree.path("home")).unwrap();
        tree
    }

    fn path(&self, relative: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap().join(relative)
    }

    fn file(self, relative: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn option(mut self, value: &str) -> Self {
        self.options.push(value.into());
        self
    }

    fn try_load(&self) -> Result<Config> {
        Config::load(
            &self.path("host/project"),
            &self.path("home"),
            &self.options,
            &self.environment,
        )
    }

    fn load(&self) -> Config {
        self.try_load().unwrap()
    }

    /// The message with this folder called `T`.
    fn failure<T: std::fmt::Debug>(&self, result: Result<T>) -> String {
        let error = result.unwrap_err();
        let failure = error.downcast_ref::<Failure>().unwrap();
        assert!(!failure.help_lines().is_empty(), "{failure} lacks help");
        failure
            .to_string()
            .replace(self.path("").to_str().unwrap(), "T/")
            .replace("T//", "T/")
    }

    fn origin(&self, relative: &str) -> Origin {
        let path: std::sync::Arc<Path> = self.path(relative).into();
        Origin::File {
            path: path.clone(),
            found: path,
        }
    }
}

const NEAR: &str = "host/project/.cargo/config.toml";
const FAR: &str = "host/.cargo/config.toml";
const HOME: &str = "home/config.toml";

#[test]
fn no_configuration_says_nothing() {
    let config = Tree::new().load();
    assert!(config.files().is_empty());
    assert_eq!(config.alias("x").unwrap(), None);
    assert_eq!(config.target_dir().unwrap(), None);
    assert_eq!(
        config.build_dir(Path::new("/w"), Path::new("/h")).unwrap(),
        None
    );
    assert_eq!(config.targets().unwrap(), []);
    assert_eq!(config.tool(Tool::Rustc).unwrap(), None);
    assert_eq!(config.color(), None);
    assert_eq!(config.quiet(), None);
    assert_eq!(config.offline(), None);
    assert_eq!(config.sources(), []);
}

#[test]
fn the_near_file_wins_and_the_home_is_last() {
    let tree = Tree::new()
        .file(NEAR, "build.target-dir = 'near'")
        .file(FAR, "build.target-dir = 'far'\nbuild.rustc = 'far/rustc'")
        .file(
            HOME,
            "build.target-dir = 'home'\nbuild.rustc = 'x'\nbuild.rustdoc = 'a/rustdoc'",
        );
    let config = tree.load();
    assert_eq!(
        config.target_dir().unwrap(),
        Some(Found {
            value: tree.path("host/project/near"),
            origin: tree.origin(NEAR),
        })
    );
    assert_eq!(
        config.tool(Tool::Rustc).unwrap(),
        Some(Found {
            value: tree.path("host/far/rustc"),
            origin: tree.origin(FAR),
        })
    );
    // Relative to the folder that cargo's home lies in.
    let rustdoc = config.tool(Tool::Rustdoc).unwrap().unwrap();
    assert_eq!(rustdoc.value, tree.path("a/rustdoc"));
    assert_eq!(
        config.files(),
        [tree.origin(NEAR), tree.origin(FAR), tree.origin(HOME)]
    );
}

#[test]
fn the_home_among_the_parents_is_read_once() {
    let tree = Tree::new().file(FAR, "alias.x = ['tree']");
    let config = Config::load(
        &tree.path("host/project"),
        &tree.path("host/.cargo"),
        &[],
        &[],
    )
    .unwrap();
    assert_eq!(config.files().len(), 1);
    assert_eq!(config.alias("x").unwrap().unwrap(), ["tree"]);
}

#[test]
fn the_old_name_wins() {
    let tree = Tree::new()
        .file("host/project/.cargo/config", "term.color = 'always'")
        .file(NEAR, "term.color = 'never'");
    let found = tree.load().color().unwrap();
    assert_eq!(found.value, "always");
    assert_eq!(found.origin, tree.origin("host/project/.cargo/config"));
}

#[test]
fn aliases_are_texts_or_arrays_and_arrays_are_joined() {
    let tree = Tree::new()
        .file(
            NEAR,
            "[alias]\ntext = ' build  -q '\nlist = ['near arg']\nnothing = ''\nwrong = 3\na.b = 'tree'\nwith-dash = 'tree'",
        )
        .file(FAR, "[alias]\ntext = 'far'\nlist = ['far']");
    let config = tree.load();
    assert_eq!(config.alias("text").unwrap().unwrap(), ["build", "-q"]);
    assert_eq!(config.alias("list").unwrap().unwrap(), ["far", "near arg"]);
    assert_eq!(config.alias("a.b").unwrap().unwrap(), ["tree"]);
    assert!(config.alias("nothing").unwrap().unwrap().is_empty());
    assert_eq!(config.alias("nope").unwrap(), None);
    assert_eq!(config.alias("").unwrap(), None);
    assert_eq!(
        tree.failure(config.alias("wrong")),
        "`alias.wrong` in `T/host/project/.cargo/config.toml` is an integer, not a string or an \
         array of strings"
    );
    assert_eq!(
        tree.failure(config.alias("text.x")),
        "`alias.text` in `T/host/project/.cargo/config.toml` is a string, not a table"
    );
}

#[test]
fn variables_stand_between_files_and_options() {
    let tree = Tree::new()
        .file(
            NEAR,
            "[alias]\nx = 'file'\nlist = ['file']\n[build]\ntarget-dir = 'file'\nrustc = 'file'",
        )
        .variable("CARGO_ALIAS_X", "variable -v")
        .variable("CARGO_ALIAS_LIST", "variable")
        .variable("CARGO_ALIAS_NEW_ONE", "fetch")
        .variable("CARGO_BUILD_TARGET_DIR", "variable")
        .variable("CARGO_BUILD_RUSTC", "variable");
    let config = tree.load();
    assert_eq!(config.alias("x").unwrap().unwrap(), ["variable", "-v"]);
    assert_eq!(config.alias("list").unwrap().unwrap(), ["file", "variable"]);
    assert_eq!(config.alias("new-one").unwrap().unwrap(), ["fetch"]);
    assert_eq!(
        config.target_dir().unwrap().unwrap(),
        Found {
            value: tree.path("host/project/variable"),
            origin: Origin::Variable("CARGO_BUILD_TARGET_DIR".into()),
        }
    );
    let tree = tree
        .option("build.target-dir='option'")
        .option("alias.x='option'");
    let config = tree.load();
    assert_eq!(
        config.target_dir().unwrap().unwrap(),
        Found {
            value: tree.path("host/project/option"),
            origin: Origin::Option,
        }
    );
    // Cargo expands aliases before it looks at `--config`.
    assert_eq!(config.alias("x").unwrap().unwrap(), ["variable", "-v"]);
    // The short name precedes all; tried with cargo 1.95.
    let config = tree.variable("CARGO_TARGET_DIR", "/short").load();
    assert_eq!(
        config.target_dir().unwrap().unwrap().value,
        Path::new("/short")
    );
}

#[test]
fn an_empty_folder_is_an_error() {
    let tree = Tree::new().variable("CARGO_TARGET_DIR", "");
    assert_eq!(
        tree.failure(tree.load().target_dir()),
        "`CARGO_TARGET_DIR` is empty in the environment variable `CARGO_TARGET_DIR`"
    );
    let tree = Tree::new().file(NEAR, "build.target-dir = ''");
    assert_eq!(
        tree.failure(tree.load().target_dir()),
        "`build.target-dir` is empty in `T/host/project/.cargo/config.toml`"
    );
    let tree = Tree::new().file(NEAR, "build.target-dir = []");
    assert_eq!(
        tree.failure(tree.load().target_dir()),
        "`build.target-dir` in `T/host/project/.cargo/config.toml` is an array, not a string"
    );
}

#[test]
fn tools_are_names_or_paths() {
    let tree = Tree::new().file(
        NEAR,
        "[build]\nrustc-wrapper = 'sccache'\nrustc-workspace-wrapper = './w'\nrustdoc = '/abs/d'",
    );
    let config = tree.load();
    let tool = |config: &Config, tool| config.tool(tool).unwrap().map(|found| found.value);
    assert_eq!(
        tool(&config, Tool::RustcWrapper),
        Some(PathBuf::from("sccache"))
    );
    assert_eq!(
        tool(&config, Tool::RustcWorkspaceWrapper),
        Some(tree.path("host/project/./w"))
    );
    assert_eq!(tool(&config, Tool::Rustdoc), Some(PathBuf::from("/abs/d")));
    let tree = tree
        .variable("RUSTC_WRAPPER", "")
        .variable("RUSTDOC", "mine");
    let config = tree.load();
    assert_eq!(tool(&config, Tool::RustcWrapper), None);
    let rustdoc = config.tool(Tool::Rustdoc).unwrap().unwrap();
    assert_eq!(rustdoc.value, Path::new("mine"));
    assert_eq!(rustdoc.origin, Origin::Variable("RUSTDOC".into()));
}

#[test]
fn targets_are_one_or_many() {
    let tree = Tree::new().file(NEAR, "build.target = 'wasm32-unknown-unknown'");
    let found = tree.load().targets().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].value, "wasm32-unknown-unknown");
    let tree = Tree::new()
        .file(NEAR, "build.target = ['a', 'spec/b.json']")
        .variable("CARGO_BUILD_TARGET", "c");
    let config = tree.load();
    let values: Vec<String> = config
        .targets()
        .unwrap()
        .into_iter()
        .map(|found| found.value)
        .collect();
    let spec = tree.path("host/project/spec/b.json");
    assert_eq!(values, ["a", spec.to_str().unwrap(), "c"]);
}

#[test]
fn the_build_directory_has_variables() {
    let of = |template: &str| {
        let tree = Tree::new().file(NEAR, format!("build.build-dir = '{template}'"));
        let found = tree
            .load()
            .build_dir(Path::new("/srv/space"), Path::new("/cargo"));
        match found {
            Ok(found) => match found.unwrap().value {
                BuildDirectory::Exactly(path) => path
                    .to_str()
                    .unwrap()
                    .replace(tree.path("").to_str().unwrap(), "T/"),
                BuildDirectory::AskCargo => "ask".into(),
            },
            Err(error) => tree.failure(Err::<(), _>(error)),
        }
    };
    assert_eq!(of("{workspace-root}/b"), "/srv/space/b");
    assert_eq!(of("{cargo-cache-home}/b"), "/cargo/b");
    assert_eq!(of("b"), "T/host/project/b");
    assert_eq!(of("{cargo-cache-home}/{workspace-path-hash}"), "ask");
    for template in ["{nope}/x", "{workspace-root", "a}b"] {
        assert_eq!(
            of(template),
            format!(
                "`build.build-dir` in `T/host/project/.cargo/config.toml` has an unknown \
                 variable: `{template}`"
            )
        );
    }
    assert!(of("").contains("is empty in"));
}

#[test]
fn switches() {
    let tree = Tree::new().file(
        NEAR,
        "net.offline = true\n[term]\nquiet = true\ncolor = 'x'",
    );
    let config = tree.load();
    assert!(config.offline().unwrap().value);
    assert!(config.quiet().unwrap().value);
    assert_eq!(config.color().unwrap().value, "x");
    let config = tree
        .variable("CARGO_NET_OFFLINE", "false")
        .variable("CARGO_TERM_QUIET", "nonsense")
        .load();
    assert!(!config.offline().unwrap().value);
    assert_eq!(config.quiet(), None);
    let config = Tree::new().file(NEAR, "net = 3\nterm.color = 1").load();
    assert_eq!(config.offline(), None);
    assert_eq!(config.color(), None);
}

#[test]
fn sources_are_listed_with_their_files() {
    let tree = Tree::new()
        .file(NEAR, "[source.vendored-sources]\ndirectory = 'vendor'")
        .file(FAR, "[source.crates-io]\nreplace-with = 'vendored-sources'");
    let sources = tree.load().sources();
    assert_eq!(
        sources,
        [
            Found {
                value: "crates-io".into(),
                origin: tree.origin(FAR),
            },
            Found {
                value: "vendored-sources".into(),
                origin: tree.origin(NEAR),
            },
        ]
    );
}

#[test]
fn options_are_files_or_settings_and_the_last_wins() {
    let tree = Tree::new()
        .file(NEAR, "build.rustc = 'file'")
        .file("host/project/extra/more.toml", "build.rustc = './first'")
        .option("extra/more.toml");
    let found = tree.load().tool(Tool::Rustc).unwrap().unwrap();
    assert_eq!(found.value, tree.path("host/project/./first"));
    let path = tree.path("host/project/extra/more.toml");
    assert_eq!(found.origin, Origin::OptionFile(path.into()));
    let tree = tree.option("build.rustc = 'second'");
    let found = tree.load().tool(Tool::Rustc).unwrap().unwrap();
    assert_eq!(found.value, Path::new("second"));
    assert_eq!(found.origin, Origin::Option);

    let tree = Tree::new().option("missing.toml");
    assert!(
        tree.failure(tree.try_load())
            .starts_with("`--config missing.toml` is neither a file nor `KEY=VALUE`: "),
    );
    for option in ["", "=", "x", "a='b", "[", "\u{0}"] {
        let tree = Tree::new().option(option);
        let loaded = tree.try_load();
        assert!(option.is_empty() || loaded.is_err(), "{option}");
    }
}

#[test]
fn included_files_stand_below_the_file_and_keep_its_origin() {
    let tree = Tree::new()
        .file(
            NEAR,
            "include = ['one.toml', { path = 'sub/two.toml' }, { path = 'no.toml', optional = true }]\n\
             build.rustc = 'near'",
        )
        .file(
            "host/project/.cargo/one.toml",
            "build.rustc = 'one'\nbuild.rustdoc = 'one'\nterm.color = 'one'",
        )
        .file(
            "host/project/.cargo/sub/two.toml",
            "build.rustdoc = './two'",
        );
    let config = tree.load();
    let rustc = config.tool(Tool::Rustc).unwrap().unwrap();
    assert_eq!(rustc.value, Path::new("near"));
    let rustdoc = config.tool(Tool::Rustdoc).unwrap().unwrap();
    // Relative to the parent of the included file's own folder.
    assert_eq!(rustdoc.value, tree.path("host/project/.cargo/./two"));
    assert_eq!(
        rustdoc.origin,
        Origin::File {
            path: tree.path("host/project/.cargo/sub/two.toml").into(),
            found: tree.path(NEAR).into(),
        }
    );
    assert_eq!(config.files().len(), 3);
}

#[test]
fn bad_includes_are_errors() {
    let message = |text: &str| {
        let tree = Tree::new().file(NEAR, text);
        tree.failure(tree.try_load())
    };
    let near = "`T/host/project/.cargo/config.toml`";
    assert_eq!(
        message("include = 'x.toml'"),
        format!("`include` in {near} is a string, not an array")
    );
    assert_eq!(
        message("include = [3]"),
        format!("`include` in {near} is an integer, not a string or a table")
    );
    assert_eq!(
        message("include = [{}]"),
        format!("`include` in {near} is a table, not a table with a `path`")
    );
    assert_eq!(
        message("include = ['/etc/passwd']"),
        format!("`include` in {near} names `/etc/passwd`, which does not end in `.toml`")
    );
    assert_eq!(
        message("include = ['no.toml']"),
        "cannot read `T/host/project/.cargo/no.toml`: No such file or directory (os error 2)"
    );
    assert_eq!(
        message("include = ['config.toml']"),
        format!("{near} is included twice, or too deep")
    );
}

#[test]
fn malformed_files_are_errors_with_a_line() {
    let tree = Tree::new().file(NEAR, "[build]\n\nrustc = \n");
    let message = tree.failure(tree.try_load());
    assert!(
        message.starts_with("`T/host/project/.cargo/config.toml` line 3 is not valid TOML: "),
        "{message}"
    );
    assert!(!message.contains('\n'));
    let message = |text: &[u8]| {
        let tree = Tree::new().file(NEAR, text);
        tree.failure(tree.try_load())
    };
    assert_eq!(
        message(b"a = '\xff'"),
        "`T/host/project/.cargo/config.toml` is not valid UTF-8"
    );
    assert_eq!(
        message(b"build.x = [1, 2.5]"),
        "`build.x` in `T/host/project/.cargo/config.toml` is a float, which cargo does not accept"
    );
    assert_eq!(
        message(b"[a]\nwhen = 2020-01-01"),
        "`a.when` in `T/host/project/.cargo/config.toml` is a datetime, which cargo does not accept"
    );
    let mut large = b"#".to_vec();
    large.resize((1 << 20) + 1, b' ');
    assert_eq!(
        message(&large),
        "`T/host/project/.cargo/config.toml` is larger than 1 MiB"
    );
    large.truncate(1 << 20);
    assert!(Tree::new().file(NEAR, &large).try_load().is_ok());
}

#[test]
fn types_that_do_not_merge_are_an_error() {
    let tree = Tree::new()
        .file(NEAR, "build.target = 'x'")
        .file(FAR, "build.target = ['y']");
    assert_eq!(
        tree.failure(tree.try_load()),
        "`build.target` is an array in `T/host/.cargo/config.toml`, but a string in \
         `T/host/project/.cargo/config.toml`"
    );
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    for text in [
        format!("a = {}{}", "[".repeat(50_000), "]".repeat(50_000)),
        format!("a{} = 1", ".a".repeat(50_000)),
        format!("[a{}]", ".a".repeat(50_000)),
        format!("a = {}1{}", "{a=".repeat(50_000), "}".repeat(50_000)),
    ] {
        let tree = Tree::new().file(NEAR, &text);
        let _ = tree.try_load();
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_an_error_at_once() {
    use std::os::unix::fs::symlink;

    let near = "`T/host/project/.cargo/config.toml` is not a regular file";
    let old = "`T/host/project/.cargo/config` is not a regular file";
    for (name, message) in [("config.toml", near), ("config", old)] {
        let path = format!("host/project/.cargo/{name}");
        let tree = Tree::new();
        fs::create_dir_all(tree.path(&path)).unwrap();
        assert_eq!(tree.failure(tree.try_load()), message);

        let tree = Tree::new();
        fs::create_dir_all(tree.path("host/project/.cargo")).unwrap();
        symlink("/dev/zero", tree.path(&path)).unwrap();
        assert_eq!(tree.failure(tree.try_load()), message);

        let tree = Tree::new();
        fs::create_dir_all(tree.path("host/project/.cargo")).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(tree.path(&path))
            .status()
            .unwrap();
        assert!(made.success());
        assert_eq!(tree.failure(tree.try_load()), message);
    }
    // A link that leads nowhere is no file to cargo either.
    let tree = Tree::new();
    fs::create_dir_all(tree.path("host/project/.cargo")).unwrap();
    symlink("nowhere", tree.path(NEAR)).unwrap();
    assert!(tree.load().files().is_empty());
}

#[test]
fn files_of_dependencies_are_distrusted() {
    let package = "host/node_modules/@s/p/native";
    let tree = Tree::new()
        .file("host/.cargo/config.toml", "")
        .file("host/rust-toolchain.toml", "")
        .file(format!("{package}/.cargo/config").as_str(), "")
        .file(format!("{package}/.cargo/credentials.toml").as_str(), "")
        .file("host/node_modules/@s/p/rust-toolchain", "")
        .file("host/node_modules/rust-toolchain.toml/keep", "")
        .file("host/packages/x/.cargo/config.toml", "");
    let host = tree.path("host");
    assert_eq!(
        distrusted(&tree.path(package), &host),
        [
            tree.path(&format!("{package}/.cargo/config")),
            tree.path("host/node_modules/@s/p/rust-toolchain"),
            tree.path("host/node_modules/rust-toolchain.toml"),
        ]
    );
    assert_eq!(
        distrusted(&tree.path("host/packages/x"), &host),
        [] as [PathBuf; 0]
    );
    assert_eq!(distrusted(&host, &host), [] as [PathBuf; 0]);
    // A host elsewhere does not make the files trusted.
    let elsewhere = distrusted(&tree.path(package), Path::new("/elsewhere"));
    assert_eq!(elsewhere.len(), 3);
}

#[test]
fn files_in_cargos_sources_are_distrusted() {
    let tree = Tree::new()
        .file("home/.cargo/config.toml", "")
        .file("home/.cargo/git/checkouts/x/1/.cargo/config.toml", "")
        .file("home/.cargo/git/checkouts/x/1/sub/Cargo.toml", "");
    let home = tree.path("home/.cargo");
    assert_eq!(
        distrusted_in_sources(&tree.path("home/.cargo/git/checkouts/x/1/sub"), &home),
        [tree.path("home/.cargo/git/checkouts/x/1/.cargo/config.toml")]
    );
    assert_eq!(distrusted_in_sources(&home, &home), [] as [PathBuf; 0]);
}

#[cfg(unix)]
#[test]
fn a_dangling_link_is_distrusted_too() {
    let tree = Tree::new().file("host/node_modules/p/Cargo.toml", "");
    let link = tree.path("host/node_modules/p/rust-toolchain.toml");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    assert_eq!(
        distrusted(&tree.path("host/node_modules/p"), &tree.path("host")),
        [link]
    );
}
