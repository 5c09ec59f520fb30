use super::hostile::{Attempt, Bystander, Hostile, denials, lines, path, walls};

/// What is tried, and the rest of the line that tells of it.
fn all(hostile: &Hostile, who: &'static str, bystander: u32) -> Vec<(Attempt, String)> {
    let home = |name: &str| path(&hostile.project.home(name));
    let host = |name: &str| path(&hostile.project.path(name));
    let socket = home("socket");
    let network = "a build has no network";
    let files = "it lies outside of this crate's results and TMPDIR";
    let secret = "it lies outside of the project, or may hold secrets";
    let address = hostile.address();
    // One for each, since the first one wins under plain cargo.
    let name = |name: &str| format!("{name}-{who}");
    for decoy in ["appended", "removed", "moved", "altered"] {
        hostile.project.home_file(name(decoy), "");
    }
    let homely = |decoy: &str| (home(&name(decoy)), format!("`~/{}`", name(decoy)));
    let (appended, moved, removed) = (homely("appended"), homely("moved"), homely("removed"));
    let (written, folder, altered) = (homely("written"), homely("folder"), homely("altered"));
    let source = (
        host(&name("planted.rs")),
        format!("`~/work/host/{}`", name("planted.rs")),
    );
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = udp.local_addr().unwrap().to_string();
    [
        (
            "connect",
            address.clone(),
            format!("connecting to {address}: {network}"),
        ),
        (
            "send",
            udp,
            format!("serving on 127.0.0.1:0 (2 times): {network}"),
        ),
        ("listen", "127.0.0.1:0".into(), String::new()),
        (
            "unix",
            socket.clone(),
            format!("connecting to {socket}: {network}"),
        ),
        (
            "read",
            home(".ssh/id_ed25519"),
            format!("reading `~/.ssh/id_ed25519`: {secret}"),
        ),
        (
            "write",
            written.0,
            format!("writing {}: {files}", written.1),
        ),
        (
            "append",
            appended.0,
            format!("writing {}: {files}", appended.1),
        ),
        ("mkdir", folder.0, format!("creating {}: {files}", folder.1)),
        (
            "symlink",
            source.0,
            format!("creating {}: {files}", source.1),
        ),
        (
            "unlink",
            removed.0,
            format!("removing or renaming {}: {files}", removed.1),
        ),
        (
            "rename",
            moved.0,
            format!("removing or renaming {}: {files}", moved.1),
        ),
        (
            "chmod",
            altered.0,
            format!("changing the attributes of {}: {files}", altered.1),
        ),
        (
            "signal",
            bystander.to_string(),
            format!(
                "sending a signal to process {bystander} (`sleep`): it is no process of this unit's"
            ),
        ),
        (
            "control",
            bystander.to_string(),
            format!(
                "tracing or changing process {bystander} (`sleep`): a build leaves processes alone"
            ),
        ),
    ]
    .into_iter()
    .map(|(what, on, line)| (Attempt { who, what, on }, line))
    .collect()
}

#[track_caller]
fn check(who: &'static str, actor: &str, command: &str) {
    for wall in walls() {
        let hostile = Hostile::new();
        let _socket =
            std::os::unix::net::UnixListener::bind(hostile.project.home("socket")).unwrap();
        let bystander = Bystander::start();
        let all = all(&hostile, who, bystander.pid());
        let (attempts, told): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        // Behind both walls there is no such process.
        let sees = |line: &&String| wall == "off" || !line.contains("`sleep`");
        let run = hostile
            .with(hostile.project.sandboxed(), &attempts)
            .env("SANDBOXED_CARGO_NAMESPACES", wall)
            .env("SANDBOXED_CARGO_WATCH", "everything")
            .env("FAIL", who)
            .arg(command)
            .finish()
            .code(101);
        let mut expected: Vec<String> = told
            .iter()
            .filter(|line| !line.is_empty())
            .filter(sees)
            .map(|line| format!("warning: the sandbox kept {actor} from {line}"))
            .collect();
        // What a file would have been renamed to.
        let renamed = format!("~/moved-{who}.renamed");
        expected.push(format!(
            "warning: the sandbox kept {actor} from creating `{renamed}`: it lies outside of this crate's results and TMPDIR"
        ));
        expected.sort();
        let mut found = denials(&run);
        found.sort();
        assert_eq!(found, expected, "{wall}{run:#}");
        let settings = "~/work/host/package.json";
        let mut helps = vec![
            "help: ship what the build needs with the package, or fetch it before; if you did not \
             expect it, look at the crate's source"
                .to_owned(),
            format!(
                "help: if it is no secret and the build needs it, add `~/.ssh/id_ed25519` to `perry.sandbox.read` in \
                 `{settings}`: \"perry\": {{ \"sandbox\": {{ \"read\": [\"~/.ssh/id_ed25519\"] }} }}"
            ),
            "help: a build writes to `OUT_DIR` and `TMPDIR`; if you did not expect it, look at the \
             crate's source"
                .to_owned(),
        ];
        if wall == "off" {
            let own = "help: a unit signals what it started itself, and traces nobody; if you did \
                       not expect it, look at the crate's source";
            helps.push(own.to_owned());
        }
        assert_eq!(lines(&run, &["help: "]), helps, "{run:#}");
        // The control: without the sandbox every attempt works.
        assert_eq!(hostile.control(&attempts), attempts.len(), "{run:#}");
    }
}

#[test]
fn of_a_build_script() {
    check("script", "the build script of `evil v0.1.0`", "build");
}

#[test]
fn of_a_proc_macro() {
    let actor = "the proc macro `plotter`, while compiling `evil v0.1.0`,";
    check("macro", actor, "build");
}

#[test]
fn of_a_build_script_of_a_cargo_outside() {
    check("script", "the build script of `evil v0.1.0`", "test");
}

#[test]
fn of_a_proc_macro_of_a_cargo_outside() {
    let actor = "the proc macro `plotter`, while compiling `evil v0.1.0`,";
    check("macro", actor, "run");
}

/// What the resolver asks for; whether it gets an answer depends on the machine.
#[test]
fn names() {
    for wall in walls() {
        let hostile = Hostile::new();
        let attempts = [Attempt {
            who: "script",
            what: "look-up",
            on: "exfiltration.example:443".into(),
        }];
        let run = hostile
            .with(hostile.project.sandboxed(), &attempts)
            .env("SANDBOXED_CARGO_NAMESPACES", wall)
            .args(["build", "-v"])
            .success();
        let told = denials(&run);
        assert!(
            !told.is_empty()
                && told.iter().all(|line| line.contains(
                    "the build script of `evil v0.1.0` from looking up the address of `exfiltration.example"
                )),
            "{run:#}"
        );
    }
}
