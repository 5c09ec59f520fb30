use super::*;
use crate::host::tree::Tree;

const PLAIN: &str = "[core]\n\tbare = false\n";
const SECRET: &str = "[core]\n\ttoken = abc\n";

/// The folders, and the configurations as path, whether trusted, whether altered.
fn facts(tree: &Tree, start: &str, stop: &str) -> (Vec<String>, Vec<(String, bool, bool)>) {
    let relative = |path: &Path| {
        path.strip_prefix(tree.at(""))
            .unwrap()
            .display()
            .to_string()
    };
    let facts = git_facts(&tree.at(start), &tree.at(stop), Some(&tree.at("home")));
    let mut configs: Vec<_> = facts
        .configs
        .iter()
        .map(|config| {
            (
                relative(&config.path),
                config.trusted,
                config.sanitised.is_some(),
            )
        })
        .collect();
    configs.sort();
    (
        facts.dirs.iter().map(|dir| relative(dir)).collect(),
        configs,
    )
}

fn owned(path: &str, trusted: bool, altered: bool) -> (String, bool, bool) {
    (path.to_owned(), trusted, altered)
}

#[test]
fn nothing_to_find() {
    let tree = Tree::new();
    tree.dir("a/b");
    assert_eq!(
        git_facts(&tree.at("a/b"), &tree.at("a"), None),
        GitFacts::default()
    );
    assert_eq!(
        git_facts(&tree.at("no"), &tree.at("a"), None),
        GitFacts::default()
    );
}

#[test]
fn search_goes_up_to_the_given_folder() {
    let tree = Tree::new();
    tree.file("a/.git/config", SECRET)
        .file("a/b/.git/config", PLAIN)
        .dir("a/b/c");
    let inner = owned("a/b/.git/config", true, false);
    let outer = owned("a/.git/config", true, true);
    assert_eq!(
        facts(&tree, "a/b/c", "a"),
        (
            vec!["a/b/.git".into(), "a/.git".into()],
            vec![outer, inner.clone()]
        )
    );
    let only_inner = (vec!["a/b/.git".into()], vec![inner]);
    assert_eq!(facts(&tree, "a/b/c", "a/b"), only_inner);
    // A folder that is not above `start` ends the search at once.
    assert_eq!(facts(&tree, "a/b", "elsewhere"), only_inner);
    assert_eq!(facts(&tree, "a/b/c", "elsewhere"), (vec![], vec![]));
}

#[test]
fn worktree_leads_to_its_repository() {
    let tree = Tree::new();
    tree.file("main/.git/config", SECRET)
        .file("main/.git/worktrees/w/commondir", "../..\n")
        .file("main/.git/worktrees/w/config.worktree", SECRET)
        .file(
            "main/.git/worktrees/w/gitdir",
            format!("{}\n", tree.at("w/.git").display()),
        )
        .file(
            "w/.git",
            format!("gitdir: {}\n", tree.at("main/.git/worktrees/w").display()),
        );
    assert_eq!(
        facts(&tree, "w", "w"),
        (
            vec!["main/.git/worktrees/w".into(), "main/.git".into()],
            vec![
                owned("main/.git/config", true, true),
                owned("main/.git/worktrees/w/config.worktree", true, true),
            ]
        )
    );
}

#[test]
fn submodule_leads_to_its_parents_folder() {
    let tree = Tree::new();
    tree.file("main/.git/config", PLAIN)
        .file("main/.git/modules/lib/s/HEAD", "")
        .file(
            "main/.git/modules/lib/s/config",
            "[core]\n\tworktree = ../../../../lib/s\n\ttoken = abc\n",
        )
        .file("main/.git/modules/lib/s/modules/deep/HEAD", "")
        .file("main/.git/modules/lib/s/modules/deep/config", SECRET)
        .file("main/lib/s/.git", "gitdir: ../../.git/modules/lib/s\n");
    let nested = owned("main/.git/modules/lib/s/modules/deep/config", true, true);
    let module = owned("main/.git/modules/lib/s/config", true, true);
    assert_eq!(
        facts(&tree, "main/lib/s", "main/lib/s"),
        (
            vec!["main/.git/modules/lib/s".into()],
            vec![module.clone(), nested.clone()]
        )
    );
    assert_eq!(
        facts(&tree, "main", "main"),
        (
            vec!["main/.git".into()],
            vec![owned("main/.git/config", true, false), module, nested]
        )
    );
}

