//! Secrets: what an action says it got holds the needle of its file, or it does not.

use std::ffi::c_void;
use std::fs;
use std::path::{Path, PathBuf};

use super::sys::{self, check};
use super::{fact, home, host, number, secret, target, text, Action, Done};

macro_rules! reads {
    ($($name:literal => $place:ident $path:literal,)*) => {
        const READS: &[(&str, fn(&str) -> PathBuf, &str)] = &[$(($name, $place, $path)),*];
        pub const ACTIONS: &[Action] = &[
            $(($name, read_named),)*
            ("environment", environment),
            ("environment-block", environment_block),
            ("environment-of-parents", environment_of_parents),
            ("read-by-symlink", by_symlink),
            ("read-by-hard-link", by_hard_link),
            ("read-by-path-descriptor", by_path_descriptor),
            ("read-by-folder", by_folder),
            ("read-by-own-root", by_own_root),
            ("read-by-parent-root", by_parent_root),
            ("read-by-mount", by_mount),
            ("read-by-handle", by_handle),
            ("read-by-include", by_include),
            ("read-inherited-file", inherited_file),
            ("read-inherited-folder", inherited_folder),
            ("read-inherited-dot-dot", inherited_dot_dot),
            ("list-home", list_home),
            ("list-ssh", list_ssh),
            ("read-shared-temporary", read_temporary),
            ("read-password-hashes", password_hashes),
            ("stat-hidden", stat_hidden),
            ("readlink-hidden", readlink_hidden),
            ("getxattr-hidden", getxattr_hidden),
            ("inotify-hidden", inotify_hidden),
        ];
    };
}

reads! {
    "read-ssh-key" => home ".ssh/id_rsa",
    "read-aws" => home ".aws/credentials",
    "read-gcloud" => home ".config/gcloud/application_default_credentials.json",
    "read-azure" => home ".azure/accessTokens.json",
    "read-kube" => home ".kube/config",
    "read-docker" => home ".docker/config.json",
    "read-gh" => home ".config/gh/hosts.yml",
    "read-npmrc" => home ".npmrc",
    "read-pypirc" => home ".pypirc",
    "read-netrc" => home ".netrc",
    "read-pgpass" => home ".pgpass",
    "read-git-credentials" => home ".git-credentials",
    "read-gnupg" => home ".gnupg/private-keys-v1.d/key",
    "read-password-store" => home ".password-store/bank.gpg",
    "read-vault-token" => home ".vault-token",
    "read-cargo-credentials" => home ".cargo/credentials.toml",
    "read-cargo-credentials-old" => home ".cargo/credentials",
    "read-firefox" => home ".mozilla/firefox/x.default/logins.json",
    "read-chrome" => home ".config/google-chrome/Default/Login Data",
    "read-wallet" => home ".config/Exodus/exodus.wallet/seed.seco",
    "read-telegram" => home ".local/share/TelegramDesktop/tdata/key_datas",
    "read-history" => home ".bash_history",
    "read-claude" => home ".claude/.credentials.json",
    "read-document" => home "documents/diary.txt",
    "read-host-env" => host ".env",
    "read-host-env-local" => host ".env.local",
    "read-package-env" => host "vendor/evil/.env",
    "read-host-git-config" => host ".git/config",
    "read-sibling-env" => host "../sibling/.env",
    "read-sibling-source" => host "../sibling/src/lib.rs",
    "read-neighbour-file" => host "../notes.txt",
}

fn read(path: impl AsRef<Path>) -> Done {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(text)
}

fn read_named(name: &str) -> Done {
    let (_, place, path) = READS.iter().find(|(n, ..)| *n == name).unwrap();
    read(place(path))
}

fn environment(_: &str) -> Done {
    Ok(std::env::vars_os()
        .map(|pair| format!("{pair:?} "))
        .collect())
}

fn environment_block(_: &str) -> Done {
    read("/proc/self/environ")
}

/// Everyone above us, up to the first that will not say.
fn environment_of_parents(_: &str) -> Done {
    let mut pid = unsafe { sys::getppid() };
    let mut got = Vec::new();
    while pid > 1 {
        got.push(read(format!("/proc/{pid}/environ")).unwrap_or_else(|e| format!("{pid}: {e}")));
        let Ok(status) = read(format!("/proc/{pid}/stat")) else {
            break;
        };
        let after = status.rsplit_once(')').map_or("", |(_, after)| after);
        pid = after
            .split_whitespace()
            .nth(1)
            .and_then(|p| p.parse().ok())
            .unwrap_or(0);
    }
    Ok(got.join(" "))
}

fn by_symlink(name: &str) -> Done {
    std::os::unix::fs::symlink(secret(name), target(name)).map_err(text)?;
    read(target(name))
}

fn by_hard_link(name: &str) -> Done {
    fs::hard_link(secret(name), target(name)).map_err(text)?;
    read(target(name))
}

fn read_at(folder: i32, path: &str) -> Done {
    let path = sys::c(path);
    let fd = check(unsafe { sys::openat(folder, path.as_ptr(), sys::O_RDONLY) })?;
    sys::drain(fd as i32)
}

