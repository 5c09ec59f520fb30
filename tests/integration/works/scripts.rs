use super::{Cargo, each, main, script};
use crate::support::project::{Project, is_in_private_folder};
use crate::support::{skip, toolchain};

#[test]
fn generated_code() {
    each(|cargo| {
        let project = Project::new();
        let body = "fs::write(out(\"made.rs\"), \"pub const N: i32 = 7;\").unwrap();";
        project.package(&main(body), "");
        project.file(
            "src/lib.rs",
            "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));",
        );
        cargo.of(&project).arg("build").success();
    });
}

#[test]
fn files_of_all_kinds() {
    script(
        r#"
        use std::os::unix::fs::{symlink, PermissionsExt};
        let now = std::time::SystemTime::now();
        fs::create_dir_all(out("a/b/c")).unwrap();
        fs::write(out("a/file"), "1").unwrap();
        symlink("file", out("a/link")).unwrap();
        symlink(out("a"), out("folder-link")).unwrap();
        assert_eq!(fs::read_to_string(out("folder-link/link")).unwrap(), "1");
        fs::hard_link(out("a/file"), out("a/hard")).unwrap();
        fs::copy("Cargo.toml", out("a/copy")).unwrap();
        fs::copy("/bin/sh", out("sh")).unwrap();
        fs::set_permissions(out("sh"), fs::Permissions::from_mode(0o500)).unwrap();
        assert_eq!(fs::metadata(out("sh")).unwrap().permissions().mode() & 0o777, 0o500);
        fs::set_permissions(out("a"), fs::Permissions::from_mode(0o700)).unwrap();
        let file = fs::File::options().write(true).open(out("a/file")).unwrap();
        let past = now - std::time::Duration::from_secs(86_400);
        file.set_modified(past).unwrap();
        assert!(fs::metadata(out("a/file")).unwrap().modified().unwrap() <= past);
        file.set_len(0).unwrap();
        fs::rename(out("a/file"), out("a/b/c/file")).unwrap();
        fs::rename(out("a/b"), out("moved")).unwrap();
        std::os::unix::fs::chown(out("moved"), None, None).unwrap();
        fs::remove_file(out("a/link")).unwrap();
        fs::remove_dir_all(out("moved")).unwrap();
        let mut file = fs::File::open(out("sh")).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o700)).unwrap();
        "#,
    );
}

#[test]
fn attributes_kept_by_tools() {
    script(
        r#"
        sh("cp -p /bin/sh sh; test $(stat -c %Y sh) = $(stat -c %Y -L /bin/sh)");
        sh("install -m 750 /bin/sh sh2; test $(stat -c %a sh2) = 750");
        sh("install -d -m 711 dir; test $(stat -c %a dir) = 711");
        sh("touch -d 2001-01-01 old; test $(date -d @$(stat -c %Y old) +%Y) = 2001");
        sh("mkdir t; cp -a sh sh2 old t; tar cf t.tar t; rm -r t; tar xpf t.tar; test t/sh2 -nt t/old");
        sh("chmod -R u+rwX,go-w t; chown -R $(id -u):$(id -g) t; mv t u; rm -rf u");
        sh("ln -s sh link; touch -h -d 2002-02-02 link; cp -P link link2; readlink link2");
        sh("mkfifo pipe; (echo hello > pipe &) ; test $(cat pipe) = hello");
        "#,
    );
}

#[test]
fn temporary_files() {
    script(
        r#"
        sh("f=$(mktemp); echo 1 > $f; d=$(mktemp -d); mv $f $d/x; rm -r $d");
        sh("f=$(mktemp -t name.XXXXXX); test -w \"$f\"; chmod 600 \"$f\"; rm \"$f\"");
        sh("cat <<END | grep -q here\nhere\nEND\nread x < <(echo 1); test $x = 1; sort -S 1k -o s <(seq 2000)");
        let place = std::env::temp_dir().join("made-by-build-script");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("f"), "x").unwrap();
        fs::copy(place.join("f"), out("f")).unwrap();
        fs::remove_dir_all(place).unwrap();
        "#,
    );
}

