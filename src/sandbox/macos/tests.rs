use std::fs::File;
use std::io::Read;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::around::{denied, file_canary, is_inside, network_canary, sandbox_check};
use super::start::close_on_exec;
use super::*;
use crate::denial::Watch;
use crate::policy::{Network, Policy, Profile, Rule};
use crate::sandbox::{Limits, Surroundings, Unit, Whole};

/// A policy that allows one folder, for programs of the system itself.
fn policy(folder: &Path) -> Policy {
    let folder = fs::canonicalize(folder).unwrap();
    let rules = |path: &Path| {
        vec![Rule {
            path: path.to_owned(),
            why: String::new(),
        }]
    };
    Policy {
        profile: Profile::Strict,
        network: Network::Denied,
        closed: Vec::new(),
        readable: Vec::new(),
        hidden: rules(&folder.join("secret")),
        masked: Vec::new(),
        writable: rules(&folder.join("target")),
        protected: Vec::new(),
        devices: rules(Path::new("/dev/null")),
        removed: Vec::new(),
        set: Vec::new(),
        temporary: folder.join("target"),
        home: "/Users/nobody-here".into(),
        cargo_home: folder.join("cargo"),
        artifacts: vec![folder.join("target")],
        private: Vec::new(),
        notes: Vec::new(),
        links: Vec::new(),
    }
}

struct Trial {
    folder: tempfile::TempDir,
    policy: Policy,
    file: PathBuf,
}

impl Trial {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("target")).unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        let policy = policy(folder.path());
        let profile = seatbelt::profile(&policy, "test").unwrap();
        let file = folder.path().join("profile.sb");
        fs::write(&file, &profile.text).unwrap();
        Self {
            folder,
            policy,
            file,
        }
    }

    fn shell(&self, script: &str) -> Option<i32> {
        let program = Path::new("/bin/sh");
        match self.start(program, &self.arguments(script)).unwrap() {
            Ended::Exited(status) => Some(status.into()),
            Ended::Signalled(_) => None,
        }
    }

    fn start(&self, program: &Path, arguments: &[OsString]) -> anyhow::Result<Ended> {
        let finished = self.watched(program, arguments, Watch::Nothing)?;
        Ok(finished.ended)
    }

    fn watched(
        &self,
        program: &Path,
        arguments: &[OsString],
        watch: Watch,
    ) -> anyhow::Result<Finished> {
        let _guard = alone();
        let job = Job {
            policy: &self.policy,
            program,
            arguments,
            environment: &[],
            directory: Path::new("/"),
            parent: None,
            keep: &[],
            record: &self.file,
            scratch: self.folder.path(),
            limits: Limits::default(),
            watch,
            part: None,
            output: None,
        };
        run(&job, &mut || {})
    }

    /// The same without a sandbox.
    fn plain(&self, script: &str) -> Option<i32> {
        let mut command = Command::new("/bin/sh");
        command.args(self.arguments(script)).env_clear();
        command.status().unwrap().code()
    }

    fn arguments(&self, script: &str) -> [OsString; 4] {
        [
            "-c".into(),
            script.into(),
            "sh".into(),
            self.folder.path().into(),
        ]
    }
}

/// `start` changes descriptors and signal handlers of the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Inside another sandbox there is nothing to test.
fn skipped() -> bool {
    let skipped = sandbox_check() != 0;
    if skipped {
        eprintln!("skipped: already inside a sandbox, and Seatbelt does not nest");
    }
    skipped
}

#[test]
fn the_status_is_passed_on() {
    if skipped() {
        return;
    }
    let trial = Trial::new();
    for code in [0, 1, 65, 71, 101] {
        assert_eq!(trial.shell(&format!("exit {code}")), Some(code));
    }
}

#[test]
fn the_kernel_enforces_what_the_policy_says() {
    if skipped() {
        return;
    }
    for allowed in [
        "echo x > \"$1/target/x\" && mv \"$1/target/x\" \"$1/target/y\" && rm \"$1/target/y\"",
        "cat \"$1/profile.sb\" > /dev/null",
        "sleep 60 & kill $!",
        "cd \"$1/target\" && pwd -P > /dev/null",
    ] {
        assert_eq!(Trial::new().shell(allowed), Some(0), "{allowed}");
    }
    for denied in [
        "echo x > \"$1/outside\"",
        "cat \"$1/secret\"",
        "kill -0 $PPID",
        "mv \"$1/target\" \"$1/moved\"",
        "ln \"$1/secret\" \"$1/target/link\"",
        "cp -c \"$1/secret\" \"$1/target/clone\"",
        "chmod 700 \"$1/profile.sb\"",
    ] {
        assert_ne!(Trial::new().shell(denied), Some(0), "{denied}");
        assert_eq!(Trial::new().plain(denied), Some(0), "{denied}");
    }
}

#[test]
fn the_network_is_closed() {
    if skipped() {
        return;
    }
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = format!("nc -z 127.0.0.1 {port}");
    assert_ne!(Trial::new().shell(&connect), Some(0));
    assert_eq!(Trial::new().plain(&connect), Some(0));
}

#[test]
fn a_profile_that_is_refused_is_our_failure() {
    if skipped() {
        return;
    }
    let trial = Trial::new();
    fs::write(
        &trial.file,
        "(version 1)(deny default)(allow no-such-operation)",
    )
    .unwrap();
    let error = trial.start(Path::new("/usr/bin/true"), &[]);
    assert!(error.unwrap_err().to_string().contains("refused"));
}

