use std::fs;
use std::os::unix::fs::symlink;

use super::{Way, has_namespaces};
use crate::support::command::Run;
use crate::support::project::Project;
use crate::support::toolchain;
use crate::tools::{WithStandIn as _, package, search_path};

const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/cargo");

/// A folder `bin` in the home folder with our program under the name of cargo, by a link or by the
/// shim.
fn installed(project: &Project, by_shim: bool) {
    fs::create_dir_all(project.home("bin")).unwrap();
    let cargo = project.home("bin/cargo");
    if by_shim {
        fs::create_dir_all(project.home("lib/shim")).unwrap();
        fs::copy(SHIM, project.home("lib/shim/cargo")).unwrap();
        symlink(
            toolchain::product(),
            project.home("lib/shim/sandboxed-cargo"),
        )
        .unwrap();
        symlink("../lib/shim/cargo", cargo).unwrap();
    } else {
        symlink(toolchain::product(), cargo).unwrap();
    }
}

fn path_with(project: &Project, rest: &str) -> String {
    format!("{}:{rest}", project.home("bin").display())
}

fn as_cargo(project: &Project) -> Run {
    project
        .run(project.home("bin/cargo"))
        .env("PATH", path_with(project, &search_path()))
}

#[test]
fn called_cargo() {
    for by_shim in [false, true] {
        let project = package();
        installed(&project, by_shim);
        let finished = as_cargo(&project).args(["build", "-q"]).success();
        assert!(
            finished
                .stdout
                .starts_with(b"argument build\nargument -q\n")
        );
        let on = as_cargo(&project).env("PERRY_SANDBOX_BUILDRS", "1");
        let on = on.args(["build", ""]).success();
        assert!(
            on.stdout
                .starts_with(b"argument build\nargument \ndirectory ")
        );
        on.stderr("   Sandboxed project (strict)\n");
    }
}

/// Whoever calls `cargo sandbox` means a command of cargo's.
#[test]
fn our_word_is_not_cargos() {
    for by_shim in [false, true] {
        let project = package();
        installed(&project, by_shim);
        let run = as_cargo(&project).args(["sandbox", "doctor"]).success();
        assert!(
            run.stdout
                .starts_with(b"argument sandbox\nargument doctor\n")
        );
    }
    let project = package();
    let ours = project.off().args(["sandbox", "doctor"]).finish();
    assert!(ours.stdout.starts_with(b"kernel "), "{ours}");
    // Only as the first word.
    let run = project.off().args(["+x", "sandbox"]).success();
    assert!(run.stdout.starts_with(b"argument +x\nargument sandbox\n"));
    // By a link of our own name in another place.
    symlink(toolchain::product(), project.home("sandboxed-cargo")).unwrap();
    let run = project.run(project.home("sandboxed-cargo"));
    let run = run.args(["sandbox", "doctor"]).finish();
    assert!(run.stdout.starts_with(b"kernel "), "{run}");
}

/// A build script that calls cargo by name finds us again, and stays where it is.
#[test]
fn cargo_inside_a_build() {
    let script = r#"
        use std::process::Command;
        fn main() {
            let out = std::env::var("OUT_DIR").unwrap();
            let version = Command::new("cargo").arg("--version").output().unwrap();
            assert!(version.status.success(), "{version:?}");
            assert!(version.stdout.starts_with(b"cargo "), "{version:?}");
            // A package of its own, whose script does what it must not.
            let inner = format!("{out}/inner");
            std::fs::create_dir_all(format!("{inner}/src")).unwrap();
            let manifest = "[package]\nname = \"inner\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
            std::fs::write(format!("{inner}/Cargo.toml"), manifest).unwrap();
            std::fs::write(format!("{inner}/src/lib.rs"), "").unwrap();
            std::fs::write(
                format!("{inner}/build.rs"),
                "fn main() {\n\
                 let home = std::env::var(\"HOME\").unwrap();\n\
                 // Succeeds in a private /tmp, if the home folder lies there, and is gone after.\n\
                 let _ = std::fs::write(format!(\"{home}/planted\"), \"\");\n\
                 std::net::TcpStream::connect(\"127.0.0.1:9\").map(drop)\n\
                     .map_err(|e| assert!(e.kind() == std::io::ErrorKind::PermissionDenied, \"{e}\"))\n\
                     .unwrap_err();\n\
                 }",
            )
            .unwrap();
            let mut inner_build = Command::new("cargo");
            inner_build.args(["build", "--offline", "--manifest-path"]);
            inner_build.arg(format!("{inner}/Cargo.toml"));
            inner_build.env("CARGO_TARGET_DIR", format!("{out}/target"));
            if std::env::var_os("SWITCH_OFF").is_some() {
                inner_build.env_remove("PERRY_SANDBOX_BUILDRS");
            }
            let built = inner_build.output().unwrap();
            let said = String::from_utf8_lossy(&built.stderr);
            assert!(built.status.success(), "{said}");
            assert!(!said.contains("Sandboxed"), "{said}");
        }
    "#;
    let walls: &[&str] = if has_namespaces() {
        &["off", "require"]
    } else {
        &["off"]
    };
    for by_shim in [false, true] {
        for namespaces in walls {
            for switched_off in [false, true] {
                let project = Project::new();
                project.package(script, "");
                installed(&project, by_shim);
                let real = toolchain::sysroot().join("bin");
                let rest = format!("{}:/usr/bin:/bin", real.display());
                let mut run = project
                    .run(project.home("bin/cargo"))
                    .env("PATH", path_with(&project, &rest))
                    .env("PERRY_SANDBOX_BUILDRS", "1")
                    .env("SANDBOXED_CARGO_NAMESPACES", namespaces);
                if switched_off {
                    run = run.env("SWITCH_OFF", "1");
                }
                run.arg("build").success();
                assert!(!project.home("planted").exists());
            }
        }
    }
}

/// Another copy of the program in the real one's place is told from it in every way.
#[test]
fn every_way_starts_the_same_cargo() {
    for way in Way::all() {
        let project = way.project();
        let by_name = project.home("real/cargo");
        fs::create_dir_all(project.home("real")).unwrap();
        fs::copy(crate::tools::stand_in().join("cargo"), &by_name).unwrap();
        let run = way.call(&project).env("PATH", "/usr/bin:/bin");
        let run = run.env("SANDBOXED_CARGO_REAL", &by_name);
        run.env("STAND_IN", "exit 44")
            .arg("build")
            .finish()
            .code(44);
    }
}
