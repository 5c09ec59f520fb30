//! Systems that cannot confine a build, played by an outer seccomp filter in a thread of its own.

use std::io::Error;

use super::refused;
use crate::support::command::Finished;
use crate::support::project::Project;
use crate::support::{skip, system};
use crate::tools::{WithStandIn as _, package};

/// This system call fails, if its first argument is this number.
#[derive(Clone, Copy)]
struct Refusal {
    call: libc::c_long,
    first: Option<u32>,
    error: i32,
}

const fn refuse(call: libc::c_long, error: i32) -> Refusal {
    Refusal {
        call,
        first: None,
        error,
    }
}

const fn refuse_only(call: libc::c_long, first: u32, error: i32) -> Refusal {
    Refusal {
        call,
        first: Some(first),
        error,
    }
}

/// Runs `test` where these calls are refused.
#[track_caller]
fn on_system(refusals: &[Refusal], test: impl FnOnce() + Send) {
    let tested = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            install(refusals);
            test();
        });
        thread.join()
    });
    tested.unwrap();
}

/// A filter for this thread and what it starts.
fn install(refusals: &[Refusal]) {
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    let step = |code: u32, jf: u8, k: u32| libc::sock_filter {
        code: code.try_into().unwrap(),
        jt: 0,
        jf,
        k,
    };
    // Offsets in `struct seccomp_data`: the number of the call, and the lower half of its first
    // argument.
    let first_argument = if cfg!(target_endian = "little") {
        16
    } else {
        20
    };
    let mut filter = Vec::new();
    for refusal in refusals {
        let answer = libc::SECCOMP_RET_ERRNO | refusal.error.cast_unsigned();
        filter.push(step(LOAD, 0, 0));
        filter.push(step(
            EQUAL,
            if refusal.first.is_some() { 3 } else { 1 },
            refusal.call.try_into().unwrap(),
        ));
        if let Some(first) = refusal.first {
            filter.push(step(LOAD, 0, first_argument));
            filter.push(step(EQUAL, 1, first));
        }
        filter.push(step(RETURN, 0, answer));
    }
    filter.push(step(RETURN, 0, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog {
        len: filter.len().try_into().unwrap(),
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the option takes numbers only.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(result, 0, "{}", Error::last_os_error());
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the program and its instructions live until the call is over.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    assert_eq!(result, 0, "{}", Error::last_os_error());
}

const LANDLOCK: &str = "help: use Linux 5.19 or later with `landlock` in CONFIG_LSM or in the \
                        `lsm=` boot parameter, and let the container's seccomp profile allow the \
                        landlock system calls\n";
const SECCOMP: &str = "help: use a kernel with CONFIG_SECCOMP_FILTER, let the container's seccomp \
                       profile allow the seccomp system call, and start in none that intercepts \
                       system calls itself\n";
const DOCTOR: &str = "help: `sandboxed-cargo sandbox doctor` lists what this system has\n";

fn message(problem: &str, help: &str) -> String {
    format!("error: this system cannot confine a build: {problem}\n{help}{DOCTOR}")
}

/// No build with either wall, and `doctor` says the same as the error.
fn refused_everywhere(refusals: &[Refusal], problem: &str, help: &str) {
    let project = package();
    for switch in ["1", "require"] {
        for namespaces in ["off", "auto", "require"] {
            on_system(refusals, || {
                let run = project
                    .on()
                    .env("PERRY_SANDBOX_BUILDRS", switch)
                    .env("SANDBOXED_CARGO_NAMESPACES", namespaces);
                refused(&project, run.arg("build"), &message(problem, help));
            });
        }
    }
    on_system(refusals, || {
        let finished = doctor(&project).code(125);
        let text = finished.plain_text(&finished.stdout);
        assert!(text.contains(&format!("missing  {problem}\n")), "{text}");
        assert!(
            text.contains(&format!("\n  - builds do not run\n  {help}")),
            "{text}"
        );
    });
}

fn doctor(project: &Project) -> Finished {
    project.on().args(["sandbox", "doctor"]).finish()
}

#[test]
fn the_filter_alone_is_no_fault() {
    let project = package();
    on_system(&[], || {
        let run = project.on().env("STAND_IN", "exit 5");
        run.arg("build").finish().code(5);
    });
}

#[test]
fn no_landlock() {
    for (error, problem) in [
        (libc::ENOSYS, "it has no Landlock"),
        (libc::EOPNOTSUPP, "its Landlock is switched off"),
        (
            libc::EPERM,
            "it refuses Landlock: Operation not permitted (os error 1)",
        ),
    ] {
        let refusal = refuse(libc::SYS_landlock_create_ruleset, error);
        refused_everywhere(&[refusal], problem, LANDLOCK);
    }
}

#[test]
fn no_seccomp() {
    for (error, problem) in [
        (libc::ENOSYS, "it has no seccomp filters"),
        (libc::EINVAL, "it has no seccomp filters"),
        (libc::EOPNOTSUPP, "its seccomp has no notifications"),
        (
            libc::EPERM,
            "it refuses seccomp: Operation not permitted (os error 1)",
        ),
    ] {
        let refusal = refuse(libc::SYS_seccomp, error);
        refused_everywhere(&[refusal], problem, SECCOMP);
    }
}

/// What only shows when it is tried: the kernel knows how, but this process may not.
#[test]
fn no_filter_of_ours() {
    for (error, problem) in [
        (
            libc::EBUSY,
            "a seccomp filter with a supervisor is in force already, and the kernel allows one",
        ),
        (
            libc::EPERM,
            "it refuses a seccomp filter with a supervisor: Operation not permitted (os error 1)",
        ),
    ] {
        let refusal = refuse_only(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, error);
        tried_and_refused(&[refusal], &message(problem, SECCOMP));
        on_system(&[refusal], || {
            doctor(&package()).code(125);
        });
    }
}

/// A step that fails although nothing is missing is told as it is.
#[test]
fn a_call_that_fails() {
    for (call, problem) in [
        (
            refuse(libc::SYS_landlock_restrict_self, libc::E2BIG),
            "failed to set up Landlock: failed to restrict the calling thread: \
             Argument list too long (os error 7)",
        ),
        (
            refuse(libc::SYS_close_range, libc::ENOSYS),
            "failed to close descriptors: Function not implemented (os error 38)",
        ),
    ] {
        tried_and_refused(&[call], &format!("error: {problem}\n"));
    }
}

/// These fail when the first run of cargo is confined, so that the cache directory is there.
#[track_caller]
fn tried_and_refused(refusals: &[Refusal], message: &str) {
    for namespaces in ["off", "auto"] {
        let project = package();
        project.file(".perry-cache/.gitignore", "*\n");
        project.file(".perry-cache/fetch-host-project.json", "");
        on_system(refusals, || {
            let run = project.on().env("SANDBOXED_CARGO_NAMESPACES", namespaces);
            refused(&project, run.arg("build"), message);
        });
    }
}

/// Namespaces are the second wall: without them builds run, unless they were asked for.
#[test]
fn no_namespaces() {
    let refusals = [refuse(libc::SYS_mount, libc::EPERM)];
    let project = package();
    on_system(&refusals, || {
        let run = project.on().env("STAND_IN", "exit 5");
        let run = run.env("SANDBOXED_CARGO_NAMESPACES", "auto");
        run.arg("build").finish().code(5);

        let finished = doctor(&project).code(0);
        let text = finished.plain_text(&finished.stdout);
        assert!(text.contains("\nnamespaces   weaker   "), "{text}");
        assert!(text.contains("\nwithout namespaces:\n  - "), "{text}");
    });
    if !system::has_namespaces() {
        return skip("namespaces required", "this system refuses namespaces");
    }
    let project = package();
    project.file(".perry-cache/.gitignore", "*\n");
    project.file(".perry-cache/fetch-host-project.json", "");
    on_system(&refusals, || {
        let run = project.on().env("SANDBOXED_CARGO_NAMESPACES", "require");
        refused(
            &project,
            run.arg("build"),
            "error: namespaces are required, and this system refuses them: \
             failed to make mounts private: Operation not permitted (os error 1)\n\
             help: `sandboxed-cargo sandbox doctor` says what to do\n",
        );
    });
}
