use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::sandbox::launcher::{Launcher, UNIT, image, real, restore};

/// Tells what it was started with.
const SHOW: &str = r#"
#include <stdio.h>
#include <unistd.h>
extern char **environ;
static void put(char **list) { for (; *list; list++) { fputs(*list, stdout); putchar(0); } }
int main(int count, char **arguments) {
    static char path[8192];
    char *self[] = { path, 0 };
    (void)count;
    readlink("/proc/self/exe", path, sizeof path - 1);
    put(self);
    put(arguments);
    fputs("--", stdout); putchar(0);
    put(environ);
    return 7;
}
"#;

/// Creates the file that EVIL names, as soon as a loader loads it.
const EVIL: &str = r#"
#include <fcntl.h>
#include <stdlib.h>
__attribute__((constructor)) static void hit(void) {
    if (getenv("EVIL")) open(getenv("EVIL"), O_CREAT | O_WRONLY, 0644);
}
void thing(void) {}
"#;

/// Starts what PROGRAM names as a launcher does, but has a loader.
const BECOME: &str = r#"
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **arguments) {
    (void)count;
    return execv(getenv("PROGRAM"), arguments);
}
"#;

/// Starts its argument without arguments.
const EMPTY: &str = r"
#include <unistd.h>
extern char **environ;
int main(int count, char **arguments) {
    char *none[] = { 0 };
    (void)count;
    return execve(arguments[1], none, environ);
}
";

/// Jumps into an image, on a stack of our making.
const JUMP: &str = r#"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
static unsigned long stack[8192] __attribute__((aligned(16)));
int main(int count, char **arguments) {
    char *code = mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, open(arguments[1], O_RDONLY), 0);
    /* No arguments, 0, no environment, 0, then the auxiliary vector. */
    unsigned long *at = stack + 4096;
    (void)count;
    at[3] = strcmp(arguments[2], "none") ? 31 : 0;
    at[4] = strcmp(arguments[2], "null") ? (unsigned long)arguments[1] : 0;
#ifdef __x86_64__
    __asm__ volatile("mov %0, %%rsp; jmp *%1" :: "r"(at), "r"(code + 176));
#else
    __asm__ volatile("mov sp, %0; br %1" :: "r"(at), "r"(code + 176));
#endif
    return 0;
}
"#;

struct World {
    folder: TempDir,
}

/// `None` without a C compiler.
fn world(test: &str) -> Option<World> {
    if let Err(error) = Command::new("cc").arg("--version").output() {
        let _ = writeln!(std::io::stderr(), "skipped: {test}: no cc: {error}");
        return None;
    }
    let world = World {
        folder: tempfile::tempdir().unwrap(),
    };
    world.cc(SHOW, "show", &[]);
    Some(world)
}

impl World {
    fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.folder.path().join(name.as_ref())
    }

    fn cc(&self, source: &str, name: &str, options: &[&str]) -> PathBuf {
        let (file, output) = (self.path(format!("{name}.c")), self.path(name));
        fs::write(&file, source).unwrap();
        let status = Command::new("cc")
            .arg(&file)
            .arg("-o")
            .arg(&output)
            .args(options)
            .current_dir(self.folder.path())
            .status()
            .unwrap();
        assert!(status.success());
        output
    }

    /// A further name for the program that tells.
    fn show(&self, path: &Path) {
        fs::hard_link(self.path("show"), path).unwrap();
    }

    fn tool(&self, program: &Path) -> PathBuf {
        let path = self.path("tool");
        put(&path, Launcher::Tool { program });
        path
    }

    /// A build script in a folder of this name, the real one beside it.
    fn script(&self, folder: &OsStr) -> PathBuf {
        let folder = self.path(folder);
        fs::create_dir_all(&folder).unwrap();
        let real = OsStr::from_bytes(b".s \xff.real");
        self.show(&folder.join(real));
        let path = folder.join("script");
        put(&path, Launcher::Script { real });
        path
    }
}

