use std::fmt::Write as _;

use super::actors::package;
use super::hostile::denials;
use crate::support::project::Project;

/// Who tries a thousand things to hide one does not hide that, nor what others try.
#[test]
fn a_flood() {
    let project = Project::named("host");
    let mut dependencies = String::from("[dependencies]\n");
    for (name, body) in [
        (
            "flood",
            "let home = std::env::var(\"HOME\").unwrap();\n    for number in 0..700 {\n        \
             let _ = std::fs::write(format!(\"{home}/f{number}\"), \"\");\n    }",
        ),
        (
            "other",
            "let _ = std::net::TcpStream::connect(\"127.0.0.1:9\");",
        ),
    ] {
        project
            .file(format!("{name}/Cargo.toml"), package(name, "0.1.0", ""))
            .file(format!("{name}/src/lib.rs"), "")
            .file(
                format!("{name}/build.rs"),
                format!("fn main() {{\n    {body}\n}}\n"),
            );
        writeln!(dependencies, "{name} = {{ path = \"{name}\" }}").unwrap();
    }
    project
        .file(
            "Cargo.toml",
            package("app", "0.1.0", &(dependencies + "[workspace]\n")),
        )
        .file("src/lib.rs", "");
    let run = project.sandboxed().args(["build", "-v", "-j1"]).success();
    let found = denials(&run);
    let of = |name: &str| {
        let who = format!("the build script of `{name} v0.1.0`");
        found.iter().filter(|line| line.contains(&who)).count()
    };
    assert_eq!((of("flood"), of("other")), (500, 1), "{run:#}");
    let told = "warning: the build script of `flood v0.1.0` tried more different things than the sandbox keeps \
                account of: what 200 more attempts were, and whether they were denied, is not told\n";
    assert!(run.plain_text(&run.stderr).contains(told), "{run:#}");

    // Nor does it say less where nobody asked for more.
    let project_again = project.sandboxed().args(["build"]).success();
    assert!(
        !project_again
            .plain_text(&project_again.stderr)
            .contains("tried more")
    );
}

/// A macro maps a library of another name, which it has made, before it connects.
#[test]
fn a_false_name() {
    const PLOT: &str = r#"
use std::ffi::{c_int, c_void};
use std::os::fd::AsRawFd;

unsafe extern "C" {
    fn mmap(at: *mut c_void, length: usize, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> *mut c_void;
}

#[proc_macro]
pub fn plot(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let folder = std::env::temp_dir().join("deps");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("libinnocent-0123456789abcdef.so");
    std::fs::write(&path, [0; 4096]).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    let at = unsafe { mmap(std::ptr::null_mut(), 4096, 1, 2, file.as_raw_fd(), 0) };
    assert!(at as isize != -1);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    assert!(maps.contains("innocent"));
    let _ = std::net::TcpStream::connect("127.0.0.1:9");
    Default::default()
}
"#;
    let project = Project::named("host");
    project
        .file(
            "Cargo.toml",
            package(
                "app",
                "0.1.0",
                "[dependencies]\nplotter = { path = \"plotter\" }\n[workspace]\n",
            ),
        )
        .file("src/lib.rs", "plotter::plot!();\n")
        .file(
            "plotter/Cargo.toml",
            package("plotter", "0.1.0", "[lib]\nproc-macro = true\n"),
        )
        .file("plotter/src/lib.rs", PLOT);
    let run = project.sandboxed().args(["build", "-v"]).success();
    assert_eq!(
        denials(&run),
        [
            "warning: the sandbox kept the proc macro `plotter`, while compiling `app v0.1.0`, from connecting to \
             127.0.0.1:9: a build has no network"
        ],
        "{run:#}"
    );
}
