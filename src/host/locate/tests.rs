use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::host::tree::Tree;

/// Where a build of `manifest` from `cwd` finds its host, with `home` as the home folder.
fn find_at_home(tree: &Tree, cwd: &str, manifest: &str, home: Option<&str>) -> Host {
    let homes = Homes {
        user: home.map(|home| tree.at(home)),
        cargo: None,
    };
    locate(&tree.at(cwd), &tree.at(manifest), &homes).unwrap()
}

fn find(tree: &Tree, cwd: &str, manifest: &str) -> Host {
    find_at_home(tree, cwd, manifest, None)
}

/// The host's folder and the package's name, relative and as text.
fn answer(tree: &Tree, host: &Host) -> (String, Option<String>) {
    (
        host.root
            .strip_prefix(tree.at(""))
            .unwrap()
            .display()
            .to_string(),
        host.package
            .as_ref()
            .map(|package| package.name.to_string_lossy().into_owned()),
    )
}

#[track_caller]
fn assert_found(tree: &Tree, cwd: &str, manifest: &str, root: &str, package: Option<&str>) -> Host {
    let host = find(tree, cwd, manifest);
    let package = package.map(str::to_owned);
    assert_eq!(answer(tree, &host), (root.to_owned(), package));
    host
}

fn exempting(name: &str) -> Settings {
    Settings {
        allow_unsandboxed_build: vec![name.to_owned()],
        ..Settings::default()
    }
}

fn package_in(tree: &Tree, dir: &str) {
    tree.file(format!("{dir}/package.json"), "{}")
        .file(format!("{dir}/native/Cargo.toml"), "");
}

/// npm's layout.
fn npm() -> Tree {
    let tree = Tree::new();
    tree.file("app/package.json", "{}");
    package_in(&tree, "app/node_modules/@s/good");
    package_in(&tree, "app/node_modules/plain");
    package_in(&tree, "app/node_modules/evil");
    tree
}

/// pnpm's layout: real folders in the store, links for the host.
fn pnpm() -> Tree {
    let tree = Tree::new();
    tree.file("app/package.json", "{}");
    package_in(
        &tree,
        "app/node_modules/.pnpm/@s+good@1.0.0/node_modules/@s/good",
    );
    package_in(&tree, "app/node_modules/.pnpm/deep@1.0.0/node_modules/deep");
    tree.link(
        "app/node_modules/@s/good",
        "../.pnpm/@s+good@1.0.0/node_modules/@s/good",
    )
    .link(
        "app/node_modules/.pnpm/@s+good@1.0.0/node_modules/deep",
        "../../deep@1.0.0/node_modules/deep",
    );
    tree
}

