//! What a hostile crate does to files: the same source is in a build script and in a proc macro.
//!
//! A plan tells it what to do, one action a line: who, what, where. It says nothing; the harness
//! judges by what it finds.

use std::ffi::{c_char, c_int, c_long, c_uint, c_void, CString};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{symlink, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

unsafe extern "C" {
    fn fchmod(file: c_int, mode: c_uint) -> c_int;
    fn getppid() -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn linkat(a: c_int, from: *const c_char, b: c_int, to: *const c_char, flags: c_int) -> c_int;
    fn mkfifo(path: *const c_char, mode: c_uint) -> c_int;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn renameat2(a: c_int, from: *const c_char, b: c_int, to: *const c_char, f: c_uint) -> c_int;
    fn setxattr(p: *const c_char, n: *const c_char, v: *const c_void, l: usize, f: c_int) -> c_int;
    fn utimensat(folder: c_int, path: *const c_char, times: *const [c_long; 4], f: c_int) -> c_int;
}

const HERE: c_int = -100;
const FOLLOW: c_int = 0x400;
const TMPFILE: c_int = 0o20_200_000;

pub fn run(who: &str) {
    let Some(plan) = std::env::var_os("ATTACK_PLAN").filter(|plan| !plan.is_empty()) else {
        return;
    };
    let own = own_folder(who);
    for (number, line) in fs::read_to_string(plan).unwrap_or_default().lines().enumerate() {
        let words: Vec<&str> = line.split('\t').collect();
        if words[0] == who {
            let spare = own.join(format!("spare-{who}-{number}"));
            let _ = act(words[1], Path::new(words[2]), &spare);
        }
    }
}

/// Where this unit's results go.
fn own_folder(who: &str) -> PathBuf {
    if who == "script" {
        return std::env::var_os("OUT_DIR").unwrap().into();
    }
    let line = fs::read("/proc/self/cmdline").unwrap_or_default();
    let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let after = words.iter().position(|word| word == "--out-dir").map(|at| at + 1);
    let folder = after.and_then(|at| words.get(at)).map(|word| PathBuf::from(&**word));
    folder.unwrap_or_else(std::env::temp_dir)
}

fn text(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

fn check(result: c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn write_on(mut file: fs::File) -> io::Result<()> {
    file.write_all(b"evil")
}

fn link(from: &Path, to: &Path, flags: c_int) -> io::Result<()> {
    check(unsafe { linkat(HERE, text(from).as_ptr(), HERE, text(to).as_ptr(), flags) })
}

fn act(what: &str, path: &Path, spare: &Path) -> io::Result<()> {
    match what {
        "append" => write_on(OpenOptions::new().append(true).open(path)?),
        "truncate" => OpenOptions::new().write(true).open(path)?.set_len(0),
        "recreate" => write_on(fs::File::create(path)?),
        // The contents stay as they are, and so does what is built from them.
        "rewrite" => {
            let mut file = OpenOptions::new().read(true).write(true).open(path)?;
            let mut byte = [0];
            file.read_exact(&mut byte)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&byte)
        }
        "reopen" => {
            let file = fs::File::open(path)?;
            let again = format!("/proc/self/fd/{}", file.as_raw_fd());
            write_on(OpenOptions::new().write(true).open(again)?)
        }
        "replace" => {
            fs::write(spare, "evil")?;
            fs::rename(spare, path)
        }
        "exchange" => {
            fs::write(spare, "evil")?;
            let (one, other) = (text(spare), text(path));
            check(unsafe { renameat2(HERE, one.as_ptr(), HERE, other.as_ptr(), 2) })
        }
        "steal" => fs::rename(path, spare),
        "rename" => fs::rename(path, path.with_extension("renamed-decoy")),
        "unlink" => fs::remove_file(path),
        "chmod" => fs::set_permissions(path, Permissions::from_mode(0o777)),
        "fchmod" => check(unsafe { fchmod(fs::File::open(path)?.as_raw_fd(), 0o777) }),
        "utimes" => {
            let times = [1_000_000_000, 0, 1_000_000_000, 0];
            check(unsafe { utimensat(HERE, text(path).as_ptr(), &times, 0) })
        }
        "setxattr" => {
            let (path, name, value) = (text(path), c"user.evil".as_ptr(), c"evil".as_ptr().cast());
            check(unsafe { setxattr(path.as_ptr(), name, value, 4, 0) })
        }
        "hard-link" => {
            link(path, spare, 0)?;
            write_on(OpenOptions::new().append(true).open(spare)?)
        }
        // Inside its own folder, if anything: the attributes are still those of the file.
        "link-and-chmod" => {
            let _ = link(path, spare, 0);
            let alias = spare.with_extension("alias");
            symlink(path, &alias)?;
            fs::set_permissions(alias, Permissions::from_mode(0o777))
        }
        "create" => write_on(OpenOptions::new().write(true).create_new(true).open(path)?),
        "create-nameless" => {
            let folder = text(path.parent().unwrap());
            let file = unsafe { open(folder.as_ptr(), TMPFILE | 2, 0o600) };
            check(file)?;
            let file = unsafe { fs::File::from_raw_fd(file) };
            let name = format!("/proc/self/fd/{}", file.as_raw_fd());
            link(Path::new(&name), path, FOLLOW)
        }
        "bring" => {
            fs::write(spare, "evil")?;
            fs::rename(spare, path)
        }
        "bring-link" => {
            fs::write(spare, "evil")?;
            link(spare, path, 0)
        }
        "bring-symlink" => {
            symlink("/etc/passwd", spare)?;
            fs::rename(spare, path)
        }
        "bring-folder" => {
            fs::create_dir(spare)?;
            symlink("/etc/passwd", spare.join("link"))?;
            fs::rename(spare, path)
        }
        "symlink" => symlink("/etc/passwd", path),
        "fifo" => check(unsafe { mkfifo(text(path).as_ptr(), 0o600) }),
        "mkdir" => fs::create_dir(path),
        "open-creating" => {
            let file = OpenOptions::new().write(true).create(true).mode(0o4755).open(path)?;
            write_on(file)
        }
        "kill" => kill_as_far_as_cargo(),
        _ => panic!("no action {what}"),
    }
}

/// The processes above this one, up to cargo; not whoever started that.
fn kill_as_far_as_cargo() -> io::Result<()> {
    let mut pid = unsafe { getppid() };
    let mut victims = Vec::new();
    while pid > 1 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (head, tail) = stat.rsplit_once(')').unwrap();
        victims.push(pid);
        if head.ends_with("(cargo") {
            break;
        }
        pid = tail.split_whitespace().nth(1).unwrap().parse().unwrap();
    }
    for pid in victims.iter().rev() {
        check(unsafe { kill(*pid, 9) })?;
    }
    Ok(())
}