fn put(path: &Path, launcher: Launcher<'_>) {
    fs::write(path, image(launcher).unwrap()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The output; another test's child may still hold the file that we wrote open for writing.
fn output(command: &mut Command) -> Output {
    loop {
        match command.output() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {}
            output => return output.unwrap(),
        }
    }
}

/// What the program that tells told.
#[derive(Debug, PartialEq)]
struct Told {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<OsString>,
}

#[track_caller]
fn told(command: &mut Command) -> Told {
    let output = output(command);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let mut parts = output.stdout.split(|byte| *byte == 0);
    let mut next = || parts.next().map(|part| OsString::from_vec(part.to_vec()));
    let program = next().unwrap().into();
    let arguments = std::iter::from_fn(&mut next)
        .take_while(|part| part != "--")
        .collect();
    let mut environment: Vec<_> = std::iter::from_fn(next).collect();
    assert_eq!(environment.pop(), Some(OsString::new()));
    Told {
        program,
        arguments,
        environment,
    }
}

#[track_caller]
fn cannot_start(command: &mut Command, path: &Path) {
    let output = output(command);
    assert_eq!(output.status.code(), Some(101), "{output:?}");
    assert_eq!(output.stdout, b"");
    let expected = [
        b"error: sandboxed-cargo: cannot start ",
        path.as_os_str().as_bytes(),
        b"\n",
    ]
    .concat();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&expected)
    );
}

#[test]
fn a_tool_becomes_its_program_with_its_arguments() {
    let Some(world) = world("a_tool_becomes_its_program_with_its_arguments") else {
        return;
    };
    let program = world.path(OsStr::from_bytes(b"our \xfe program"));
    world.show(&program);
    let tool = world.tool(&program);
    let arguments: Vec<OsString> = (0..200)
        .map(|number| OsString::from_vec(format!("{number} \u{e4}\n").into_bytes()))
        .chain([OsString::new(), OsString::from_vec(vec![0xff])])
        .collect();
    let found = told(
        Command::new(&tool)
            .arg0("any name")
            .args(&arguments)
            .env_clear()
            .env("A", "b"),
    );
    assert_eq!(found.program, program);
    assert_eq!(found.arguments[0], "any name");
    assert_eq!(found.arguments[1..], arguments);
    assert_eq!(found.environment, ["A=b"]);
}

#[test]
fn our_program_does_not_load_what_a_crate_names() {
    let Some(world) = world("our_program_does_not_load_what_a_crate_names") else {
        return;
    };
    let evil = world.cc(EVIL, "evil.so", &["-shared", "-fPIC"]);
    let control = world.cc(BECOME, "become", &[]);
    let tool = world.tool(&world.path("show"));
    let script = world.script(OsStr::new("s"));
    let hit = world.path("hit");
    let run = |program: &Path, marker: bool| {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("EVIL", &hit)
            .env("LD_PRELOAD", &evil)
            .env("PROGRAM", world.path("show"));
        if marker {
            command.env(UNIT, world.path("show"));
        }
        let found = told(&mut command);
        let loaded = hit.exists();
        let _ = fs::remove_file(&hit);
        (loaded, found.program, found.environment)
    };
    let entry = |name: &str| OsString::from_iter([OsStr::new(name), evil.as_os_str()]);
    for (program, marker, expected) in [(&control, false, true), (&script, false, true)] {
        let (loaded, _, environment) = run(program, marker);
        assert_eq!(loaded, expected, "{}", program.display());
        assert!(environment.contains(&entry("LD_PRELOAD=")));
    }
    for (program, marker) in [(&tool, false), (&tool, true), (&script, true)] {
        let (loaded, started, environment) = run(program, marker);
        assert!(!loaded, "{} loaded it", program.display());
        assert_eq!(started, world.path("show"));
        assert!(environment.contains(&entry("@D_PRELOAD=")));
        assert!(!environment.contains(&entry("LD_PRELOAD=")));
    }
}