/// A workspace of npm or Yarn.
fn workspace() -> Tree {
    let tree = Tree::new();
    tree.file("app/package.json", r#"{"workspaces": ["packages/*"]}"#);
    package_in(&tree, "app/packages/n");
    tree.link("app/node_modules/@s/n", "../../packages/n");
    tree
}

#[test]
fn npm_package_is_named_by_its_place() {
    let tree = npm();
    for cwd in [
        "app",
        "",
        "app/node_modules/@s/good",
        "app/node_modules/@s/good/native",
    ] {
        let manifest = "app/node_modules/@s/good/native/Cargo.toml";
        let host = assert_found(&tree, cwd, manifest, "app", Some("@s/good"));
        assert_eq!(host.origin, Origin::AboveNodeModules);
        assert!(host.is_exempt(&exempting("@s/good")), "from {cwd:?}");
        assert!(!host.is_exempt(&exempting("good")));
        assert!(!host.is_exempt(&exempting("plain")));
        assert!(!host.is_exempt(&Settings::default()));
    }
    let host = assert_found(
        &tree,
        "app",
        "app/node_modules/plain/native/Cargo.toml",
        "app",
        Some("plain"),
    );
    assert_eq!(host.package.unwrap().dir, tree.at("app/node_modules/plain"));
}

#[test]
fn name_field_of_a_dependency_counts_for_nothing() {
    let tree = npm();
    tree.file(
        "app/node_modules/evil/package.json",
        r#"{"name": "plain", "perry": {"allowUnsandboxedBuild": ["evil", "plain"]}}"#,
    );
    let host = assert_found(
        &tree,
        "app/node_modules/evil",
        "app/node_modules/evil/native/Cargo.toml",
        "app",
        Some("evil"),
    );
    assert!(!host.is_exempt(&exempting("plain")));
    assert_eq!(host.settings().unwrap(), Settings::default());
}

#[test]
fn crate_deep_inside_a_scoped_package_belongs_to_it() {
    let tree = npm();
    tree.file("app/node_modules/@a/b/c/Cargo.toml", "");
    assert_found(
        &tree,
        "app",
        "app/node_modules/@a/b/c/Cargo.toml",
        "app",
        Some("@a/b"),
    );
}

#[test]
fn bundled_package_is_not_the_one_that_the_host_named() {
    let tree = npm();
    package_in(&tree, "app/node_modules/evil/node_modules/plain");
    let manifest = "app/node_modules/evil/node_modules/plain/native/Cargo.toml";
    let host = assert_found(
        &tree,
        "app",
        manifest,
        "app",
        Some("./node_modules/evil/node_modules/plain"),
    );
    assert!(!host.is_exempt(&exempting("plain")));
    assert!(!host.is_exempt(&exempting("evil")));
    // A name that no host can write, and an exemption for it all the same.
    assert!(!host.is_exempt(&exempting("./node_modules/evil/node_modules/plain")));
    // Nor from its own folder.
    let inside = find(&tree, "app/node_modules/evil/node_modules/plain", manifest);
    assert!(!inside.is_exempt(&exempting("plain")));
}

#[test]
fn link_inside_a_package_neither_moves_the_host_nor_lends_a_name() {
    let tree = npm();
    tree.file("other/package.json", "{}");
    package_in(&tree, "other/node_modules/plain");
    tree.link(
        "app/node_modules/evil/a",
        "../../../other/node_modules/plain",
    )
    .link("app/node_modules/evil/b", "../plain");
    for manifest in [
        "app/node_modules/evil/a/native/Cargo.toml",
        "app/node_modules/evil/b/native/Cargo.toml",
        "app/node_modules/evil/../plain/native/Cargo.toml",
        "app/node_modules/evil/../../../other/node_modules/plain/native/Cargo.toml",
    ] {
        let host = find(&tree, "app", manifest);
        assert_eq!(host.root, tree.at("app"), "{manifest}");
        for name in ["plain", "evil"] {
            assert!(!host.is_exempt(&exempting(name)), "{name}: {manifest}");
        }
    }
}

#[test]
fn parent_folders_before_the_first_package_are_followed() {
    let tree = npm();
    tree.dir("app/src");
    let manifest = "app/src/../node_modules/./plain/native/../native/Cargo.toml";
    let host = assert_found(&tree, "app/src", manifest, "app", Some("plain"));
    assert!(host.is_exempt(&exempting("plain")));
}

#[test]
fn pnpm_package_is_found_through_its_link_and_by_its_real_path() {
    let tree = pnpm();
    for manifest in [
        "app/node_modules/@s/good/native/Cargo.toml",
        "app/node_modules/.pnpm/@s+good@1.0.0/node_modules/@s/good/native/Cargo.toml",
    ] {
        let host = assert_found(&tree, "app", manifest, "app", Some("@s/good"));
        assert!(host.is_exempt(&exempting("@s/good")));
        let installed = host.package.unwrap().installed.unwrap();
        assert_eq!(installed, tree.at("app/node_modules/@s/good"));
    }
}

#[test]
fn pnpm_package_that_only_another_package_asked_for_is_not_named() {
    let tree = pnpm();
    for manifest in [
        "app/node_modules/.pnpm/deep@1.0.0/node_modules/deep/native/Cargo.toml",
        "app/node_modules/.pnpm/@s+good@1.0.0/node_modules/deep/native/Cargo.toml",
    ] {
        let name = "./node_modules/.pnpm/deep@1.0.0/node_modules/deep";
        let host = assert_found(&tree, "app", manifest, "app", Some(name));
        assert!(!host.is_exempt(&exempting("deep")));
        // The store's folder above it is not the host's, even for who stands in it.
        let host = find(
            &tree,
            "app/node_modules/.pnpm/deep@1.0.0/node_modules/deep",
            manifest,
        );
        assert_eq!(host.root, tree.at("app"));
        assert!(!host.is_exempt(&exempting("deep")));
    }
}

#[test]
fn pnpm_other_version_of_a_named_package_is_not_named() {
    let tree = pnpm();
    package_in(
        &tree,
        "app/node_modules/.pnpm/@s+good@2.0.0/node_modules/@s/good",
    );
    let manifest = "app/node_modules/.pnpm/@s+good@2.0.0/node_modules/@s/good/native/Cargo.toml";
    assert!(!find(&tree, "app", manifest).is_exempt(&exempting("@s/good")));
}

#[test]
fn pnpm_workspace_has_its_root_as_host() {
    let tree = Tree::new();
    tree.file("root/package.json", "{}")
        .file("root/packages/app/package.json", "{}");
    package_in(&tree, "root/node_modules/.pnpm/b@1/node_modules/b");
    tree.link(
        "root/packages/app/node_modules/b",
        "../../../node_modules/.pnpm/b@1/node_modules/b",
    );
    let manifest = "root/packages/app/node_modules/b/native/Cargo.toml";
    // Who works in the application has it as part of the host.
    let host = assert_found(&tree, "root/packages/app", manifest, "root", Some("b"));
    assert!(host.is_exempt(&exempting("b")));
    // To the root, `b` is a package of one of its packages.
    assert!(!find(&tree, "root", manifest).is_exempt(&exempting("b")));
    // And if the root installs the application, it is a package like any other.
    tree.link("root/node_modules/app", "../packages/app");
    assert!(!find(&tree, "root/packages/app", manifest).is_exempt(&exempting("b")));
}

#[test]
fn store_outside_of_the_project_does_not_become_the_host() {
    let tree = Tree::new();
    tree.file("app/package.json", "{}");
    package_in(&tree, "store/links/b/1.0/hash/node_modules/b");
    tree.link(
        "app/node_modules/b",
        tree.at("store/links/b/1.0/hash/node_modules/b"),
    );
    for manifest in [
        "app/node_modules/b/native/Cargo.toml",
        "store/links/b/1.0/hash/node_modules/b/native/Cargo.toml",
    ] {
        let host = assert_found(&tree, "app", manifest, "app", Some("b"));
        assert!(host.is_exempt(&exempting("b")));
    }
}

#[test]
fn workspace_package_is_found_through_its_link_and_by_its_real_path() {
    let tree = workspace();
    tree.file(
        "app/packages/n/package.json",
        r#"{"name": "x", "perry": {"allowUnsandboxedBuild": ["@s/n", "x"]}}"#,
    );
    for manifest in [
        "app/node_modules/@s/n/native/Cargo.toml",
        "app/packages/n/native/Cargo.toml",
    ] {
        for cwd in ["app", "app/packages/n", "app/packages/n/native"] {
            let host = assert_found(&tree, cwd, manifest, "app", Some("@s/n"));
            assert!(host.is_exempt(&exempting("@s/n")));
            assert!(!host.is_exempt(&exempting("x")));
            assert_eq!(host.settings().unwrap(), Settings::default());
            assert_eq!(host.package.unwrap().dir, tree.at("app/packages/n"));
        }
    }
}

#[test]
fn workspace_package_with_a_repository_of_its_own_still_has_a_host() {
    for git in ["app/.git/HEAD", "app/node_modules/x/y"] {
        let tree = workspace();
        tree.file(git, "")
            .file("app/packages/n/.git/HEAD", "ref: refs/heads/main\n");
        let manifest = "app/packages/n/native/Cargo.toml";
        assert_found(&tree, "app/packages/n", manifest, "app", Some("@s/n"));
    }
}

#[test]
fn package_of_a_workspace_package_has_the_root_as_host() {
    let tree = workspace();
    package_in(&tree, "app/packages/n/node_modules/inner");
    let manifest = "app/packages/n/node_modules/inner/native/Cargo.toml";
    for cwd in ["app", "app/packages/n", "app/packages/n/node_modules/inner"] {
        let host = find(&tree, cwd, manifest);
        assert_eq!(host.root, tree.at("app"));
        assert!(!host.is_exempt(&exempting("inner")));
    }
}

#[test]
fn project_that_nobody_installs_is_its_own_host() {
    let tree = Tree::new();
    tree.file("outer/package.json", "{}")
        .file("outer/inner/package.json", "{}")
        .dir("outer/node_modules/@s");
    package_in(&tree, "outer/inner/node_modules/b");
    let manifest = "outer/inner/node_modules/b/native/Cargo.toml";
    let host = assert_found(&tree, "outer/inner", manifest, "outer/inner", Some("b"));
    assert!(host.is_exempt(&exempting("b")));
}

#[test]
fn package_linked_from_elsewhere_has_the_linking_project_as_host() {
    let tree = Tree::new();
    tree.file("app/package.json", "{}")
        .file("lib/package.json", "{}");
    package_in(&tree, "work/b");
    // As `npm link` leaves it.
    tree.link("lib/node_modules/b", "../../work/b")
        .link("app/node_modules/b", "../../lib/node_modules/b");
    let typed = "app/node_modules/b/native/Cargo.toml";
    assert_found(&tree, "app", typed, "app", Some("b"));
    // By its real path, from the project.
    let host = assert_found(&tree, "app", "work/b/native/Cargo.toml", "app", Some("b"));
    assert!(host.is_exempt(&exempting("b")));
    // On its own it is a project as any.
    let host = assert_found(&tree, "work/b", "work/b/native/Cargo.toml", "work/b", None);
    assert!(!host.is_exempt(&exempting("b")));
}

#[test]
fn link_to_a_folder_in_node_modules_is_seen() {
    let tree = npm();
    tree.link("short", "app/node_modules/plain/native");
    let host = assert_found(&tree, "", "short/Cargo.toml", "app", Some("plain"));
    assert!(host.is_exempt(&exempting("plain")));
}

#[test]
fn node_modules_may_be_a_link() {
    let tree = Tree::new();
    tree.file("app/package.json", "{}");
    package_in(&tree, "cache/123/plain");
    tree.link("app/node_modules", "../cache/123");
    let manifest = "app/node_modules/plain/native/Cargo.toml";
    let host = assert_found(&tree, "app", manifest, "app", Some("plain"));
    assert!(host.is_exempt(&exempting("plain")));
}

#[test]
fn yarn_unplugged_folder_is_no_host() {
    let tree = Tree::new();
    tree.file("app/package.json", "{}");
    package_in(&tree, "app/.yarn/unplugged/b-npm-1.0.0-abc/node_modules/b");
    let manifest = "app/.yarn/unplugged/b-npm-1.0.0-abc/node_modules/b/native/Cargo.toml";
    let host = find(&tree, "app", manifest);
    assert_eq!(host.root, tree.at("app"));
    assert!(!host.is_exempt(&exempting("b")));
}

#[test]
fn folders_of_package_managers_are_no_packages() {
    let tree = npm();
    for dir in [
        ".bin",
        ".pnpm",
        ".store/x",
        "@s",
        "@s/.x",
        "@s/node_modules",
    ] {
        tree.dir(format!("app/node_modules/{dir}"));
        let manifest = format!("app/node_modules/{dir}/Cargo.toml");
        assert_found(&tree, "app", &manifest, "app", None);
    }
    assert_found(&tree, "app", "app/node_modules/Cargo.toml", "app", None);
    let dir = "app/node_modules/@s/node_modules/plain";
    package_in(&tree, dir);
    let host = find(&tree, "app", &format!("{dir}/native/Cargo.toml"));
    assert_eq!(host.root, tree.at("app"));
    assert!(!host.is_exempt(&exempting("plain")));
}

#[test]
fn odd_names_are_kept_as_they_are() {
    let tree = npm();
    let odd = [
        OsString::from("with space"),
        OsString::from("ünï\u{202e}cödé"),
        OsString::from("quote\"back\\slash"),
        OsString::from("line\nbreak"),
        OsString::from_vec(b"not-\xff-utf8".to_vec()),
        OsString::from("..."),
        OsString::from("a".repeat(255)),
    ];
    for name in odd {
        let dir = Path::new("app/node_modules").join(&name);
        tree.file(dir.join("Cargo.toml"), "");
        let homes = Homes::default();
        let host = locate(&tree.at("app"), &tree.at(dir.join("Cargo.toml")), &homes).unwrap();
        assert_eq!(host.root, tree.at("app"));
        match host.package {
            Some(package) => assert_eq!(package.name, name),
            None => assert_eq!(name, "..."),
        }
    }
}

#[test]
fn very_deep_path_is_followed() {
    let tree = npm();
    // Just below the longest path that Linux takes.
    let deep = "d/".repeat(1800);
    tree.dir(format!("app/node_modules/plain/{deep}"));
    let manifest = format!("app/node_modules/plain/{deep}Cargo.toml");
    assert_found(&tree, "app", &manifest, "app", Some("plain"));
    let nested = "node_modules/a/".repeat(200);
    tree.dir(format!("app/{nested}"));
    assert_eq!(
        find(&tree, "app", &format!("app/{nested}Cargo.toml")).root,
        tree.at("app")
    );
}

#[test]
fn circle_of_links_is_an_error() {
    let tree = Tree::new();
    tree.link("a", "b").link("b", "a");
    let error = locate(&tree.at(""), &tree.at("a/Cargo.toml"), &Homes::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("too many links on the way to `{}`", tree.at("a").display())
    );
}

#[test]
fn missing_folder_is_an_error() {
    let tree = Tree::new();
    let error = locate(&tree.at(""), &tree.at("no/Cargo.toml"), &Homes::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "could not find the project's folder `{}`: No such file or directory (os error 2)",
            tree.at("no").display()
        )
    );
}

