#![cfg(unix)]

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

/// A temporary folder, resolved, with programs in it.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, relative: &str) -> PathBuf {
        fs::canonicalize(self.0.path()).unwrap().join(relative)
    }

    fn file(&self, relative: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn program(&self, relative: &str) -> PathBuf {
        self.file(relative, "#!/bin/sh\n", 0o755)
    }

    fn folder(&self, relative: &str) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// `PATH` of these folders.
    fn path_var(&self, folders: &[&str]) -> OsString {
        std::env::join_paths(folders.iter().map(|folder| self.path(folder))).unwrap()
    }

    /// The text with this folder called `T`.
    fn redact(&self, text: &str) -> String {
        text.replace(self.path("").to_str().unwrap(), "T/")
            .replace("T//", "T/")
    }

    fn failure(&self, result: Result<PathBuf>) -> String {
        let error = result.unwrap_err();
        let failure = error.downcast_ref::<Failure>().unwrap();
        let mut text = failure.to_string();
        for line in failure.help_lines() {
            text += "\nhelp: ";
            text += line;
        }
        self.redact(&text)
    }
}

const ADVICE: &str =
    "help: put the real cargo on `PATH`, or set `SANDBOXED_CARGO_REAL` to its absolute path";

#[test]
fn the_first_cargo_is_taken() {
    let tree = Tree::new();
    let first = tree.program("one/cargo");
    tree.program("two/cargo");
    tree.folder("none");
    let path = tree.path_var(&["missing", "none", "one", "two"]);
    let found = Search {
        path: Some(&path),
        ..Search::default()
    };
    assert_eq!(found.real_cargo().unwrap(), first);
}

#[test]
fn we_are_skipped_by_whatever_name() {
    let tree = Tree::new();
    let ours = tree.program("own/sandboxed-cargo");
    for folder in ["link", "hard", "chain", "shim", "copy"] {
        tree.folder(folder);
    }
    symlink(&ours, tree.path("link/cargo")).unwrap();
    fs::hard_link(&ours, tree.path("hard/cargo")).unwrap();
    symlink(tree.path("link/cargo"), tree.path("chain/cargo")).unwrap();
    let shim = tree.program("shim/cargo");
    tree.file(
        "copy/cargo",
        "#!/bin/sh\n# sandboxed-cargo shim: more text\nexec sandboxed-cargo \"$@\"\n",
        0o755,
    );
    let real = tree.program("real/cargo");
    let ours = [ours, shim];
    let own = ["link", "hard", "chain", "shim", "copy"];
    for folder in own {
        let path = tree.path_var(&[folder, "real"]);
        let search = Search {
            path: Some(&path),
            ours: &ours,
            ..Search::default()
        };
        assert_eq!(search.real_cargo().unwrap(), real, "{folder}");
    }
    // The control: without knowing who we are, the links are taken.
    let path = tree.path_var(&["link", "real"]);
    let search = Search {
        path: Some(&path),
        ..Search::default()
    };
    assert_eq!(search.real_cargo().unwrap(), tree.path("link/cargo"));

    let path = tree.path_var(&["link", "copy"]);
    let search = Search {
        path: Some(&path),
        ours: &ours,
        ..Search::default()
    };
    assert_eq!(
        tree.failure(search.real_cargo()),
        format!(
            "cannot find cargo on `PATH`\n\
             help: skipped `T/link`: `cargo` in it is sandboxed-cargo\n\
             help: skipped `T/copy`: `cargo` in it is sandboxed-cargo\n\
             {ADVICE}"
        )
    );
}

#[test]
fn the_marker_counts_at_the_start_of_a_line_near_the_beginning_only() {
    let tree = Tree::new();
    for text in [
        "#!/bin/sh\necho '# sandboxed-cargo shim'\n".to_owned(),
        format!("#!/bin/sh\n{}\n# sandboxed-cargo shim\n", "#".repeat(600)),
    ] {
        let file = tree.file("bin/cargo", &text, 0o755);
        let path = tree.path_var(&["bin"]);
        let search = Search {
            path: Some(&path),
            ..Search::default()
        };
        assert_eq!(search.real_cargo().unwrap(), file);
    }
}

