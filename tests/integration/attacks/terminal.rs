//! A program under `cargo run` has the user's terminal, which it may use, but not type into.

use std::fs;

use super::Mode;
use crate::support::canary::Canary;
use crate::support::project::Project;
use crate::support::{skip, system, unique};

/// `TIOCSTI`, as it is and with a bit that the kernel does not look at.
const PROGRAM: &str = r#"
extern "C" {
    fn ioctl(fd: i32, request: u64, byte: *const u8) -> i32;
}
fn main() {
    println!("shown");
    for (request, text) in [(0x5412, "typed-plain"), (1 << 32 | 0x5412, "typed-wide")] {
        for byte in text.bytes() {
            unsafe { ioctl(0, request, &byte) };
        }
    }
}
"#;

/// What was typed, and what was shown.
fn run(mode: Mode) -> String {
    let project = Project::new();
    project.package("", "");
    project.file("src/main.rs", PROGRAM);
    project.file(
        "package.json",
        r#"{ "perry": { "sandbox": { "programs": "confined" } } }"#,
    );
    let sockets = project.root().join("run");
    fs::create_dir(&sockets).unwrap();
    let (master, slave) = system::terminal().unwrap();
    let typed = slave.try_clone().unwrap();
    let others: Vec<Box<dyn std::io::Read + Send>> = vec![Box::new(master), Box::new(typed)];
    let mut canary = Canary::start(&sockets, &unique(), b"", others);
    let mut command = mode.cargo(&project).args(["run", "--quiet"]).into_command();
    system::set_terminal(&mut command, &slave);
    command
        .stdin(slave.try_clone().unwrap())
        .stdout(slave.try_clone().unwrap());
    assert!(command.stderr(slave).status().unwrap().success());
    String::from_utf8_lossy(&canary.stop()).into_owned()
}

#[test]
fn typing_for_the_user() {
    let plain = run(Mode::Plain);
    assert!(plain.contains("shown"), "{plain}");
    if !plain.contains("typed-plain") || !plain.contains("typed-wide") {
        return skip("typing_for_the_user", "this kernel lets nobody type");
    }
    for mode in [Mode::FirstWall, Mode::BothWalls] {
        let got = run(mode);
        assert!(got.contains("shown"), "{mode:?}: {got}");
        assert!(!got.contains("typed"), "{mode:?}: {got}");
    }
}