#[test]
fn other_case_is_another_folder_where_case_matters() {
    let tree = Tree::new();
    tree.file("app/package.json", "{}")
        .file("app/Node_Modules/plain/Cargo.toml", "");
    if tree.at("app/node_modules").exists() {
        return;
    }
    let host = find(&tree, "app", "app/Node_Modules/plain/Cargo.toml");
    assert_eq!((host.origin, host.package), (Origin::PackageJson, None));
    // With a file system that takes them for one, canonical paths are equal, as here.
    tree.link("app/node_modules", "Node_Modules");
    let host = find(&tree, "app", "app/Node_Modules/plain/Cargo.toml");
    assert_eq!(host.origin, Origin::AboveNodeModules);
    assert!(host.is_exempt(&exempting("plain")));
}

#[test]
fn exemption_needs_the_spelling_of_the_folder() {
    let tree = npm();
    let installed = tree.at("app/node_modules/plain");
    assert!(is_spelled(&installed, "plain"));
    assert!(!is_spelled(&installed, "Plain"));
    let scoped = tree.at("app/node_modules/@s/good");
    assert!(is_spelled(&scoped, "@s/good"));
    assert!(!is_spelled(&scoped, "@S/good"));
    assert!(!is_spelled(&scoped, "@s/Good"));
}