#[test]
fn devices() {
    script(
        r#"
        fs::write("/dev/null", "gone").unwrap();
        let mut some = [1; 8];
        fs::File::open("/dev/zero").unwrap().read_exact(&mut some).unwrap();
        assert_eq!(some, [0; 8]);
        fs::File::open("/dev/urandom").unwrap().read_exact(&mut some).unwrap();
        fs::File::options().read(true).write(true).open("/dev/null").unwrap();
        fs::File::create("/dev/null").unwrap();
        sh("true > /dev/null 2>&1 < /dev/null; echo out > /dev/stdout; echo err > /dev/stderr");
        sh("head -c 10 /dev/urandom > random; cat /dev/fd/0 < random > /dev/null");
        assert!(Command::new("sh").args(["-c", "echo x > /dev/full"]).output().is_ok());
        "#,
    );
}

/// What autoconf's scripts do to find out where they are.
const CONFIGURE: &str = r#"#!/bin/sh
exec 5>config.log 6>&1
echo "checking for a compiler" >&6
cat > conftest.c <<C_END
int main(void) { return 0; }
C_END
CC=
for cc in nosuchcc cc; do
    if ($cc -o conftest conftest.c) >&5 2>&5; then CC=$cc; break; fi
done
./conftest || exit 77
{ tmp=$( (umask 077 && mktemp -d "./confXXXXXX") 2>/dev/null) && test -d "$tmp"; } || exit 1
if (mkdir -p "$tmp/sub" && ln -s sub "$tmp/link") 2>/dev/null; then :; else exit 2; fi
sed "s|@CC@|$CC|" > Makefile <<'MAKE_END'
all: ; @CC@ -o program conftest.c && test -x program
MAKE_END
trap 'rm -f conf$$' 0 1 2 15
: > conf$$
rm -rf "$tmp" conftest
"#;

#[test]
fn configure_and_make() {
    if !toolchain::has("cc") || !toolchain::has("make") {
        return skip("configure_and_make", "no cc or make");
    }
    each(|cargo| {
        let project = Project::new();
        project.package(
            &main("sh(\"sh $CARGO_MANIFEST_DIR/configure && make\");"),
            "",
        );
        project.file("configure", CONFIGURE);
        cargo.of(&project).arg("build").success();
    });
}

#[test]
fn c_code() {
    if !toolchain::has("cc") || !toolchain::has("ar") {
        return skip("c_code", "no cc or ar");
    }
    each(|cargo| {
        let project = Project::new();
        let body = r#"
            fs::write(out("c.c"), "int seven(void) { return 7; }").unwrap();
            sh("cc -O1 -pipe -c c.c -o c.o && ar crs libseven.a c.o && cc -O1 -save-temps -c c.c -o d.o");
            println!("cargo:rustc-link-search=native={}", out("").display());
            println!("cargo:rustc-link-lib=static=seven");
        "#;
        project.package(&main(body), "");
        project.file(
            "src/lib.rs",
            "mod c {\n    extern \"C\" {\n        pub fn seven() -> i32;\n    }\n}\n\
             pub fn seven() -> i32 {\n    unsafe { c::seven() }\n}\n",
        );
        project.file(
            "src/main.rs",
            "fn main() {\n    assert_eq!(app::seven(), 7);\n}\n",
        );
        cargo.of(&project).args(["build", "--quiet"]).success();
        project.run(project.path("target/debug/app")).success();
    });
}

#[test]
fn git_describe() {
    if !toolchain::has("git") {
        return skip("git_describe", "no git");
    }
    each(|cargo| {
        let project = Project::new();
        let body = r#"
            let git = |arguments: &[&str]| run(Command::new("git").args(arguments));
            assert_eq!(git(&["describe", "--tags", "--always", "--dirty"]).trim(), "v1");
            assert_eq!(git(&["rev-parse", "--abbrev-ref", "HEAD"]).trim(), "main");
            assert_eq!(git(&["status", "--porcelain"]).trim(), "");
            assert_eq!(git(&["log", "-1", "--format=%s"]).trim(), "one");
            assert_eq!(git(&["config", "user.email"]).trim(), "a@example.invalid");
        "#;
        project.package(&main(body), "");
        project.file(".gitignore", "target\nCargo.lock\n");
        let user = "[user]\n\tname = a\n\temail = a@example.invalid\n";
        project.home_file(".gitconfig", user);
        for arguments in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["add", "."],
            &["commit", "--quiet", "-m", "one"],
            &["tag", "v1"],
        ] {
            project.run("git").args(arguments).success();
        }
        cargo.of(&project).arg("build").success();
    });
}

