use std::fmt::Write as _;

use super::hostile::{Attempt, Hostile, denials};
use crate::support::project::Project;

const WHY: &str = "a build has no network";

/// Connects as often as the first number says; to a port where nobody is.
fn script(count: usize) -> String {
    format!(
        "fn main() {{\n    for _ in 0..{count} {{\n        \
         let _ = std::net::TcpStream::connect(\"127.0.0.1:9\");\n    }}\n}}\n"
    )
}

pub(super) fn package(name: &str, version: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\n{rest}")
}

/// Many at a time, and two of one name.
#[test]
fn packages_built_at_once() {
    for command in ["build", "test"] {
        let project = Project::named("host");
        let mut dependencies = String::from("[dependencies]\n");
        let mut expected = Vec::new();
        for number in 1..=6_usize {
            let name = if number < 3 {
                "twin".to_owned()
            } else {
                format!("p{number}")
            };
            let version = format!("{number}.0.0");
            project
                .file(
                    format!("p{number}/Cargo.toml"),
                    package(&name, &version, ""),
                )
                .file(format!("p{number}/src/lib.rs"), "")
                .file(format!("p{number}/build.rs"), script(number));
            writeln!(
                dependencies,
                "d{number} = {{ package = \"{name}\", path = \"p{number}\" }}"
            )
            .unwrap();
            let times = if number == 1 {
                String::new()
            } else {
                format!(" ({number} times)")
            };
            expected.push(format!(
                "warning: the sandbox kept the build script of `{name} v{version}` from connecting to \
                 127.0.0.1:9{times}: {WHY}"
            ));
        }
        project
            .file(
                "Cargo.toml",
                package("app", "0.1.0", &(dependencies + "[workspace]\nexclude = [\"p1\", \"p2\", \"p3\", \"p4\", \"p5\", \"p6\"]\n")),
            )
            .file("src/lib.rs", "");
        let run = project.sandboxed().args([command, "-v", "-j4"]).success();
        let mut found = denials(&run);
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{run:#}");
    }
}

/// The one whose build started it answers for it.
#[test]
fn cargo_within_a_build_script() {
    let project = Project::named("host");
    project
        .file("Cargo.toml", package("outer", "0.1.0", "[workspace]\n"))
        .file("src/lib.rs", "")
        .file(
            "build.rs",
            "use std::process::Command;\nfn main() {\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
             let inner = Command::new(std::env::var(\"CARGO\").unwrap()).args([\"build\", \"--manifest-path\", \
             \"inner/Cargo.toml\", \"--target-dir\", &out]).status();\n    assert!(inner.unwrap().success());\n}\n",
        )
        .file("inner/Cargo.toml", package("inner", "0.2.0", "[workspace]\n"))
        .file("inner/src/lib.rs", "")
        .file("inner/build.rs", script(2));
    project
        .plain()
        .args(["generate-lockfile", "--manifest-path", "inner/Cargo.toml"])
        .success();
    let run = project.sandboxed().args(["build", "-v"]).success();
    let expected = format!(
        "warning: the sandbox kept the build script of `outer v0.1.0` from connecting to 127.0.0.1:9 \
         (2 times): {WHY}"
    );
    assert_eq!(denials(&run), [expected], "{run:#}");
}

/// Variables, the words of our own protocol, and names of programs do not move the blame.
#[test]
fn nobody_else_is_blamed() {
    let project = Project::named("host");
    project
        .file(
            "Cargo.toml",
            package(
                "evil",
                "0.1.0",
                "[lib]\npath = \"src/lib.txt\"\n[dependencies]\nmac = { path = \"mac\" }\n[workspace]\n",
            ),
        )
        .file("src/lib.txt", "mac::connect!();\n")
        .file(
            "build.rs",
            r##"
use std::ffi::{c_int, c_long, c_ulong};
use std::process::Command;
unsafe extern "C" {
    fn prctl(option: c_int, ...) -> c_int;
    fn setenv(name: *const i8, value: *const i8, overwrite: c_int) -> c_int;
}
fn main() {
    println!("cargo::rustc-env=CARGO_PKG_NAME=innocent");
    println!("cargo::rustc-env=CARGO_PKG_VERSION=9.9.9");
    let mac = std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/mac";
    println!("cargo::rustc-link-lib={mac}/src/lib.rs");
    println!("cargo::rustc-env=CARGO_MANIFEST_DIR={mac}");
    let _ = std::fs::copy("/proc/self/exe", std::env::var("OUT_DIR").unwrap() + "/rustc");
    if std::env::args().len() == 1 {
        unsafe { setenv(c"CARGO_PKG_NAME".as_ptr().cast(), c"innocent".as_ptr().cast(), 1) };
        let places = std::env::var("OUT_DIR").unwrap() + "\0";
        let unit = r#"{"kind":"build-script","package":"innocent","version":"9.9.9"}"#;
        let (at, long) = (places.as_ptr() as c_ulong, places.len() as c_long);
        let answer = unsafe { prctl(0x7362786e, at, long, unit.as_ptr() as c_ulong, unit.len() as c_long) };
        assert_eq!(answer, 0x7362786e);
        let _ = Command::new(std::env::current_exe().unwrap()).arg("again").status();
    }
    let _ = std::net::TcpStream::connect("127.0.0.1:9");
}
"##,
        )
        .file("mac/Cargo.toml", package("mac", "0.2.0", "[lib]\nproc-macro = true\n"))
        .file(
            "mac/src/lib.rs",
            "#[proc_macro]\npub fn connect(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n    \
             let _ = std::net::TcpStream::connect(\"127.0.0.1:9\");\n    Default::default()\n}\n",
        );
    let run = project.sandboxed().args(["build", "-v"]).success();
    let expected = [
        format!(
            "warning: the sandbox kept the build script of `evil v0.1.0` from connecting to 127.0.0.1:9 \
             (2 times): {WHY}"
        ),
        format!(
            "warning: the sandbox kept the proc macro `mac`, while compiling `evil v0.1.0`, from connecting \
             to 127.0.0.1:9: {WHY}"
        ),
    ];
    assert_eq!(denials(&run), expected, "{run:#}");
}

#[test]
fn programs_that_a_unit_starts() {
    let hostile = Hostile::new();
    let file = hostile.project.home("written");
    let attempts = ["script", "macro"].map(|who| Attempt {
        who,
        what: "shell",
        on: format!("echo x 2>/dev/null > {}", file.display()),
    });
    let run = hostile
        .with(hostile.project.sandboxed(), &attempts)
        .args(["build", "-v"])
        .success();
    let told = denials(&run);
    let shell = std::fs::canonicalize("/bin/sh").unwrap();
    let shell = shell.file_name().unwrap().to_str().unwrap();
    let expected = [
        format!(
            "warning: the sandbox kept `{shell}`, started by the build script of `evil v0.1.0`, from \
             writing `~/written`: it lies outside of this crate's results and TMPDIR"
        ),
        format!(
            "warning: the sandbox kept `{shell}`, started while compiling `evil v0.1.0`, from writing \
             `~/written`: it lies outside of this crate's results and TMPDIR"
        ),
    ];
    assert_eq!(told, expected, "{run:#}");
    assert_eq!(hostile.control(&attempts), 2);
}

/// An exempt package is somebody's whom the host can name.
#[test]
fn packages_of_npm() {
    let project = Project::named("host");
    project
        .file("package.json", "{}")
        .file("node_modules/@a/b/package.json", "{}")
        .file(
            "node_modules/@a/b/Cargo.toml",
            package("b", "0.1.0", "[workspace]\n"),
        )
        .file("node_modules/@a/b/src/lib.rs", "")
        .file(
            "node_modules/@a/b/build.rs",
            script(1)
                .replace("let _ =", "")
                .replace(");", ").unwrap();"),
        );
    let run = project
        .sandboxed()
        .args(["build", "--manifest-path", "node_modules/@a/b/Cargo.toml"])
        .finish()
        .code(101);
    let help = "help: ship what the build needs with the package, or fetch it before; if you trust `@a/b` \
                with your machine, exempt it in `~/work/host/package.json`: \
                \"perry\": { \"allowUnsandboxedBuild\": [\"@a/b\"] }";
    let helps = super::hostile::lines(&run, &["help: "]);
    assert_eq!(helps[0], help, "{run:#}");
    // What it failed for may have been something else, which is not observed.
    assert!(
        helps[1].ends_with("which variables it does not get"),
        "{run:#}"
    );
    assert_eq!(helps.len(), 2, "{run:#}");
    // It is paste-ready.
    project.file(
        "package.json",
        "{ \"perry\": { \"allowUnsandboxedBuild\": [\"@a/b\"] } }",
    );
    let run = project
        .sandboxed()
        .args(["build", "--manifest-path", "node_modules/@a/b/Cargo.toml"])
        .finish();
    assert!(
        String::from_utf8_lossy(&run.stderr).contains("ConnectionRefused"),
        "{run:#}"
    );
}