#[test]
fn highest_package_json_is_the_host() {
    let tree = Tree::new();
    tree.file("a/package.json", "{}")
        .file("a/b/package.json", "{}")
        .file("a/b/c/Cargo.toml", "");
    for cwd in ["", "a", "a/b", "a/b/c"] {
        let host = assert_found(&tree, cwd, "a/b/c/Cargo.toml", "a", None);
        assert_eq!(host.origin, Origin::PackageJson);
    }
}

#[test]
fn whatever_is_called_package_json_counts() {
    // So that the settings can refuse it.
    for make in [
        (|tree| tree.dir("a/package.json")) as fn(&Tree) -> &Tree,
        |tree| tree.link("a/package.json", "nowhere"),
        |tree| tree.fifo("a/package.json"),
    ] {
        let tree = Tree::new();
        tree.file("a/b/package.json", "{}")
            .file("a/b/Cargo.toml", "");
        make(&tree);
        let host = assert_found(&tree, "a/b", "a/b/Cargo.toml", "a", None);
        assert!(host.settings().is_err());
    }
}

#[test]
fn current_directory_wins_over_an_unrelated_manifest() {
    let tree = Tree::new();
    tree.file("app/package.json", "{}")
        .file("lib/package.json", "{}")
        .file("lib/Cargo.toml", "");
    assert_found(&tree, "app", "lib/Cargo.toml", "app", None);
    tree.dir("elsewhere");
    assert_found(&tree, "elsewhere", "lib/Cargo.toml", "lib", None);
}