#[test]
fn cargo_and_rustc_from_a_script() {
    script(
        r#"
        let cargo = std::env::var("CARGO").unwrap();
        let rustc = std::env::var("RUSTC").unwrap();
        let metadata = run(Command::new(&cargo).args(["metadata", "--offline", "--format-version=1"]));
        assert!(metadata.contains("\"name\":\"app\""));
        run(Command::new(&cargo).arg("--version"));
        run(Command::new(&rustc).arg("-vV"));
        fs::write(out("probe.rs"), "pub fn f() -> u128 { 1 }").unwrap();
        run(Command::new(&rustc)
            .args(["--crate-name=probe", "--crate-type=lib", "--emit=metadata", "--out-dir"])
            .arg(out(""))
            .arg(out("probe.rs")));
        let failed = Command::new(&rustc)
            .args(["--crate-type=lib", "--emit=metadata", "--out-dir"])
            .arg(out(""))
            .arg("no-such-file.rs")
            .output()
            .unwrap();
        assert_eq!(failed.status.code(), Some(1));
        fs::create_dir_all(out("nested/src")).unwrap();
        let manifest = "[package]\nname='n'\nversion='0.0.0'\nedition='2021'\n[workspace]\n";
        fs::write(out("nested/Cargo.toml"), manifest).unwrap();
        fs::write(out("nested/src/main.rs"), "fn main() { println!(\"nested\") }").unwrap();
        fs::write(out("nested/build.rs"), "fn main() { println!(\"cargo:rustc-cfg=x\") }").unwrap();
        for name in [cargo.as_str(), "cargo"] {
            run(Command::new(name)
                .args(["build", "--quiet"])
                .current_dir(out("nested"))
                .env("CARGO_TARGET_DIR", out("nested/target")));
        }
        assert_eq!(run(&mut Command::new(out("nested/target/debug/n"))).trim(), "nested");
        "#,
    );
}

#[test]
fn nested_cargo_through_the_shim() {
    each(|cargo| {
        let project = Project::new();
        let body = r#"
            fs::create_dir_all(out("n/src")).unwrap();
            let manifest = "[package]\nname='n'\nversion='0.0.0'\n[workspace]\n";
            fs::write(out("n/Cargo.toml"), manifest).unwrap();
            fs::write(out("n/src/lib.rs"), "").unwrap();
            let place = out("t");
            run(Command::new("cargo").arg("build").current_dir(out("n")).env("CARGO_TARGET_DIR", place));
            assert!(out("t/debug/libn.rlib").exists());
        "#;
        project.package(&main(body), "");
        // A user puts us first on PATH, so that a script's `cargo` is us again.
        let shim = project.root().join("shim");
        std::fs::create_dir(&shim).unwrap();
        if cargo != Cargo::Plain {
            std::os::unix::fs::symlink(toolchain::product(), shim.join("cargo")).unwrap();
        }
        let path = toolchain::path();
        let folders = std::iter::once(shim).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).unwrap();
        cargo.of(&project).arg("build").env("PATH", path).success();
    });
}

/// Its locks live in `/dev/shm`, of which only namespaces give the build one of its own.
#[test]
fn python_processes() {
    if !toolchain::has("python3") {
        return skip("python_processes", "no python3");
    }
    each(|cargo| {
        let project = Project::new();
        project.package(&main("run(Command::new(\"python3\").arg(\"p.py\"));"), "");
        project.file(
            "p.py",
            "import multiprocessing as m\nimport tempfile\n\ndef f(n):\n    return n * n\n\n\
             if __name__ == '__main__':\n    with m.Pool(2) as pool:\n        \
             assert pool.map(f, [1, 2, 3]) == [1, 4, 9]\n    tempfile.NamedTemporaryFile()\n",
        );
        // Where the results of all units lie in one of them, no unit may have it.
        if cargo == Cargo::BothWalls && is_in_private_folder() {
            return skip(
                "shared folders",
                "the target folder lies in the temporary one",
            );
        }
        if cargo != Cargo::FirstWall {
            cargo.of(&project).arg("build").success();
        }
    });
}

/// A build that needs it fails, and is not made from an empty one instead.
#[test]
fn a_file_with_secrets_is_no_empty_one() {
    each(|cargo| {
        let project = Project::new();
        project.package(&main("fs::read_to_string(\".env\").unwrap();"), "");
        project.file(".env", "A=1");
        let run = cargo.of(&project).arg("build").finish();
        if cargo == Cargo::Plain {
            run.code(0);
        } else {
            run.code(101).stderr_has("PermissionDenied");
        }
    });
}

