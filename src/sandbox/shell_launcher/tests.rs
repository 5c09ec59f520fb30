use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::*;

/// Tells its arguments and environment.
const SHOW: &str = r#"
#include <stdio.h>
extern char **environ;
static void put(char **list) { for (; *list; list++) { fputs(*list, stdout); putchar(0); } }
int main(int count, char **arguments) {
    (void)count;
    put(arguments);
    fputs("--", stdout); putchar(0);
    put(environ);
    return 7;
}
"#;

/// Every byte that a name may hold, in an order that looks like quoting and like a script.
fn every_byte() -> OsString {
    let mut name = b"-a'b\"c\\'$(touch canary)`touch canary`\n;exit\n' '' \\'".to_vec();
    name.extend(bytes().into_iter().filter(|byte| *byte != b'/'));
    name.truncate(250);
    OsString::from_vec(name)
}

fn bytes() -> Vec<u8> {
    // APFS takes nothing but UTF-8.
    if cfg!(target_os = "macos") {
        return [
            (b' '..=b'~').collect(),
            "\u{e4}\u{1f980}".as_bytes().to_vec(),
        ]
        .concat();
    }
    (1..=255).collect()
}

type Variables<'a> = &'a [(&'a str, &'a OsStr)];

struct World(TempDir);

impl World {
    /// `None` where this cannot be shown.
    fn new(test: &str) -> Option<Self> {
        for tool in ["/bin/bash", "cc"] {
            if let Err(error) = Command::new(tool).arg("--version").output() {
                let _ = writeln!(std::io::stderr(), "skipped: {test}: no {tool}: {error}");
                return None;
            }
        }
        let world = Self(tempfile::tempdir().unwrap());
        fs::write(world.path("show.c"), SHOW).unwrap();
        let status = Command::new("cc")
            .args(["show.c", "-o", "show"])
            .current_dir(&world.0)
            .status();
        assert!(status.unwrap().success());
        Some(world)
    }

    fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.0.path().join(name.as_ref())
    }

    /// The program that tells, by another name.
    fn show(&self, name: impl AsRef<OsStr>) -> PathBuf {
        let path = self.path(name);
        fs::hard_link(self.path("show"), &path).unwrap();
        path
    }

    fn put(&self, name: impl AsRef<OsStr>, text: &[u8]) -> PathBuf {
        let path = self.path(name);
        // By another process: this one could leave it open for writing in a child of another test.
        let mut tee = Command::new("tee")
            .arg(&path)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        tee.stdin.take().unwrap().write_all(text).unwrap();
        assert!(tee.wait().unwrap().success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn canary(&self) -> bool {
        fs::remove_file(self.path("canary")).is_ok()
    }

    fn output(&self, program: &Path, set: &dyn Fn(&mut Command)) -> Output {
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.0);
        set(&mut command);
        command.output().unwrap()
    }

    /// What the program that tells was started with.
    #[track_caller]
    fn told(&self, program: &Path, set: &dyn Fn(&mut Command)) -> (Vec<OsString>, Vec<OsString>) {
        let output = self.output(program, set);
        assert_eq!(output.status.code(), Some(7), "{output:?}");
        let mut parts = output
            .stdout
            .split(|byte| *byte == 0)
            .map(|part| OsString::from_vec(part.to_vec()));
        let arguments = parts.by_ref().take_while(|part| part != "--").collect();
        let mut environment: Vec<_> = parts.collect();
        environment.pop();
        (arguments, environment)
    }
}

/// The same script for a shell that trusts its environment.
fn without_privilege(image: &[u8]) -> Vec<u8> {
    let rest = image.strip_prefix(SHELL.as_bytes()).unwrap();
    [b"#!/bin/bash\n", rest].concat()
}