#[test]
fn link_in_the_project_to_a_crate_elsewhere_keeps_the_project_as_host() {
    let tree = Tree::new();
    tree.file("app/package.json", "{}")
        .file("lib/package.json", "{}")
        .file("lib/Cargo.toml", "")
        .link("app/native", "../lib")
        .dir("elsewhere");
    assert_found(&tree, "elsewhere", "app/native/Cargo.toml", "app", None);
}

#[test]
fn current_directory_inside_a_package_does_not_make_it_the_host() {
    let tree = npm();
    tree.file("loose/Cargo.toml", "");
    let host = assert_found(
        &tree,
        "app/node_modules/evil",
        "loose/Cargo.toml",
        "app",
        None,
    );
    assert_eq!(host.origin, Origin::AboveNodeModules);
}

#[test]
fn home_folder_is_a_host_only_for_who_stands_in_it() {
    let tree = Tree::new();
    tree.file("package.json", "{}")
        .file("home/package.json", "{}")
        .file("home/src/Cargo.toml", "")
        .file("home/Cargo.toml", "");
    let home = Some("home");
    let host = find_at_home(&tree, "home/src", "home/src/Cargo.toml", home);
    assert_eq!(
        (host.root, host.origin),
        (tree.at("home/src"), Origin::CargoWorkspace)
    );
    // A container whose home folder is the project.
    let host = find_at_home(&tree, "home", "home/Cargo.toml", home);
    assert_eq!(
        (host.root, host.origin),
        (tree.at("home"), Origin::PackageJson)
    );
    // Without a home folder nothing tells them apart.
    let host = find(&tree, "home/src", "home/src/Cargo.toml");
    assert_eq!(host.root, tree.at(""));
}