#[test]
fn what_is_no_program_is_skipped() {
    let tree = Tree::new();
    tree.folder("folder/cargo");
    tree.file("plain/cargo", "", 0o644);
    tree.folder("dangling");
    symlink(tree.path("nowhere"), tree.path("dangling/cargo")).unwrap();
    let path = tree.path_var(&["folder", "plain", "dangling", "plain"]);
    let search = Search {
        path: Some(&path),
        ..Search::default()
    };
    assert_eq!(
        tree.failure(search.real_cargo()),
        format!(
            "cannot find cargo on `PATH`\n\
             help: skipped `T/folder`: `cargo` in it is not an executable file\n\
             help: skipped `T/plain`: `cargo` in it is not an executable file\n\
             {ADVICE}"
        )
    );
}

#[test]
fn relative_and_empty_elements_are_skipped() {
    let tree = Tree::new();
    let real = tree.program("real/cargo");
    let mut path = OsString::from(":.:bin:./x:");
    path.push(real.parent().unwrap());
    let search = Search {
        path: Some(&path),
        ..Search::default()
    };
    assert_eq!(search.real_cargo().unwrap(), real);
    let search = Search {
        path: Some(OsStr::new(":.:bin:")),
        ..Search::default()
    };
    assert_eq!(
        tree.failure(search.real_cargo()),
        format!(
            "cannot find cargo on `PATH`\n\
             help: skipped ``: an empty element means the current folder\n\
             help: skipped `.`: it is not an absolute path\n\
             help: skipped `bin`: it is not an absolute path\n\
             {ADVICE}"
        )
    );
}

#[test]
fn node_modules_provide_no_cargo() {
    let tree = Tree::new();
    tree.program("p/node_modules/.bin/cargo");
    tree.folder("linked");
    symlink(tree.path("p/node_modules/.bin"), tree.path("alias")).unwrap();
    symlink(
        tree.path("p/node_modules/.bin/cargo"),
        tree.path("linked/cargo"),
    )
    .unwrap();
    let real = tree.program("not_node_modules/cargo");
    let path = tree.path_var(&["p/node_modules/.bin", "alias", "linked", "not_node_modules"]);
    let search = Search {
        path: Some(&path),
        ..Search::default()
    };
    assert_eq!(search.real_cargo().unwrap(), real);
}

#[test]
fn the_project_provides_no_cargo() {
    let tree = Tree::new();
    tree.program("project/tools/cargo");
    symlink(tree.path("project"), tree.path("work")).unwrap();
    tree.folder("bin");
    symlink(tree.path("project/tools/cargo"), tree.path("bin/cargo")).unwrap();
    let real = tree.program("projects/cargo");
    for project in ["project", "work"] {
        let project = [tree.path(project)];
        for folder in ["project/tools", "work/tools", "bin"] {
            let path = tree.path_var(&[folder, "projects"]);
            let search = Search {
                path: Some(&path),
                project: &project,
                ..Search::default()
            };
            assert_eq!(search.real_cargo().unwrap(), real, "{folder}");
            let control = Search {
                project: &[],
                ..search
            };
            assert_ne!(control.real_cargo().unwrap(), real, "{folder}");
        }
    }
    let project = [tree.path("project")];
    let path = tree.path_var(&["project/tools"]);
    let search = Search {
        path: Some(&path),
        project: &project,
        ..Search::default()
    };
    assert_eq!(
        tree.failure(search.real_cargo()),
        format!(
            "cannot find cargo on `PATH`\n\
             help: skipped `T/project/tools`: it is inside the project\n\
             {ADVICE}"
        )
    );
}

#[test]
fn a_project_around_the_home_folder_is_no_boundary() {
    let tree = Tree::new();
    let real = tree.program("home/me/.cargo/bin/cargo");
    let home = tree.path("home/me");
    let path = tree.path_var(&["home/me/.cargo/bin"]);
    for project in [PathBuf::from("/"), tree.path("home"), tree.path("home/me")] {
        let project = [project];
        let search = Search {
            path: Some(&path),
            project: &project,
            home: Some(&home),
            ..Search::default()
        };
        assert_eq!(search.real_cargo().unwrap(), real, "{project:?}");
    }
    // The package below it still is one.
    let project = [home.clone(), tree.path("home/me/.cargo")];
    let search = Search {
        path: Some(&path),
        project: &project,
        home: Some(&home),
        ..Search::default()
    };
    assert!(search.real_cargo().is_err());
}

