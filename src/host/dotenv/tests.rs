use super::*;
use crate::host::tree::Tree;

fn found(tree: &Tree, roots: &[&str]) -> Vec<String> {
    let roots: Vec<_> = roots.iter().map(|root| tree.at(root)).collect();
    let found = secret_files(&roots);
    assert!(found.complete);
    found
        .files
        .iter()
        .map(|file| {
            file.path
                .strip_prefix(tree.at(""))
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

#[test]
fn environment_files_are_found_at_any_depth() {
    let tree = Tree::new();
    for file in [
        ".env",
        ".env.local",
        ".envrc",
        "a/b/c/.env.production",
        "a/.ENV",
        "a/.env-staging",
    ] {
        tree.file(file, "");
    }
    assert_eq!(
        found(&tree, &[""]),
        [
            ".env",
            ".env.local",
            ".envrc",
            "a/.ENV",
            "a/.env-staging",
            "a/b/c/.env.production"
        ]
    );
}

#[test]
fn published_examples_and_sources_stay_readable() {
    let tree = Tree::new();
    for file in [
        ".env.example",
        ".env.sample",
        ".env.template",
        ".env.dist",
        ".env.local.example",
        ".env-example",
        "env",
        "x.env",
        "environment.rs",
        "secrets.rs",
        "credentials.rs",
        "cert.pem",
        "server.key",
        "locales/en/secrets.json",
        "assets/credentials.json",
        "package.json",
        "id_rsa.pub",
        ".gitignore",
        ".git-blame-ignore-revs",
    ] {
        tree.file(file, "_auth password token");
    }
    assert_eq!(found(&tree, &[""]), Vec::<String>::new());
}

#[test]
fn other_secrets_are_found_by_name() {
    let tree = Tree::new();
    for file in [
        "a/.netrc",
        "a/.pypirc",
        "a/.git-credentials",
        "a/id_rsa",
        "a/id_ed25519",
        "a/.dev.vars",
        "credentials.json",
        "config/secrets.yml",
    ] {
        tree.file(file, "");
    }
    assert_eq!(
        found(&tree, &[""]),
        [
            "a/.dev.vars",
            "a/.git-credentials",
            "a/.netrc",
            "a/.pypirc",
            "a/id_ed25519",
            "a/id_rsa",
            "config/secrets.yml",
            "credentials.json",
        ]
    );
}

#[test]
fn registry_settings_are_secret_only_with_a_token() {
    let tree = Tree::new();
    tree.file("a/.npmrc", "save-exact=true\n")
        .file("b/.npmrc", "//host/:_authToken=abc\n")
        .file("c/.npmrc", "_auth=abc\n")
        .file("d/.yarnrc.yml", "nodeLinker: node-modules\n")
        .file("e/.yarnrc.yml", "npmAuthToken: abc\n")
        .dir("f")
        .fifo("f/.npmrc");
    assert_eq!(
        found(&tree, &[""]),
        ["b/.npmrc", "c/.npmrc", "e/.yarnrc.yml", "f/.npmrc"]
    );
}

#[test]
fn large_folders_of_tools_are_skipped() {
    let tree = Tree::new();
    for dir in ["node_modules/x", "target/debug", ".git", ".perry-cache"] {
        tree.file(format!("{dir}/.env"), "")
            .file(format!("a/{dir}/.env"), "");
    }
    assert_eq!(found(&tree, &[""]), Vec::<String>::new());
    // But not where one is asked for.
    assert_eq!(
        found(&tree, &["", "node_modules/x"]),
        ["node_modules/x/.env"]
    );
    assert_eq!(found(&tree, &["target/debug"]), ["target/debug/.env"]);
}

#[test]
fn links_lead_no_further_but_their_targets_are_told() {
    let tree = Tree::new();
    tree.file("outside/.env", "")
        .file("outside/real", "")
        .link("p/dir", "../outside")
        .link("p/.env", "../outside/real")
        .link("p/.env.gone", "nowhere")
        .link("p/.env.dir", "../outside")
        .link("p/loop", ".");
    assert_eq!(found(&tree, &["p"]), ["outside/real"]);
}

#[test]
fn folder_called_like_a_secret_is_searched() {
    let tree = Tree::new();
    tree.file(".env/lib/.netrc", "").file(".envs/.env", "");
    assert_eq!(found(&tree, &[""]), [".env/lib/.netrc", ".envs/.env"]);
}

#[test]
fn roots_may_overlap_or_be_missing() {
    let tree = Tree::new();
    tree.file("a/b/.env", "")
        .file("a/b/secrets.toml", "")
        .link("alias", "a");
    let all = ["a/b/.env", "a/b/secrets.toml"];
    assert_eq!(found(&tree, &["a/b", "a", "alias", "a", "missing"]), all);
    assert_eq!(found(&tree, &["a"]), ["a/b/.env"]);
}

#[test]
fn search_ends_at_the_limit_and_says_so() {
    let tree = Tree::new();
    for number in 0..20 {
        tree.file(format!("a/{number}"), "");
    }
    tree.file(".env", "").file("a/.env", "");
    let root = [tree.at("")];
    // `.env`, `a`, and 21 files in it.
    assert!(search(&root, 23).complete);
    assert!(!search(&root, 22).complete);
    // The nearest come first.
    let few = search(&root, 2);
    assert!(!few.complete);
    assert_eq!(few.files.len(), 1);
    assert_eq!(few.files[0].path, tree.at(".env"));
    assert!(secret_files(&[]).complete);
}

#[test]
fn a_package_cannot_use_up_the_hosts_share() {
    let tree = Tree::new();
    for number in 0..30 {
        tree.file(format!("node_modules/p/{number}"), "");
    }
    tree.file("apps/web/.env", "");
    let found = search(&[tree.at(""), tree.at("node_modules/p")], 20);
    assert!(!found.complete);
    assert_eq!(found.files.len(), 1);
}

#[test]
fn name_that_is_not_utf8_hides_nothing() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let tree = Tree::new();
    tree.file(OsStr::from_bytes(b".env.\xff"), "");
    assert_eq!(found(&tree, &[""]).len(), 1);
}