#[test]
fn shared_folders() {
    each(|cargo| {
        let project = Project::new();
        let body = r#"
            for folder in ["/tmp", "/dev/shm"] {
                let path = PathBuf::from(folder).join(format!("made-by-{}", std::process::id()));
                fs::write(&path, "x").unwrap();
                fs::remove_file(&path).unwrap();
            }
        "#;
        project.package(&main(body), "");
        if cargo != Cargo::FirstWall {
            cargo.of(&project).arg("build").success();
        }
    });
}

#[test]
fn threads_and_children() {
    script(
        r#"
        use std::os::unix::process::{CommandExt, ExitStatusExt};
        let threads: Vec<_> = (0..8).map(|n| std::thread::spawn(move || n)).collect();
        assert_eq!(threads.into_iter().map(|t| t.join().unwrap()).sum::<u32>(), 28);
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        let (mut a, mut b) = std::os::unix::net::UnixStream::pair().unwrap();
        a.write_all(b"x").unwrap();
        b.read_exact(&mut [0]).unwrap();
        sh("nice -n 5 true; (ulimit -n 64; ulimit -c 0; true); timeout 5 true; kill -0 $$");
        sh("command -v nproc && nproc; ls -l /usr > /dev/null; id; uname -a");
        "#,
    );
}

#[test]
fn macro_reads_a_template() {
    each(|cargo| {
        let project = Project::new();
        project.package("", "[dependencies]\nm.path = \"m\"\n[workspace]\n");
        project.file("templates/page.html", "<p>hello</p>");
        project.file("migrations/1.sql", "select 1");
        project.file(
            "src/main.rs",
            "fn main() { println!(\"{}\", m::template!()); }",
        );
        project.file(
            "m/Cargo.toml",
            "[package]\nname = \"m\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
             [lib]\nproc-macro = true\n",
        );
        project.file(
            "m/src/lib.rs",
            "use proc_macro::TokenStream;\n#[proc_macro]\n\
             pub fn template(_: TokenStream) -> TokenStream {\n\
             let root = std::env::var_os(\"CARGO_MANIFEST_DIR\").unwrap();\n\
             let root = std::path::PathBuf::from(root);\n\
             assert_eq!(std::fs::read_dir(root.join(\"migrations\")).unwrap().count(), 1);\n\
             let text = std::fs::read_to_string(root.join(\"templates/page.html\")).unwrap();\n\
             format!(\"{text:?}\").parse().unwrap()\n}\n",
        );
        cargo.of(&project).args(["build", "--quiet"]).success();
        project
            .run(project.path("target/debug/app"))
            .success()
            .stdout("<p>hello</p>\n");
    });
}

#[test]
fn harmless_environment() {
    each(|cargo| {
        let project = Project::new();
        let body = r#"
            for name in ["HOME", "PATH", "LANG", "CFLAGS", "MY_FEATURE", "CARGO_MANIFEST_DIR",
                "TARGET", "HOST", "OUT_DIR", "NUM_JOBS", "PROFILE"] {
                assert!(std::env::var_os(name).is_some(), "{name}");
            }
            assert_eq!(std::env::var("MY_FEATURE").unwrap(), "a b");
        "#;
        project.package(&main(body), "");
        let command = cargo.of(&project).arg("build");
        command
            .env("MY_FEATURE", "a b")
            .env("CFLAGS", "-O2")
            .success();
    });
}

/// A cargo that a script starts says so at once instead of waiting for an answer; and it is the same
/// wherever cargo itself is.
#[test]
fn scripts_are_told_that_they_are_offline() {
    each(|cargo| {
        let project = Project::new();
        let body = r#"println!("cargo:rustc-env=TOLD={:?}", std::env::var("CARGO_NET_OFFLINE"));"#;
        project.package(&main(body), "");
        let print = "fn main() { print!(\"{}\", env!(\"TOLD\")) }";
        project.file("src/main.rs", print);
        let told = match cargo {
            Cargo::Plain => "Err(NotPresent)",
            _ => "Ok(\"true\")",
        };
        cargo.of(&project).arg("build").success();
        let program = project.path("target/debug/app");
        project.run(program).success().stdout(told);
        std::fs::remove_dir_all(project.path("target")).unwrap();
        cargo.of(&project).arg("run").success().stdout(told);
    });
}