#[test]
fn file_cannot_make_any_folder_readable() {
    let tree = Tree::new();
    tree.file("secret/.git/config", SECRET)
        .file("secret/.git/HEAD", "")
        .file("ssh/config", "Host x\n")
        .file("p/.git", "gitdir: ../secret/.git\n");
    let hidden_only = (vec![], vec![owned("secret/.git/config", false, true)]);
    assert_eq!(facts(&tree, "p", "p"), hidden_only);
    // Nor by a link, or by way of a folder of its own.
    tree.link("q/.git", "../secret/.git");
    assert_eq!(facts(&tree, "q", "q"), hidden_only);
    tree.file("r/.git/commondir", "../../secret/.git\n");
    let (dirs, configs) = facts(&tree, "r", "r");
    assert_eq!((dirs, configs), (vec!["r/.git".to_owned()], hidden_only.1));
    tree.file("s/.git", "gitdir: ../ssh\n");
    assert_eq!(facts(&tree, "s", "s").0, Vec::<String>::new());
}

#[test]
fn includes_are_looked_at_but_not_trusted() {
    let tree = Tree::new();
    tree.file(
        "p/.git/config",
        "[include]\n\tpath = ../../shared/one\n\tpath = ~/two\n\tpath = missing\n\tpath = /\n",
    )
    .file("shared/one", "[include]\n\tpath = one\n\tpath = three\n")
    .file("shared/three", SECRET)
    .file("home/two", SECRET);
    assert_eq!(
        facts(&tree, "p", "p").1,
        [
            owned("home/two", false, true),
            owned("p/.git/config", true, false),
            owned("shared/one", false, false),
            owned("shared/three", false, true),
        ]
    );
}

#[test]
fn endless_includes_end() {
    let tree = Tree::new();
    tree.dir("p/.git");
    for number in 0..40 {
        let name = if number == 0 {
            "config".to_owned()
        } else {
            format!("c{number}")
        };
        let next = format!("[include]\n\tpath = c{}\n", number + 1);
        tree.file(format!("p/.git/{name}"), next);
    }
    assert_eq!(facts(&tree, "p", "p").1.len(), MOST_INCLUDES + 1);
}

#[test]
fn config_that_is_a_link_is_not_trusted() {
    let tree = Tree::new();
    tree.file("home/key", "x")
        .link("p/.git/config", "../../home/key");
    assert_eq!(facts(&tree, "p", "p").1, [owned("home/key", false, false)]);
}

#[test]
fn config_that_cannot_be_read_is_shown_empty() {
    let tree = Tree::new();
    tree.dir("p/.git")
        .fifo("p/.git/config")
        .file("p/.git/config.worktree", vec![b'#'; 2 << 20]);
    let facts = git_facts(&tree.at("p"), &tree.at("p"), None);
    let shown: Vec<_> = facts
        .configs
        .into_iter()
        .map(|config| config.sanitised)
        .collect();
    assert_eq!(shown, [Some(Vec::new()), Some(Vec::new())]);
}

#[test]
fn copies_and_credential_files_are_found() {
    let tree = Tree::new();
    tree.file("p/.git/config", PLAIN)
        .file("p/.git/config.bak", SECRET)
        .file("p/.git/.git-credentials", "")
        .file("home/jar", "")
        .file("home/.gitconfig", "[http]\n\tcookiefile = ~/jar\n");
    let facts = git_facts(&tree.at("p"), &tree.at("p"), None);
    assert_eq!(facts.configs.len(), 2);
    assert_eq!(facts.secrets, [tree.at("p/.git/.git-credentials")]);
    let (configs, secrets) = git_config_facts(&tree.at("home/.gitconfig"), Some(&tree.at("home")));
    assert!(configs[0].trusted && configs[0].sanitised.is_some());
    assert_eq!(secrets, [tree.at("home/jar")]);
}

#[test]
fn odd_git_files_are_no_trouble() {
    for contents in [
        &b""[..],
        b"gitdir:",
        b"gitdir: \n",
        b"x",
        b"gitdir: \xff\0\n",
        b"gitdir: .git",
    ] {
        let tree = Tree::new();
        tree.file("p/.git", contents);
        assert_eq!(facts(&tree, "p", "p"), (vec![], vec![]));
    }
    let tree = Tree::new();
    tree.dir("p").fifo("p/.git");
    assert_eq!(facts(&tree, "p", "p"), (vec![], vec![]));
    let tree = Tree::new();
    tree.link("p/.git", ".git");
    assert_eq!(facts(&tree, "p", "p"), (vec![], vec![]));
}

#[test]
fn many_submodules_end() {
    let tree = Tree::new();
    tree.file("p/.git/config", SECRET);
    for number in 0..MOST_FOLDERS + 10 {
        tree.dir(format!("p/.git/modules/{number}"));
    }
    assert_eq!(
        facts(&tree, "p", "p").1,
        [owned("p/.git/config", true, true)]
    );
}
