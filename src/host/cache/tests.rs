use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::thread;

use super::*;

fn profile(package: Option<&OsStr>) -> String {
    file_name("buildrs", package, Platform::Macos)
}

use crate::host::tree::Tree;

fn host() -> Tree {
    let tree = Tree::new();
    tree.dir("host");
    tree
}

/// The message with the tree's path taken out, and the `help:` lines.
#[track_caller]
fn refused(tree: &Tree, directory: &Path) -> (String, Vec<String>) {
    let error = prepare(directory, &tree.at("host")).unwrap_err();
    let failure: &Failure = error.downcast_ref().unwrap();
    let root = tree.at("").display().to_string();
    let tidy = |text: &str| text.replace(&root, "T");
    (
        tidy(&failure.to_string()),
        failure.help_lines().iter().map(|line| tidy(line)).collect(),
    )
}

fn names(directory: &Path) -> HashSet<OsString> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect()
}

#[test]
fn variable_wins_over_setting_over_default() {
    let root = Path::new("/host");
    let plain = Settings::default();
    let set = Settings {
        cache_dir: Some(PathBuf::from("set")),
        ..Settings::default()
    };
    let absolute = OsStr::new("/else/where");
    assert_eq!(
        directory(root, None, &plain),
        Path::new("/host/.perry-cache")
    );
    assert_eq!(directory(root, None, &set), Path::new("/host/set"));
    assert_eq!(
        directory(root, Some(OsStr::new("var")), &set),
        Path::new("/host/var")
    );
    assert_eq!(
        directory(root, Some(absolute), &set),
        Path::new("/else/where")
    );
}

#[test]
fn new_directory_is_kept_out_of_git() {
    let tree = host();
    let path = prepare(&tree.at("host/.perry-cache"), &tree.at("host")).unwrap();
    assert_eq!(path, tree.at("host/.perry-cache"));
    assert_eq!(fs::read(path.join(".gitignore")).unwrap(), b"*\n");
    assert_eq!(names(&path), HashSet::from([".gitignore".into()]));
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o022, 0);
    // And again.
    assert_eq!(prepare(&path, &tree.at("host")).unwrap(), path);
}

#[test]
fn deep_directory_is_created_with_its_parents() {
    let tree = host();
    let path = prepare(
        &tree.at("host/node_modules/.cache/perry/"),
        &tree.at("host"),
    )
    .unwrap();
    assert_eq!(path, tree.at("host/node_modules/.cache/perry"));
    assert!(path.join(".gitignore").exists());
}

#[test]
fn gitignore_that_is_there_stays() {
    let tree = host();
    tree.file("host/.perry-cache/.gitignore", "mine");
    let path = prepare(&tree.at("host/.perry-cache"), &tree.at("host")).unwrap();
    assert_eq!(fs::read(path.join(".gitignore")).unwrap(), b"mine");
    // Also if it is a link, which must not be followed.
    fs::remove_file(path.join(".gitignore")).unwrap();
    symlink(tree.at("victim"), path.join(".gitignore")).unwrap();
    prepare(&path, &tree.at("host")).unwrap();
    assert!(!tree.at("victim").exists());
}

#[test]
fn folder_with_a_use_of_its_own_does_not_vanish_from_git() {
    let tree = host();
    tree.file("host/src/main.ts", "").dir("host/empty");
    prepare(&tree.at("host/src"), &tree.at("host")).unwrap();
    assert!(!tree.at("host/src/.gitignore").exists());
    prepare(&tree.at("host/empty"), &tree.at("host")).unwrap();
    assert!(tree.at("host/empty/.gitignore").exists());
    // Perry makes this one without.
    tree.file("host/.perry-cache/objects/x.o", "");
    prepare(&tree.at("host/.perry-cache"), &tree.at("host")).unwrap();
    assert!(tree.at("host/.perry-cache/.gitignore").exists());
}