#[test]
fn descriptors_are_not_inherited_but_for_those_kept() {
    let _guard = alone();
    let file = File::open("/dev/null").unwrap();
    let kept = File::open("/dev/null").unwrap();
    // SAFETY: takes numbers only.
    let clear = |file: &File| unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) };
    // SAFETY: takes numbers only.
    let flags = |file: &File| unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFD) };
    assert_eq!((clear(&file), clear(&kept)), (0, 0));
    close_on_exec(&[kept.as_raw_fd()]).unwrap();
    assert_eq!((flags(&file), flags(&kept)), (libc::FD_CLOEXEC, 0));
}

#[test]
fn canaries_tell_that_nothing_is_denied_outside() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(network_canary().is_some());
    assert!(file_canary(folder.path()).is_some());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(
        surroundings(Some(folder.path())).unwrap(),
        Surroundings::Free
    );
}

#[test]
fn file_permissions_are_no_sandbox() {
    let refused = Err::<(), _>(io::Error::from_raw_os_error(libc::EACCES));
    assert!(!denied(refused));
    let refused = Err::<(), _>(io::Error::from_raw_os_error(libc::EPERM));
    assert!(denied(refused));
    assert!(!denied(Ok(())));
}

/// A unit that may write one folder of the trial's target, started by a shell.
fn unit(trial: &Trial, script: &str, errors: Option<io::PipeWriter>) -> anyhow::Result<Ended> {
    let _guard = alone();
    let target = fs::canonicalize(trial.folder.path().join("target")).unwrap();
    let own = target.join("own");
    fs::create_dir_all(&own).unwrap();
    let mut policy = trial.policy.clone();
    policy.artifacts = Vec::new();
    policy.temporary.clone_from(&own);
    policy.writable[0].path.clone_from(&own);
    let arguments = trial.arguments(script);
    let environment = [("PATH".into(), "/usr/bin:/bin".into())];
    let unit = Unit {
        program: Path::new("/bin/sh"),
        arguments: &arguments,
        environment: &environment,
        writable: &[own],
        shared: None,
        libraries: &[target],
        part: None,
        errors,
        whole: Some(Whole {
            policy: &policy,
            limits: Limits::default(),
            watch: Watch::Nothing,
            parent: None,
            keep: &[],
            scratch: trial.folder.path(),
            directory: Path::new("/"),
        }),
    };
    Ok(start_unit(unit)?.wait()?.ended)
}

#[test]
fn a_unit_writes_its_own_folder_only() {
    if skipped() {
        return;
    }
    let trial = Trial::new();
    fs::write(trial.folder.path().join("target/other"), "").unwrap();
    for allowed in [
        "echo x > \"$1/target/own/x\" && rm \"$1/target/own/x\"",
        "cat \"$1/target/other\"",
    ] {
        let ended = unit(&trial, allowed, None).unwrap();
        assert_eq!(ended, Ended::Exited(0), "{allowed}");
    }
    for denied in [
        "echo x > \"$1/target/other\"",
        "echo x > \"$1/target/new\"",
        "ln -s /tmp \"$1/target/link\"",
        "mv \"$1/target/own\" \"$1/target/moved\"",
        "cat \"$1/secret\"",
    ] {
        let ended = unit(&trial, denied, None).unwrap();
        assert_ne!(ended, Ended::Exited(0), "{denied}");
        // In the sandbox of the whole build, where its whole target folder is its own.
        if !denied.contains("secret") && !denied.contains("own") {
            assert_eq!(trial.shell(denied), Some(0), "{denied}");
        }
    }
}

#[test]
fn the_errors_of_a_unit_go_where_they_should_and_end_with_it() {
    if skipped() {
        return;
    }
    let (mut reader, writer) = io::pipe().unwrap();
    let ended = unit(&Trial::new(), "echo told >&2; exit 3", Some(writer)).unwrap();
    assert_eq!(ended, Ended::Exited(3));
    let mut told = String::new();
    reader.read_to_string(&mut told).unwrap();
    assert_eq!(told, "told\n");
}

#[test]
fn no_unit_starts_without_a_profile_outside_of_a_sandbox() {
    if skipped() {
        return;
    }
    assert!(!is_inside());
    let start = || Unit {
        program: Path::new("/usr/bin/true"),
        arguments: &[],
        environment: &[],
        writable: &[],
        shared: None,
        libraries: &[],
        part: None,
        errors: None,
        whole: None,
    };
    for error in [
        start_unit(start()).map(drop).unwrap_err(),
        become_unit(&start()).map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains("outside of its sandbox"));
    }
}

#[test]
fn the_log_tells_what_was_denied() {
    if skipped() {
        return;
    }
    let trial = Trial::new();
    let script = trial.arguments("echo x > \"$1/outside\" || exit 1");
    // The log may be a little late.
    for _ in 0..5 {
        let finished = trial.watched(Path::new("/bin/sh"), &script, Watch::Changes);
        let finished = finished.unwrap();
        assert_eq!(finished.ended, Ended::Exited(1));
        if finished.seen.unread {
            eprintln!("skipped: this user may not read the log");
            return;
        }
        let mut places = finished.seen.denials.iter();
        if places.any(|denial| {
            let place = denial.action.place();
            denial.actor.unknown && place.is_some_and(|place| place.path.ends_with("outside"))
        }) {
            return;
        }
    }
    panic!("nothing in five answers");
}