#[test]
fn cargo_home_may_lie_in_the_project() {
    let tree = Tree::new();
    let real = tree.program("project/.cargo/bin/cargo");
    let project = [tree.path("project")];
    let cargo_home = tree.path("project/.cargo");
    let path = tree.path_var(&["project/.cargo/bin"]);
    let search = Search {
        path: Some(&path),
        project: &project,
        cargo_home: Some(&cargo_home),
        ..Search::default()
    };
    assert_eq!(search.real_cargo().unwrap(), real);
    assert!(
        Search {
            cargo_home: None,
            ..search
        }
        .real_cargo()
        .is_err()
    );
}

#[test]
fn without_path_there_is_no_search() {
    for path in [None, Some(OsStr::new(""))] {
        let search = Search {
            path,
            ..Search::default()
        };
        assert_eq!(
            Tree::new().failure(search.real_cargo()),
            format!("cannot look for cargo: `PATH` is not set\n{ADVICE}")
        );
    }
}

#[test]
fn the_override_is_taken_or_refused() {
    let tree = Tree::new();
    let real = tree.program("real/my-cargo");
    let ours = [tree.program("own/sandboxed-cargo")];
    tree.file("plain", "", 0o644);
    tree.file("shim", "#!/bin/sh\n# sandboxed-cargo shim\n", 0o755);
    symlink(&ours[0], tree.path("us")).unwrap();
    let find = |replacement: &OsStr| {
        Search {
            replacement: Some(replacement),
            ours: &ours,
            ..Search::default()
        }
        .real_cargo()
    };
    assert_eq!(find(real.as_os_str()).unwrap(), real);
    for (name, reason) in [
        ("plain", "which is not an executable file"),
        ("real", "which is not an executable file"),
        ("us", "which is sandboxed-cargo itself"),
        ("shim", "which is sandboxed-cargo itself"),
        (
            "missing",
            "which cannot be used: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(
            tree.failure(find(tree.path(name).as_os_str())),
            format!(
                "`SANDBOXED_CARGO_REAL` is `T/{name}`, {reason}\n\
                 help: set `SANDBOXED_CARGO_REAL` to the absolute path of the real cargo, or unset it"
            )
        );
    }
    assert_eq!(
        tree.failure(find(OsStr::new("cargo"))),
        "`SANDBOXED_CARGO_REAL` is `cargo`, which is not an absolute path\n\
         help: set `SANDBOXED_CARGO_REAL` to the absolute path of the real cargo, or unset it"
    );
    // An empty one counts as unset.
    assert!(
        tree.failure(find(OsStr::new("")))
            .starts_with("cannot look for cargo")
    );
}

#[test]
fn elements_that_are_not_utf8_are_searched() {
    use std::os::unix::ffi::OsStringExt;

    let tree = Tree::new();
    let folder = tree.path("").join(OsString::from_vec(b"b\xffn".to_vec()));
    // Not every file system takes such a name.
    if fs::create_dir(&folder).is_err() {
        return;
    }
    let real = folder.join("cargo");
    fs::write(&real, "").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o755)).unwrap();
    let search = Search {
        path: Some(folder.as_os_str()),
        ..Search::default()
    };
    assert_eq!(search.real_cargo().unwrap(), real);
}

#[test]
fn a_loop_is_seen_by_our_own_process_id() {
    let guard = |value: &str| loop_guard(Some(OsStr::new(value)), 42);
    assert!(loop_guard(None, 42).is_ok());
    for other in ["", "41", "x", "42 ", "420", "-42"] {
        assert!(guard(other).is_ok(), "{other}");
    }
    let error = guard("42").unwrap_err();
    let failure = error.downcast_ref::<Failure>().unwrap();
    assert_eq!(
        failure.to_string(),
        "the cargo that was found is sandboxed-cargo again"
    );
    assert_eq!(failure.help_lines().len(), 2);
}
