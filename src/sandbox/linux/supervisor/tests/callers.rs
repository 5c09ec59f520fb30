//! Who calls, and from where.

use super::*;

#[test]
fn tools_that_copy_attributes_work() {
    let world = World::new();
    world.script("cp -p ../outside/file kept; test ! kept -nt ../outside/file");
    world.script("cp -a ../outside all; test -f all/file");
    world.script("install -m 750 file program; test \"$(stat -c %a program)\" = 750");
    world.script("install -d -m 2755 folder; test \"$(stat -c %a folder)\" = 2755");
    world.script("touch -d 2001-02-03 dated; test \"$(stat -c %Y dated)\" -lt 1000000000");
    world.script("mkdir -p -m 700 a/b; chmod -R u+rwX,go-w a; chmod +x file; test -x file");
    world.script(
        "mkdir t; echo x >t/x; chmod 640 t/x; ln -s x t/l; touch -h -d 2001-02-03 t/l
         tar cf t.tar t; rm -r t; tar xpf t.tar
         test \"$(stat -c %a t/x)\" = 640; test \"$(stat -c %Y t/l)\" -lt 1000000000",
    );
    world.script("chown \"$(id -u):$(id -g)\" file; chown -h \"$(id -u)\" leaving");
    world.script("chmod 600 \"$PWD/../inside/./staying\"; test \"$(stat -c %a file)\" = 600");
    world.script("cd protected/..; chmod 640 file; cd ../outside; chmod 644 entering");
}

#[test]
fn tools_leave_what_is_outside_alone() {
    let world = World::new();
    let before = state(&world.path("outside/file"));
    for script in [
        "chmod 777 ../outside/file",
        "chmod 777 leaving",
        "touch -d 2001-02-03 ../outside/file",
        "cd ../outside; chmod 777 file",
        "chown \"$(id -u)\" leaving",
        "chmod 777 protected/file",
        "chmod 777 protected",
        "chmod 777 ..",
        "chmod 777 ../outside/",
        "exec 5<../outside/file; chmod 777 /dev/fd/5",
        "exec 5<../outside/file; chmod 777 /proc/self/fd/5",
        "exec 5<../outside/file; chmod 777 /proc/$$/fd/5",
        "exec 5<../outside/file; chmod 777 /proc/thread-self/fd/5",
        "ln -s /proc/self/fd/5 magic; exec 5<../outside/file; chmod 777 magic",
        "exec <../outside/file; chmod 777 /dev/stdin",
    ] {
        let (ok, output) = world.try_script(script);
        assert!(!ok, "{script} succeeded");
        assert!(
            output.contains("Operation not permitted") || output.contains("symbolic links"),
            "{script}: {output}"
        );
    }
    assert_eq!(state(&world.path("outside/file")), before);
}

#[test]
fn strings_may_end_where_memory_does() {
    const PAGE: usize = 4096;
    let protection = usize::try_from(libc::PROT_READ | libc::PROT_WRITE).unwrap();
    let flags = usize::try_from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS).unwrap();
    let mapped = raw(
        libc::SYS_mmap,
        [0, 2 * PAGE, protection, flags, usize::MAX, 0],
    );
    let start = usize::try_from(mapped).unwrap();
    assert_eq!(raw(libc::SYS_munmap, [start + PAGE, PAGE]), 0);
    // SAFETY: the first page was just mapped and nobody else knows of it.
    let page = unsafe {
        std::slice::from_raw_parts_mut(std::ptr::with_exposed_provenance_mut(start), PAGE)
    };

    let world = World::new();
    let chmod = |at: usize| world.supervised(|| raw(libc::SYS_fchmodat, [CWD, at, 0o640]));
    let path = world.c_path("inside/file");
    let bytes = path.as_bytes_with_nul();
    let last = PAGE - bytes.len();
    page[last..].copy_from_slice(bytes);
    assert_eq!(chmod(start + last), 0);
    // Without an end, it goes on where nothing is.
    page[PAGE - 1] = b'x';
    assert_eq!(chmod(start + last), EFAULT);
    assert_eq!(raw(libc::SYS_munmap, [start, PAGE]), 0);
}

#[test]
fn threads_that_are_not_the_first_are_served() {
    // The harness runs each test in a thread of its own; this one is the same program again.
    let module = module_path!().split_once("::").unwrap().1;
    let child = format!("{module}::child_in_a_thread");
    let world = World::new();
    let output = run(
        &world.wall,
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored"])
            .arg(child)
            .current_dir(world.path("inside")),
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "started under a filter by another test"]
fn child_in_a_thread() {
    let permissions = fs::Permissions::from_mode(0o640);
    fs::set_permissions("file", permissions.clone()).unwrap();
    let outside = fs::set_permissions("../outside/file", permissions).unwrap_err();
    assert_eq!(outside.raw_os_error(), Some(EPERM));
    // A working directory of one thread's own.
    let moved = std::thread::spawn(|| {
        assert_eq!(raw(libc::SYS_unshare, [0x200]), 0);
        std::env::set_current_dir("../outside").unwrap();
        let permissions = fs::Permissions::from_mode(0o640);
        let outside = fs::set_permissions("file", permissions).unwrap_err();
        assert_eq!(outside.raw_os_error(), Some(EPERM));
    });
    moved.join().unwrap();
    fs::set_permissions("file", fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_caller_that_gave_up_root_is_refused() {
    // SAFETY: takes nothing.
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    let world = World::new();
    let file = File::open(world.path("inside/file")).unwrap();
    let chmod = || raw(libc::SYS_fchmod, [fd(&file), 0o640]);
    for give_up in [
        || raw(libc::SYS_setresuid, [65534, 65534, 65534]),
        || raw(libc::SYS_setresuid, [usize::MAX, 65534, usize::MAX]),
        || raw(libc::SYS_setfsuid, [65534]),
    ] {
        let after = || {
            give_up();
            chmod()
        };
        assert_eq!(forked(after), EPERM);
        assert_eq!(world.supervised(after), EPERM);
    }
    assert_eq!(world.supervised(chmod), 0);
}

#[test]
fn a_caller_that_dies_hurts_nobody() {
    let world = World::new();
    // Many processes that are killed while they call.
    world.script(
        "i=0; while [ $i -lt 40 ]; do
             (while :; do chmod 600 file || exit; done) & kill -9 $!; wait $! || :
             i=$((i + 1))
         done; chmod 640 file",
    );
    assert_eq!(mode(&world.path("inside/file")), 0o640);
}