#[test]
fn home_folder_may_be_given_by_a_link() {
    let tree = Tree::new();
    tree.file("home/package.json", "{}")
        .file("home/src/Cargo.toml", "")
        .link("alias", "home");
    let host = find_at_home(&tree, "home/src", "home/src/Cargo.toml", Some("alias"));
    assert_eq!(host.root, tree.at("home/src"));
}

#[test]
fn shared_folder_is_no_host() {
    let tree = Tree::new();
    tree.file("shared/package.json", "{}")
        .dir("shared/node_modules")
        .file("shared/x/Cargo.toml", "");
    let find = || find(&tree, "shared/x", "shared/x/Cargo.toml").root;
    assert_eq!(find(), tree.at("shared"));
    fs::set_permissions(tree.at("shared"), fs::Permissions::from_mode(0o1777)).unwrap();
    assert_eq!(find(), tree.at("shared/x"));
}

#[test]
fn stray_file_above_a_repository_is_no_host() {
    let tree = Tree::new();
    tree.file("src/package.json", "{}")
        .file("src/proj/.git/HEAD", "")
        .file("src/proj/package.json", "{}")
        .file("src/proj/native/Cargo.toml", "");
    let manifest = "src/proj/native/Cargo.toml";
    assert_found(&tree, "src/proj", manifest, "src/proj", None);
    // A submodule's parent is a project.
    tree.file("src/.git", "gitdir: elsewhere");
    assert_found(&tree, "src/proj", manifest, "src", None);
}