fn by_path_descriptor(name: &str) -> Done {
    read_at(sys::open_path(home(".ssh/kept"), sys::O_PATH)?, name)
}

fn by_folder(name: &str) -> Done {
    let folder = sys::open_path(home(".ssh/kept"), sys::O_PATH)?;
    check(unsafe { sys::fchdir(folder) })?;
    read(name)
}

fn by_own_root(name: &str) -> Done {
    read(Path::new("/proc/self/root").join(secret(name).strip_prefix("/").unwrap()))
}

fn by_parent_root(name: &str) -> Done {
    let root = format!("/proc/{}/root", fact("pid.harness"));
    read(Path::new(&root).join(secret(name).strip_prefix("/").unwrap()))
}

/// In a user namespace of its own a process may mount: the hidden folder, into the target.
fn by_mount(name: &str) -> Done {
    let place = target(name);
    fs::create_dir(&place).map_err(text)?;
    check(unsafe { sys::unshare(0x1000_0000 | 0x2_0000) })?;
    let (from, to) = (sys::c(home(".ssh/kept")), sys::c(&place));
    let none = std::ptr::null();
    check(unsafe { sys::mount(none, c"/".as_ptr(), none, 0x4_4000, none.cast()) })?;
    check(unsafe { sys::mount(from.as_ptr(), to.as_ptr(), none, 0x1000, none.cast()) })?;
    read(place.join(name))
}

/// A handle names a file by its inode, without any path; only root may open one.
fn by_handle(name: &str) -> Done {
    let path = sys::c(secret(name));
    let mut handle = [0_u32; 34];
    handle[0] = 128;
    let (handle, mut mount) = (handle.as_mut_ptr().cast::<c_void>(), 0);
    check(unsafe { sys::name_to_handle_at(sys::AT_FDCWD, path.as_ptr(), handle, &mut mount, 0) })?;
    let place = sys::open_path(target(""), sys::O_RDONLY)?;
    let fd = check(unsafe { sys::open_by_handle_at(place, handle, sys::O_RDONLY) })?;
    sys::drain(fd as i32)
}

/// The compiler reads for us.
fn by_include(name: &str) -> Done {
    let source = target("include.rs");
    let code = format!(
        "fn main() {{ print!(\"{{}}\", include_str!({:?})) }}",
        secret(name)
    );
    fs::write(&source, code).map_err(text)?;
    let compiler = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let output = std::process::Command::new(compiler)
        .args(["--edition=2021", "-o"])
        .arg(target("include-bin"))
        .arg(&source)
        .output()
        .map_err(text)?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let output = std::process::Command::new(target("include-bin"))
        .output()
        .map_err(text)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn inherited_file(_: &str) -> Done {
    sys::drain(number("fd.file"))
}

fn inherited_folder(name: &str) -> Done {
    read_at(number("fd.secrets"), name)
}

fn inherited_dot_dot(_: &str) -> Done {
    read_at(number("fd.secrets"), "../id_rsa")
}

fn list(path: PathBuf) -> Done {
    let entries = fs::read_dir(path).map_err(text)?;
    Ok(entries
        .flatten()
        .map(|e| format!("{:?} ", e.file_name()))
        .collect())
}

fn list_home(_: &str) -> Done {
    list(home(""))
}

fn list_ssh(_: &str) -> Done {
    list(home(".ssh"))
}

/// The needle is the size.
fn stat_hidden(name: &str) -> Done {
    fs::metadata(secret(name))
        .map(|m| format!("size={};", m.len()))
        .map_err(text)
}

fn readlink_hidden(name: &str) -> Done {
    fs::read_link(secret(name))
        .map(|link| link.display().to_string())
        .map_err(text)
}

fn getxattr_hidden(name: &str) -> Done {
    let path = sys::c(secret(name));
    let mut value = [0_u8; 256];
    let length = check(unsafe {
        sys::getxattr(
            path.as_ptr(),
            c"user.needle".as_ptr(),
            value.as_mut_ptr().cast(),
            256,
        )
    } as i64)?;
    Ok(String::from_utf8_lossy(&value[..length as usize]).into_owned())
}

/// The harness touches the file all the time.
fn inotify_hidden(name: &str) -> Done {
    let path = sys::c(secret(name));
    let fd = check(unsafe { sys::inotify_init1(sys::O_CLOEXEC) })? as i32;
    check(unsafe { sys::inotify_add_watch(fd, path.as_ptr(), 0x0000_0fff) })?;
    let mut poll = sys::PollFd {
        fd,
        events: 1,
        revents: 0,
    };
    if unsafe { sys::poll(&mut poll, 1, 1500) } != 1 {
        return Err("no event".into());
    }
    Ok("saw an event".into())
}

/// A file that another program of the user left in the shared temporary folder.
fn read_temporary(name: &str) -> Done {
    read(fact(&format!("path.{name}")))
}

fn password_hashes(_: &str) -> Done {
    // This one is real: only whether there is something to read, and nothing of it.
    match read("/etc/shadow")?.len() {
        0 => Err("empty".into()),
        length => Ok(format!("{length} bytes")),
    }
}