#[test]
fn our_program_finds_its_libraries_where_they_were() {
    let Some(world) = world("our_program_finds_its_libraries_where_they_were") else {
        return;
    };
    fs::create_dir(world.path("good")).unwrap();
    fs::create_dir(world.path("bad")).unwrap();
    let shared = ["-shared", "-fPIC"];
    world.cc("void thing(void) {}", "good/libthing.so", &shared);
    world.cc(EVIL, "bad/libthing.so", &shared);
    let source = "void thing(void); int main(void) { thing(); return 7; }";
    let linked = ["-Lgood", "-lthing", "-Wl,-rpath,$ORIGIN/good"];
    let program = world.cc(source, "linked", &linked);
    let control = world.cc(BECOME, "become", &[]);
    let tool = world.tool(&program);
    let hit = world.path("hit");
    let run = |launcher: &Path| {
        let output = output(
            Command::new(launcher)
                .env_clear()
                .env("EVIL", &hit)
                .env("LD_LIBRARY_PATH", world.path("bad"))
                .env("PROGRAM", &program),
        );
        assert_eq!(output.status.code(), Some(7), "{output:?}");
        let loaded = hit.exists();
        let _ = fs::remove_file(&hit);
        loaded
    };
    assert!(run(&control));
    assert!(!run(&tool));
}