#[test]
fn link_is_refused() {
    let tree = host();
    tree.dir("elsewhere")
        .link("host/.perry-cache", "../elsewhere");
    for spelling in [
        "host/.perry-cache",
        "host/.perry-cache/",
        "host/.perry-cache/.",
    ] {
        let (message, help) = refused(&tree, &tree.at(spelling));
        let spelled = format!("T/{spelling}");
        assert_eq!(
            message,
            format!("the cache directory `{spelled}` is a link, and may lead anywhere")
        );
        assert_eq!(
            help,
            [
                "set `PERRY_CACHE_DIR` to a folder that you own",
                "remove the link `T/host/.perry-cache`"
            ]
        );
    }
    assert_eq!(names(&tree.at("elsewhere")), HashSet::new());
    fs::remove_file(tree.at("host/.perry-cache")).unwrap();
    tree.link("host/.perry-cache", "nowhere");
    assert!(
        refused(&tree, &tree.at("host/.perry-cache"))
            .0
            .contains("is a link")
    );
}

#[test]
fn what_is_not_a_directory_is_refused() {
    let tree = host();
    tree.file("host/.perry-cache", "");
    assert_eq!(
        refused(&tree, &tree.at("host/.perry-cache")).0,
        "the cache directory `T/host/.perry-cache` is not a directory"
    );
    assert_eq!(
        refused(&tree, &tree.at("host/.perry-cache/below")).0,
        "the cache directory `T/host/.perry-cache/below` could not be created: File exists (os error 17)"
    );
    fs::remove_file(tree.at("host/.perry-cache")).unwrap();
    tree.fifo("host/.perry-cache");
    assert!(
        refused(&tree, &tree.at("host/.perry-cache"))
            .0
            .ends_with("is not a directory")
    );
}

#[test]
fn host_itself_is_refused() {
    let tree = host();
    for path in ["host", "host/.", "host/a/..", "", "host/..", "host/../host"] {
        let (message, _) = refused(&tree, &tree.at(path));
        assert!(message.ends_with("is not a folder of its own"), "{message}");
    }
    assert!(prepare(Path::new("/"), &tree.at("host")).is_err());
    assert_eq!(names(&tree.at("host")), HashSet::new());
}

#[test]
fn directory_that_all_may_write_is_refused() {
    let tree = host();
    tree.dir("host/.perry-cache");
    let path = tree.at("host/.perry-cache");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let (message, help) = refused(&tree, &path);
    assert_eq!(
        message,
        "the cache directory `T/host/.perry-cache` may be written to by everybody"
    );
    assert_eq!(help[1], "or correct it: `chmod go-w 'T/host/.perry-cache'`");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o775)).unwrap();
    prepare(&path, &tree.at("host")).unwrap();
}

#[test]
fn directory_of_somebody_else_is_refused() {
    use std::os::unix::fs::chown;
    let tree = host();
    tree.dir("host/.perry-cache");
    let path = tree.at("host/.perry-cache");
    // Only root can give a directory away.
    if chown(&path, Some(12345), None).is_err() {
        return;
    }
    assert_eq!(
        refused(&tree, &path).0,
        "the cache directory `T/host/.perry-cache` belongs to somebody else"
    );
    // Unless the whole project is theirs.
    chown(tree.at("host"), Some(12345), None).unwrap();
    prepare(&path, &tree.at("host")).unwrap();
}