#[test]
fn any_path_and_any_argument() {
    let Some(world) = World::new("any_path_and_any_argument") else {
        return;
    };
    let program = world.show(every_byte());
    let tool = world.put("tool", &image(Launcher::Tool { program: &program }));
    let arguments = [
        OsString::new(),
        "-p".into(),
        "a\nb".into(),
        "*".into(),
        "$(touch canary)".into(),
        OsString::from_vec(bytes()),
        OsString::new(),
    ];
    let (found, _) = world.told(&tool, &|command| {
        command.args(&arguments);
    });
    assert_eq!(found[0], tool);
    assert_eq!(found[1..], arguments);
    assert!(!world.canary());
}

#[test]
fn a_script_becomes_the_real_one_without_us() {
    let Some(world) = World::new("a_script_becomes_the_real_one_without_us") else {
        return;
    };
    for folder in ["s".into(), every_byte()] {
        fs::create_dir(world.path(&folder)).unwrap();
        let real = every_byte();
        world.show(Path::new(&folder).join(&real));
        let name = Path::new(&folder).join("script");
        let script = world.put(&name, &image(Launcher::Script { real: &real }));
        let relative = Path::new(".").join(&name);
        for program in [script.as_path(), &relative] {
            let (arguments, environment) = world.told(program, &|command| {
                command.args(["x", ""]).env("MallocKept", "1").env("A", "b");
                command.env(format!("{UNIT}S"), "/bin/false");
            });
            assert_eq!(arguments, [program.as_os_str(), "x".as_ref(), "".as_ref()]);
            for kept in ["MallocKept=1", "A=b"] {
                assert!(environment.contains(&kept.into()), "{environment:?}");
            }
        }
        assert!(!world.canary());
    }
}

#[test]
fn with_the_marker_a_script_is_our_program() {
    let Some(world) = World::new("with_the_marker_a_script_is_our_program") else {
        return;
    };
    let ours = world.show(every_byte());
    let real = OsStr::new(".real");
    world.put(real, b"#!/bin/sh\ntouch canary\n");
    let script = world.put("script", &image(Launcher::Script { real }));
    let (arguments, environment) = world.told(&script, &|command| {
        command.arg("x").env(UNIT, &ours);
        command
            .env("MallocLogFile", "/x")
            .env("DYLD_PRINT_TO_FILE", "/x");
        command.env("Malloc LogFile *", "1");
    });
    assert_eq!(arguments, [script.as_os_str(), OsStr::new("x")]);
    let gone = |entry: &OsString| {
        let entry = entry.as_bytes();
        !entry.starts_with(b"MallocL") && !entry.starts_with(b"DYLD_")
    };
    assert!(environment.iter().all(gone), "{environment:?}");
    assert!(!world.canary());
    // Never from the current directory, which is the package's, and never the real one instead.
    for marker in ["", "show", "./show", "/no such", "/", "/dev/null"] {
        let output = world.output(&script, &|command| {
            command.env(UNIT, marker);
        });
        assert_eq!(output.status.code(), Some(101), "{marker} {output:?}");
        assert!(!output.stderr.is_empty());
        assert!(!world.canary(), "{marker}");
    }
    fs::remove_file(world.path(real)).unwrap();
    let output = world.output(&script, &|_| {});
    assert_eq!(output.status.code(), Some(101), "{output:?}");
}