#[test]
fn only_names_that_a_loader_knows_are_spoiled() {
    let Some(world) = world("only_names_that_a_loader_knows_are_spoiled") else {
        return;
    };
    let kept = [
        "LD", "L", "G", "GLIBC", "GLIB_", "LC_ALL", "XLD_", "ld_x", "_LD_",
    ];
    let spoiled = [
        ("LD_", "@D_"),
        ("LD_AUDIT", "@D_AUDIT"),
        ("LD_LIBRARY_PATH", "@D_LIBRARY_PATH"),
        ("GLIBC_", "@LIBC_"),
        ("GLIBC_TUNABLES", "@LIBC_TUNABLES"),
    ];
    let mut command = Command::new(world.tool(&world.path("show")));
    command.env_clear();
    for name in kept.into_iter().chain(spoiled.map(|(name, _)| name)) {
        command.env(name, "LD_");
    }
    let mut found = told(&mut command).environment;
    let mut expected: Vec<OsString> = kept
        .into_iter()
        .chain(spoiled.map(|(_, name)| name))
        .map(|name| format!("{name}=LD_").into())
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn spoiled_names_come_back() {
    let names = |list: &[&[u8]]| -> Vec<(OsString, OsString)> {
        list.iter()
            .map(|name| (OsString::from_vec(name.to_vec()), "@D_".into()))
            .collect()
    };
    let mut environment = names(&[
        b"@D_PRELOAD",
        b"@LIBC_TUNABLES",
        b"@D_\xff",
        b"@D",
        b"@LIBC",
        b"PATH",
        b"",
    ]);
    restore(&mut environment);
    let expected = names(&[
        b"LD_PRELOAD",
        b"GLIBC_TUNABLES",
        b"LD_\xff",
        b"@D",
        b"@LIBC",
        b"PATH",
        b"",
    ]);
    assert_eq!(environment, expected);
}

#[test]
fn without_us_a_script_is_the_real_one() {
    let Some(world) = world("without_us_a_script_is_the_real_one") else {
        return;
    };
    let folder = OsStr::from_bytes(b"a b \xff");
    let script = world.script(folder);
    let real = world.path(folder).join(OsStr::from_bytes(b".s \xff.real"));
    let relative = Path::new(folder).join("script");
    let dotted = Path::new("..").join(folder).join("script");
    for (program, directory) in [
        (script.as_path(), Path::new("/")),
        (&relative, world.folder.path()),
        (&dotted, &world.path(folder)),
    ] {
        let found = told(
            Command::new(program)
                .args(["x", ""])
                .env_clear()
                .env("LD_LIBRARY_PATH", "/x")
                .env("GLIBC_TUNABLES", "glibc.malloc.check=0")
                .env(format!("{UNIT}S"), "/bin/false")
                .current_dir(directory),
        );
        assert_eq!(found.program, real);
        assert_eq!(
            found.arguments,
            [program.as_os_str(), OsStr::new("x"), OsStr::new("")]
        );
        assert_eq!(found.environment.len(), 3);
        assert!(found.environment.contains(&"LD_LIBRARY_PATH=/x".into()));
    }
}

#[test]
fn a_script_in_the_current_directory() {
    let Some(world) = world("a_script_in_the_current_directory") else {
        return;
    };
    let script = world.script(OsStr::new("s"));
    // `Command` would look on PATH for a name without a slash.
    let run = world.cc(EMPTY, "empty", &[]);
    let found = told(
        Command::new(run)
            .arg("script")
            .env_clear()
            .current_dir(script.parent().unwrap()),
    );
    assert_eq!(found.program.parent(), script.parent());
    // Since Linux 5.18 an empty list of arguments becomes one with an empty string (execve(2)).
    assert!(found.arguments.iter().all(|argument| argument.is_empty()));
}

#[test]
fn a_script_without_arguments_still_looks_for_the_marker() {
    let Some(world) = world("a_script_without_arguments_still_looks_for_the_marker") else {
        return;
    };
    let script = world.script(OsStr::new("s"));
    let run = world.cc(EMPTY, "empty", &[]);
    let found = told(
        Command::new(run)
            .arg(&script)
            .env_clear()
            .env(UNIT, world.path("show")),
    );
    assert_eq!(found.program, world.path("show"));
}

#[test]
fn with_the_marker_a_script_is_our_program() {
    let Some(world) = world("with_the_marker_a_script_is_our_program") else {
        return;
    };
    let script = world.script(OsStr::new("s"));
    let ours = world.path("ours");
    world.show(&ours);
    let found = told(
        Command::new(&script)
            .arg("x")
            .env_clear()
            .env("LD_LIBRARY_PATH", "/x")
            .env(UNIT, &ours),
    );
    assert_eq!(found.program, ours);
    assert_eq!(found.arguments, [script.as_os_str(), OsStr::new("x")]);
    let mut environment: Vec<_> = found
        .environment
        .iter()
        .map(|entry| entry.to_str().unwrap().split_once('=').unwrap())
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    restore(&mut environment);
    environment.sort();
    assert_eq!(
        environment,
        [
            ("LD_LIBRARY_PATH".into(), "/x".into()),
            (UNIT.into(), ours.into_os_string())
        ]
    );
}

#[test]
fn large_environments_and_many_arguments() {
    let Some(world) = world("large_environments_and_many_arguments") else {
        return;
    };
    let script = world.script(OsStr::new("s"));
    let ours = world.path("ours");
    world.show(&ours);
    for marker in [false, true] {
        let mut command = Command::new(&script);
        command.env_clear().args(vec!["argument"; 200]);
        for number in 0..10 {
            command.env(format!("LD_{number}"), "x".repeat(100_000));
        }
        for number in 0..5000 {
            command.env(format!("V{number}"), "");
        }
        if marker {
            command.env(UNIT, &ours);
        }
        let found = told(&mut command);
        assert_eq!(found.program == ours, marker);
        assert_eq!(found.arguments.len(), 201);
        assert_eq!(found.environment.len(), 5010 + usize::from(marker));
        let spoiled = |entry: &&OsString| entry.as_bytes().starts_with(b"@D_");
        let count = found.environment.iter().filter(spoiled).count();
        assert_eq!(count, if marker { 10 } else { 0 });
    }
}

#[test]
fn what_cannot_be_started_is_an_error() {
    let Some(world) = world("what_cannot_be_started_is_an_error") else {
        return;
    };
    let missing = world.path(OsStr::from_bytes(b"no such \xff"));
    cannot_start(&mut Command::new(world.tool(&missing)), &missing);
    let script = world.script(OsStr::new("s"));
    // Control: the real one is there, and is what must not run.
    assert_ne!(
        told(Command::new(&script).env_remove(UNIT)).program,
        missing
    );
    for marker in [missing.as_path(), Path::new("/"), Path::new("/dev/null")] {
        cannot_start(Command::new(&script).env(UNIT, marker), marker);
    }
    // Never from the current directory, which is the package's.
    for marker in ["", "show", "./show", "1"] {
        let mut command = Command::new(&script);
        command.env(UNIT, marker).current_dir(world.folder.path());
        cannot_start(&mut command, Path::new(marker));
    }
    let real = world.path("s").join(OsStr::from_bytes(b".s \xff.real"));
    fs::remove_file(&real).unwrap();
    cannot_start(Command::new(&script).env_remove(UNIT), &real);
}

#[test]
fn paths_as_long_as_the_kernel_takes() {
    const LONGEST: usize = 4095;

    let Some(world) = world("paths_as_long_as_the_kernel_takes") else {
        return;
    };
    let mut folder = world.folder.path().as_os_str().to_owned();
    while folder.len() < LONGEST - 250 {
        folder.push("/");
        folder.push("d".repeat(100));
    }
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder).unwrap();
    let room = LONGEST - 1 - folder.as_os_str().len();
    let name = |letter: &str, length: usize| OsString::from(letter.repeat(length));
    let longest = name("r", room);
    world.show(&folder.join(&longest));
    let script = folder.join("s");
    put(&script, Launcher::Script { real: &longest });
    assert_eq!(
        told(Command::new(&script).env_remove(UNIT)).arguments,
        [script.as_os_str()]
    );

    let long = folder.join(name("l", room));
    let too_long = name("r", room + 1);
    put(&long, Launcher::Script { real: &too_long });
    cannot_start(
        Command::new(&long).env_remove(UNIT),
        &folder.join(&too_long),
    );
    put(
        &long,
        Launcher::Tool {
            program: &world.path("show"),
        },
    );
    assert_eq!(told(&mut Command::new(&long)).arguments, [long.as_os_str()]);
    let program = folder.join(&longest);
    put(&long, Launcher::Tool { program: &program });
    told(&mut Command::new(&long));
}