#[test]
fn unwritable_directory_is_refused() {
    let tree = host();
    tree.dir("host/.perry-cache");
    let path = tree.at("host/.perry-cache");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o555)).unwrap();
    // Root writes to it all the same.
    if fs::write(path.join("x"), "").is_err() {
        assert_eq!(
            refused(&tree, &path),
            (
                "the cache directory `T/host/.perry-cache` cannot be written to: Permission denied (os error 13)"
                    .to_owned(),
                vec!["set `PERRY_CACHE_DIR` to a folder that you own".to_owned()],
            )
        );
        fs::set_permissions(tree.at("host"), fs::Permissions::from_mode(0o555)).unwrap();
        assert_eq!(
            refused(&tree, &tree.at("host/new")).0,
            "the cache directory `T/host/new` could not be created: Permission denied (os error 13)"
        );
        fs::set_permissions(tree.at("host"), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn file_is_replaced_as_a_whole() {
    let tree = host();
    let directory = tree.at("host");
    let path = write_atomic(&directory, "x.sandbox", b"one").unwrap();
    assert_eq!(path, directory.join("x.sandbox"));
    let first = fs::File::open(&path).unwrap();
    write_atomic(&directory, "x.sandbox", b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(std::io::read_to_string(first).unwrap(), "one");
    assert_eq!(names(&directory), HashSet::from(["x.sandbox".into()]));
    let mode = fs::metadata(&path).unwrap().mode();
    assert_eq!((mode & 0o600, mode & 0o133), (0o600, 0));
}

#[test]
fn link_at_the_destination_is_replaced() {
    let tree = host();
    tree.file("victim", "safe")
        .link("host/x.sandbox", "../victim");
    write_atomic(&tree.at("host"), "x.sandbox", b"new").unwrap();
    assert_eq!(fs::read(tree.at("victim")).unwrap(), b"safe");
    assert!(
        fs::symlink_metadata(tree.at("host/x.sandbox"))
            .unwrap()
            .is_file()
    );
}

#[test]
fn destination_that_cannot_be_replaced_is_an_error_and_leaves_nothing() {
    let tree = host();
    tree.dir("host/x.sandbox");
    let error = write_atomic(&tree.at("host"), "x.sandbox", b"new").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "could not write `{}`: Is a directory (os error 21)",
            tree.at("host/x.sandbox").display()
        )
    );
    assert_eq!(names(&tree.at("host")), HashSet::from(["x.sandbox".into()]));
    assert!(write_atomic(&tree.at("missing"), "x", b"").is_err());
}

#[test]
fn builds_at_the_same_time_never_see_half_a_file() {
    let tree = host();
    let directory = tree.at("host/.perry-cache");
    let root = tree.at("host");
    let contents = |letter: u8| vec![letter; 100_000];
    thread::scope(|scope| {
        for letter in *b"abcd" {
            let (directory, root) = (&directory, &root);
            scope.spawn(move || {
                let directory = prepare(directory, root).unwrap();
                for _ in 0..50 {
                    let path = write_atomic(&directory, "p", &contents(letter)).unwrap();
                    let read = fs::read(path).unwrap();
                    assert_eq!(read, contents(read[0]));
                }
            });
        }
    });
}

#[test]
fn plain_name_stands_for_itself() {
    assert_eq!(profile(Some(OsStr::new("foo"))), "buildrs-foo.sandbox");
    assert_eq!(
        file_name("buildrs", Some(OsStr::new("foo2")), Platform::Linux),
        "buildrs-foo2.json"
    );
    assert_eq!(profile(None), "buildrs-host-project.sandbox");
}

#[test]
fn file_name_is_the_same_in_every_release() {
    // First 16 bytes of the SHA-256 of `@a/b`, by sha256sum.
    assert_eq!(
        profile(Some(OsStr::new("@a/b"))),
        "buildrs-a-b-c93bbe639bd62f472b37ac0a76d6f1ca.sandbox"
    );
}

#[test]
fn distinct_packages_get_distinct_files() {
    let mut names: Vec<OsString> = [
        "@a/b",
        "a-b",
        "a_b",
        "a.b",
        "a/b",
        "ab",
        "AB",
        "Ab",
        "aB",
        "@ab",
        "@a",
        "a",
        "",
        " ",
        "-",
        "--",
        "a--b",
        "host-project",
        "host project",
        "./node_modules/a/node_modules/b",
        "é",
        "e\u{301}",
    ]
    .map(OsString::from)
    .to_vec();
    names.push(OsString::from_vec(b"\xff".to_vec()));
    names.push(OsString::from_vec(b"\xfe".to_vec()));
    names.push("a".repeat(100).into());
    names.push("a".repeat(101).into());
    names.push("a".repeat(5000).into());
    // What another name's file is called.
    let text = profile(Some(OsStr::new("@a/b")));
    names.push(text["buildrs-".len()..text.len() - ".sandbox".len()].into());

    let mut files = HashSet::from([profile(None)]);
    for name in names {
        let file = profile(Some(&name));
        assert!(file.len() <= 160, "{file}");
        let middle = &file["buildrs-".len()..file.len() - ".sandbox".len()];
        assert!(
            middle
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "{file}"
        );
        assert!(files.insert(file.to_ascii_lowercase()), "{name:?}: {file}");
    }
}
