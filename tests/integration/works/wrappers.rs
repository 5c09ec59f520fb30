//! sccache, whose server compiles outside of any box.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use crate::support::project::Project;
use crate::support::skip;

/// As `tests/tools` installs it.
fn sccache() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = folder.join("tools/bin/sccache");
    path.is_file().then_some(path)
}

/// A server of its own, with what it compiled and how often it was asked.
struct Server<'a> {
    program: &'a Path,
    project: &'a Project,
    port: String,
}

impl<'a> Server<'a> {
    fn start(program: &'a Path, project: &'a Project) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        let server = Self {
            program,
            project,
            port,
        };
        server.ask("--start-server");
        server
    }

    fn ask(&self, option: &str) -> String {
        let run = self.project.run(self.program).args([option]);
        let finished = self.with_variables(run).success();
        String::from_utf8_lossy(&finished.stdout).into_owned()
    }

    fn with_variables(&self, run: crate::support::command::Run) -> crate::support::command::Run {
        run.env("SCCACHE_SERVER_PORT", &self.port)
            .env("SCCACHE_DIR", self.project.home("sccache"))
    }

    /// Was it ever reached?
    fn was_asked(&self) -> bool {
        let statistics = self.ask("--show-stats");
        let line = statistics
            .lines()
            .find(|line| line.starts_with("Compile requests  "));
        !line.expect("a count").trim_end().ends_with(" 0")
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // A failure in here would hide the one that is on its way.
        let run = self.project.run(self.program).args(["--stop-server"]);
        self.with_variables(run).finish();
    }
}

#[test]
fn sccache_is_refused_and_never_compiles() {
    let Some(program) = sccache() else {
        return skip("sccache", "tests/tools has not installed it");
    };
    let project = Project::new();
    project.package("", "");
    let server = Server::start(&program, &project);
    // Under another name we do not know it.
    let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.display());
    project.program("bin/wrapper", &script);
    let hidden = project.home("work/project/bin/wrapper");

    let by_name = project.sandboxed().env("RUSTC_WRAPPER", &program);
    let message = format!(
        "error: the rustc wrapper `{}` compiles in a server of its own, outside of the sandbox\n\
         help: switch it off for sandboxed builds: `RUSTC_WRAPPER= cargo …`\n",
        program.display()
    );
    let refused = server.with_variables(by_name).args(["build"]).finish();
    refused.code(125).stdout("").stderr(&message);

    // It cannot reach its server, and fails.
    for command in ["build", "test"] {
        let by_script = project.sandboxed().env("RUSTC_WRAPPER", &hidden);
        let failed = server.with_variables(by_script).args([command]).finish();
        failed.code(101);
        assert!(!server.was_asked(), "{command}");
    }

    // The control.
    let plain = project.plain().env("RUSTC_WRAPPER", &hidden);
    server.with_variables(plain).args(["build"]).success();
    assert!(server.was_asked());

    let off = project.sandboxed().env("RUSTC_WRAPPER", "");
    server.with_variables(off).args(["build"]).success();
}
