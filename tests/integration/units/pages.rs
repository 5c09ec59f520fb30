//! The folder of all crates' pages, which each rustdoc writes, and a plain `cargo doc` later.

use super::world::{Cargo, ours, workspace};

/// A later rustdoc without a sandbox would write through a link, and wait for ever at a pipe.
#[test]
fn nothing_to_follow_is_left() {
    const ACTIONS: [&str; 4] = ["symlink", "bring-symlink", "bring-folder", "fifo"];

    for cargo in std::iter::once(Cargo::Plain).chain(ours()) {
        let project = workspace();
        let document = || cargo.of(&project).args(["doc", "-p", "user", "--no-deps"]);
        document().success();
        // At the top, and below what another crate has there.
        let places = ["", "victim/"].map(|folder| project.path(format!("target/doc/{folder}")));
        std::fs::create_dir_all(&places[1]).unwrap();
        let aims: Vec<_> = places
            .iter()
            .flat_map(|place| ACTIONS.map(|what| (what, place.join(format!("planted-{what}")))))
            .collect();
        let line =
            |(what, path): &(_, std::path::PathBuf)| format!("macro\t{what}\t{}\n", path.display());
        let mut plan: String = aims.iter().map(line).collect();
        // What it may do there shows that it ran.
        let file = places[0].join("planted-file");
        plan.push_str(&line(&("create", file.clone())));
        project.file("plan.txt", plan);
        let run = document().env("ATTACK_PLAN", project.path("plan.txt"));
        let run = run.success();
        assert!(file.exists(), "{cargo:?}{run}");
        for (what, path) in aims {
            let is_there = path.symlink_metadata().is_ok();
            assert_eq!(is_there, cargo == Cargo::Plain, "{cargo:?} {what}{run}");
        }
    }
}
