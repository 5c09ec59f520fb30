//! The hostile project, as it lies in the throw-away folder.

use std::fs;
use std::io;
use std::path::Path;

/// Where canaries are, as constants for `attack.rs`.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) tcp: u16,
    pub(super) udp: u16,
    /// Of a daemon.
    pub(super) socket: String,
    pub(super) abstract_name: String,
    pub(super) processes: [u32; 3],
    /// The variable that marks what is left running.
    pub(super) left: String,
}

const FILES: [(&str, &str); 9] = [
    ("package.json", include_str!("package/package.json")),
    ("Cargo.toml", include_str!("package/Cargo.toml.in")),
    ("src/lib.rs", include_str!("package/src/lib.rs")),
    ("attack.rs", include_str!("package/attack.rs")),
    (
        "hostile/Cargo.toml",
        include_str!("package/hostile/Cargo.toml.in"),
    ),
    ("hostile/build.rs", include_str!("package/hostile/build.rs")),
    (
        "macros/Cargo.toml",
        include_str!("package/macros/Cargo.toml.in"),
    ),
    (
        "macros/src/lib.rs",
        include_str!("package/macros/src/lib.rs"),
    ),
    (
        "victim/Cargo.toml",
        include_str!("package/victim/Cargo.toml.in"),
    ),
];

/// Writes it to `project` in `root`, beside the home folder.
pub(super) fn write(root: &Path, plan: &Plan) -> io::Result<()> {
    let project = root.join("project");
    for (name, text) in FILES {
        file(&project.join(name), text)?;
    }
    for name in ["hostile/src/lib.rs", "victim/src/lib.rs"] {
        file(&project.join(name), "")?;
    }
    file(&project.join("plan.rs"), &plan.text(root)?)
}

fn file(path: &Path, text: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, text)
}

impl Plan {
    fn text(&self, root: &Path) -> io::Result<String> {
        let path = |name| {
            let path = root.join(name);
            let text = path.to_str().map(str::to_owned);
            text.ok_or_else(|| io::Error::other("the folder's path is not UTF-8"))
        };
        Ok(format!(
            "pub const HOME: &str = {:?};\n\
             pub const PROJECT: &str = {:?};\n\
             pub const TCP: u16 = {};\n\
             pub const UDP: u16 = {};\n\
             pub const SOCKET: &str = {:?};\n\
             pub const ABSTRACT: &str = {:?};\n\
             pub const PROCESSES: [u32; 3] = {:?};\n\
             pub const LEFT: &str = {:?};\n",
            path("home")?,
            path("project")?,
            self.tcp,
            self.udp,
            self.socket,
            self.abstract_name,
            self.processes,
            self.left
        ))
    }
}