/// What a shell obeys in its environment, each of them with the proof that it would.
#[test]
fn the_environment_has_no_power_over_the_shell() {
    let Some(world) = World::new("the_environment_has_no_power_over_the_shell") else {
        return;
    };
    let program = world.path("show");
    let touch = world.put("startup", b"/usr/bin/touch canary || /bin/touch canary\n");
    let function = "() { touch canary; }";
    let path = std::env::var_os("PATH").unwrap();
    let attacks: [(Variables<'_>, Option<bool>); 8] = [
        (&[("BASH_ENV", touch.as_os_str())], Some(true)),
        (
            &[
                ("SHELLOPTS", OsStr::new("xtrace")),
                ("PS4", OsStr::new("$(touch canary)")),
            ],
            // A newer bash does not take this variable where root calls it.
            None,
        ),
        (&[("BASH_FUNC_exec%%", OsStr::new(function))], Some(true)),
        (&[("BASH_FUNC_shopt%%", OsStr::new(function))], Some(true)),
        (&[("BASH_FUNC_unset%%", OsStr::new(function))], Some(true)),
        // Only an interactive shell reads it, or a POSIX one.
        (&[("ENV", touch.as_os_str())], Some(false)),
        (
            &[
                ("POSIXLY_CORRECT", OsStr::new("1")),
                ("ENV", touch.as_os_str()),
            ],
            Some(false),
        ),
        (&[("BASH_ARGV0", OsStr::new("/evil/name"))], Some(false)),
    ];
    let image = image(Launcher::Tool { program: &program });
    let safe = world.put("safe", &image);
    let unsafe_ = world.put("unsafe", &without_privilege(&image));
    for (variables, works) in attacks {
        let set = |command: &mut Command| {
            command.env("PATH", &path).envs(variables.iter().copied());
        };
        world.output(&unsafe_, &set);
        let worked = world.canary();
        assert!(works.is_none_or(|works| works == worked), "{variables:?}");
        let (arguments, _) = world.told(&safe, &set);
        assert_eq!(arguments, [safe.as_os_str()]);
        assert!(!world.canary(), "{variables:?}");
    }
}

/// Why it is bash by name.
#[test]
fn variables_with_any_name_come_through() {
    let Some(world) = World::new("variables_with_any_name_come_through") else {
        return;
    };
    let program = world.path("show");
    let image = image(Launcher::Tool { program: &program });
    let tool = world.put("tool", &image);
    let names = ["CARGO_BIN_EXE_my-program", "a.b", "1", "UTF-8_\u{e4}"];
    let set = |command: &mut Command| {
        for name in names {
            command.env(name, "a\nb ");
        }
        command.arg0("any name");
    };
    let (_, environment) = world.told(&tool, &set);
    for name in names {
        let entry = OsString::from(format!("{name}=a\nb "));
        assert!(environment.contains(&entry), "{name} {environment:?}");
    }
    // Control: another shell that may stand behind /bin/sh loses them.
    if Path::new("/bin/dash").exists() {
        let text = format!("#!/bin/dash\nexec '{}'\n", program.display());
        let other = world.put("other", text.as_bytes());
        let (_, environment) = world.told(&other, &set);
        let is_lost = |name: &str| {
            let start = format!("{name}=");
            !environment
                .iter()
                .any(|entry| entry.as_bytes().starts_with(start.as_bytes()))
        };
        assert!(names.iter().all(|name| is_lost(name)), "{environment:?}");
    }
}

#[test]
fn the_text_tells_the_real_name_only_if_it_is_ours() {
    let bytes = every_byte();
    let long = "'".repeat(255);
    for name in [OsStr::new(".b-1.real"), &bytes, OsStr::new(&long)] {
        let ours = image(Launcher::Script { real: name });
        assert_eq!(real(&ours).as_deref(), Some(name));
        // More is not read of a file.
        assert!(ours.len() < 4096, "{} bytes", ours.len());
        for position in 0..ours.len() {
            let mut other = ours.clone();
            other[position] ^= 1;
            assert_ne!(real(&other).as_deref(), Some(name), "byte {position}");
        }
        for other in [&ours[1..], &[ours.as_slice(), b"\n"].concat(), b""] {
            assert_eq!(real(other), None);
        }
    }
    let tool = image(Launcher::Tool {
        program: Path::new("/x"),
    });
    assert_eq!(real(&tool), None);
}

#[test]
fn libraries_are_found_where_cargo_says() {
    let folders = ["/t/debug/deps", "/a:b", "/t/debug"].map(OsStr::new);
    assert_eq!(
        library_path(folders, Some(OsStr::new("/Users/u"))),
        "/t/debug/deps:/t/debug:/Users/u/lib:/usr/local/lib:/usr/lib"
    );
    assert_eq!(library_path([], None), "/usr/local/lib:/usr/lib");
}