#[test]
fn without_its_own_path_a_script_starts_nothing() {
    let Some(world) = world("without_its_own_path_a_script_starts_nothing") else {
        return;
    };
    let script = world.script(OsStr::new("s"));
    let jump = world.cc(JUMP, "jump", &[]);
    let run = |vector: &str| {
        let mut command = Command::new(&jump);
        command.arg(&script).arg(vector);
        command
    };
    let found = told(&mut run("good"));
    assert_eq!(found.program.parent(), script.parent());
    for vector in ["none", "null"] {
        let name = Path::new(OsStr::from_bytes(b".s \xff.real"));
        cannot_start(run(vector).current_dir(world.path("s")), name);
    }
}

#[test]
fn the_image_tells_the_real_name_only_if_it_is_ours() {
    let name = OsStr::from_bytes(b".b-\xff 1.real");
    let ours = image(Launcher::Script { real: name }).unwrap();
    assert_eq!(ours, image(Launcher::Script { real: name }).unwrap());
    assert_eq!(real(&ours).as_deref(), Some(name));
    assert!(ours.len() < 1024, "{} bytes", ours.len());
    for position in 0..ours.len() {
        let mut other = ours.clone();
        other[position] ^= 1;
        // A change within the name gives the launcher of another name.
        assert_ne!(real(&other).as_deref(), Some(name), "byte {position}");
    }
    let tool = image(Launcher::Tool {
        program: Path::new("/x"),
    });
    for other in [
        &tool.unwrap()[..],
        &ours[1..],
        &[ours.as_slice(), &[0]].concat(),
        b"",
        b"\0",
    ] {
        assert_eq!(real(other), None);
    }
}

#[test]
fn impossible_names_are_refused() {
    let long = "x".repeat(256);
    for name in ["", "a/b", "/", "a\0b", &long] {
        let real = OsStr::new(name);
        assert!(image(Launcher::Script { real }).is_err(), "{name:?}");
    }
    assert!(
        image(Launcher::Script {
            real: OsStr::new(&long[1..])
        })
        .is_ok()
    );
    for path in ["", "cargo", "./cargo", "/a\0b"] {
        let program = Path::new(path);
        assert!(image(Launcher::Tool { program }).is_err(), "{path:?}");
    }
}