#[test]
fn cargo_workspace_is_the_host_without_a_package_json() {
    let tree = Tree::new();
    tree.file(
        "w/Cargo.toml",
        "[workspace]\nmembers = ['m', 'x/in']\nexclude = ['x']\n",
    )
    .file("w/m/Cargo.toml", "[package]\n")
    .file("w/other/Cargo.toml", "[package]\n")
    .file("w/x/out/Cargo.toml", "[package]\n")
    .file("w/x/in/Cargo.toml", "[package]\n")
    .file("w/own/Cargo.toml", "[package]\n[workspace]\n")
    .file("p/Cargo.toml", "[package]\nworkspace = '../w'\n")
    .file("alone/Cargo.toml", "[package]\n")
    .file("bad/Cargo.toml", "[package\n");
    for (dir, root) in [
        ("w", "w"),
        ("w/m", "w"),
        // cargo reports these itself.
        ("w/other", "w"),
        ("w/x/out", "w/x/out"),
        ("w/x/in", "w"),
        ("w/own", "w/own"),
        ("p", "w"),
        ("alone", "alone"),
        ("bad", "bad"),
    ] {
        let host = assert_found(&tree, dir, &format!("{dir}/Cargo.toml"), root, None);
        assert_eq!(host.origin, Origin::CargoWorkspace);
    }
}

#[test]
fn manifest_cannot_point_at_settings() {
    let tree = Tree::new();
    tree.file("evil/Cargo.toml", "[workspace]\n")
        .file("evil/package.json", r#"{"perry": {"cacheDir": "x"}}"#)
        .file("p/Cargo.toml", "[package]\nworkspace = '../evil'\n");
    let host = assert_found(&tree, "p", "p/Cargo.toml", "evil", None);
    assert_eq!(host.settings().unwrap(), Settings::default());
}

#[test]
fn crates_in_cargos_home_belong_to_no_workspace_around_it() {
    let tree = Tree::new();
    tree.file("w/Cargo.toml", "[workspace]\n")
        .file("w/cargo/registry/src/x/Cargo.toml", "[package]\n")
        .file("w/target/package/x-1.0.0/Cargo.toml", "[package]\n");
    let homes = Homes {
        user: None,
        cargo: Some(tree.at("w/cargo")),
    };
    for dir in ["w/cargo/registry/src/x", "w/target/package/x-1.0.0"] {
        let manifest = tree.at(dir).join("Cargo.toml");
        let host = locate(&tree.at(dir), &manifest, &homes).unwrap();
        assert_eq!(host.root, tree.at(dir));
    }
}

#[test]
fn manifest_is_found_upwards() {
    let tree = Tree::new();
    tree.file("a/Cargo.toml", "").dir("a/b/c");
    assert_eq!(
        find_manifest(&tree.at("a/b/c")),
        Some(tree.at("a/Cargo.toml"))
    );
}

#[test]
fn file_system_root_is_no_host_by_a_package_json() {
    let bounds = Bounds { home: None };
    assert!(bounds.ends_at(Path::new("/")));
    assert_eq!(bounds.highest(Path::new("/")), None);
}
