//! Writes that outlive the build: the mark is found outside afterwards, or a file is gone.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::sys::{self, check};
use super::{fact, home, host, mark, target, text, victim, Action, Done};

macro_rules! appends {
    ($($name:literal => $place:ident $path:literal,)*) => {
        /// Files of the home folder and of the project, appended to or made.
        const APPENDS: &[(&str, fn(&str) -> PathBuf, &str)] = &[$(($name, $place, $path)),*];
        pub const ACTIONS: &[Action] = &[
            $(($name, append_named),)*
            ("write-tmp", elsewhere),
            ("write-var-tmp", elsewhere),
            ("write-dev-shm", elsewhere),
            ("hard-link-in", hard_link_in),
            ("hard-link-out", hard_link_out),
            ("hard-link-descriptor", hard_link_descriptor),
            ("symlink-file", symlink_file),
            ("symlink-folder", symlink_folder),
            ("symlink-out", symlink_out),
            ("rename-out", rename_out),
            ("rename-in", rename_in),
            ("rename-exchange", rename_exchange),
            ("unlink", unlink),
            ("rmdir", rmdir),
            ("mkdir", mkdir),
            ("mkfifo", mkfifo),
            ("truncate", truncate),
            ("open-truncate", open_truncate),
            ("path-descriptor", path_descriptor),
            ("reopen-descriptor", reopen_descriptor),
            ("inherited-folder-write", inherited_folder),
            ("own-root-link", own_root),
            ("parent-root-link", parent_root),
            ("dot-dot-from-target", dot_dot),
            ("openat2", openat2),
            ("loader-start", loader_start),
        ];
    };
}

appends! {
    "write-bashrc" => home ".bashrc",
    "write-profile" => home ".profile",
    "write-zshenv" => home ".zshenv",
    "write-authorized-keys" => home ".ssh/authorized_keys",
    "write-ssh-config" => home ".ssh/config",
    "write-systemd-unit" => home ".config/systemd/user/evil.service",
    "write-autostart" => home ".config/autostart/evil.desktop",
    "write-editor-settings" => home ".config/Code/User/settings.json",
    "write-git-config" => home ".gitconfig",
    "write-npmrc" => home ".npmrc",
    "write-local-bin" => home ".local/bin/ls",
    "write-cargo-bin" => home ".cargo/bin/cargo-evil",
    "write-cargo-config" => home ".cargo/config.toml",
    "write-cargo-env" => home ".cargo/env",
    "write-cargo-credentials" => home ".cargo/credentials.toml",
    "write-registry-source" => home ".cargo/registry/src/index/other-1.0.0/src/lib.rs",
    "write-registry-cache" => home ".cargo/registry/cache/index/other-1.0.0.crate",
    "write-git-checkout" => home ".cargo/git/checkouts/other/main/lib.rs",
    "write-rustup-toolchain" => home ".rustup/toolchains/evil/bin/rustc",
    "write-rustup-settings" => home ".rustup/settings.toml",
    "write-host-package-json" => host "package.json",
    "write-host-lockfile" => host "Cargo.lock",
    "write-host-manifest" => host "Cargo.toml",
    "write-host-source" => host "src/main.rs",
    "write-host-env" => host ".env",
    "write-host-cargo-config" => host ".cargo/config.toml",
    "write-host-toolchain-file" => host "rust-toolchain.toml",
    "write-perry-cache" => host ".perry-cache/evil",
    "write-perry-object" => host ".perry-cache/objects/native.o",
    "write-git-hook" => host ".git/hooks/pre-commit",
    "write-git-local-config" => host ".git/config",
    "write-husky" => host ".husky/pre-commit",
    "write-vscode-tasks" => host ".vscode/tasks.json",
    "write-claude-settings" => host ".claude/settings.json",
    "write-workflow" => host ".github/workflows/evil.yml",
    "write-direnv" => host ".envrc",
    "write-node-module" => host "node_modules/other/index.js",
    "write-other-build-script" => host "vendor/other/build.rs",
    "write-own-source" => host "vendor/evil/src/lib.rs",
    "write-parent-cargo-config" => host "../.cargo/config.toml",
    "write-sibling-project" => host "../sibling/src/lib.rs",
}

/// The mark, as a comment of whatever the file is.
fn append(path: &Path, name: &str) -> Done {
    let comment = match path.extension().and_then(|e| e.to_str()) {
        Some("rs" | "js" | "json") => "//",
        _ => "#",
    };
    if let Some(folder) = path.parent() {
        // A sandbox may refuse this and allow the rest.
        let _ = fs::create_dir_all(folder);
    }
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(text)?;
    write!(file, "\n{comment} {}\n", mark(name)).map_err(text)?;
    Ok("written".into())
}

fn append_named(name: &str) -> Done {
    let (_, place, path) = APPENDS.iter().find(|(n, ..)| *n == name).unwrap();
    append(&place(path), name)
}

fn elsewhere(name: &str) -> Done {
    append(Path::new(fact(&format!("path.{name}"))), name)
}

/// A hard link inside the target is another name for a file outside.
fn hard_link_in(name: &str) -> Done {
    let (outside, inside) = (sys::c(victim(name)), sys::c(target(name)));
    check(unsafe { sys::link(outside.as_ptr(), inside.as_ptr()) })?;
    append(&target(name), name)
}

fn hard_link_out(name: &str) -> Done {
    append(&target(name), name)?;
    let (inside, outside) = (sys::c(target(name)), sys::c(victim(name)));
    fs::remove_file(victim(name)).map_err(text)?;
    check(unsafe { sys::link(inside.as_ptr(), outside.as_ptr()) }).map(|_| "linked".into())
}

/// A file without a name, given one outside.
fn hard_link_descriptor(name: &str) -> Done {
    let fd = sys::open_path(target(""), sys::O_TMPFILE | sys::O_RDWR)?;
    sys::put(fd, &mark(name))?;
    let from = sys::c(format!("/proc/self/fd/{fd}"));
    let to = sys::c(host(&format!("victims/{name}.new")));
    check(unsafe {
        sys::linkat(
            sys::AT_FDCWD,
            from.as_ptr(),
            sys::AT_FDCWD,
            to.as_ptr(),
            0x400,
        )
    })
    .map(|_| "linked".into())
}

fn symlink_file(name: &str) -> Done {
    symlink(victim(name), target(name)).map_err(text)?;
    append(&target(name), name)
}

fn symlink_folder(name: &str) -> Done {
    symlink(host("victims"), target(name)).map_err(text)?;
    append(&target(name).join(format!("{name}.new")), name)
}

fn symlink_out(name: &str) -> Done {
    symlink(mark(name), host(&format!("victims/{name}.new"))).map_err(text)?;
    Ok("linked".into())
}

fn rename_out(name: &str) -> Done {
    append(&target(name), name)?;
    fs::rename(target(name), victim(name)).map_err(text)?;
    Ok("renamed".into())
}

fn rename_in(name: &str) -> Done {
    fs::rename(victim(name), target(name)).map_err(text)?;
    Ok("renamed".into())
}

fn rename_exchange(name: &str) -> Done {
    append(&target(name), name)?;
    let (inside, outside) = (sys::c(target(name)), sys::c(victim(name)));
    let at = sys::AT_FDCWD;
    let renamed = unsafe {
        sys::syscall(
            sys::NR_RENAMEAT2,
            at,
            inside.as_ptr(),
            at,
            outside.as_ptr(),
            2,
        )
    };
    check(renamed).map(|_| "exchanged".into())
}

fn unlink(name: &str) -> Done {
    fs::remove_file(victim(name)).map_err(text)?;
    Ok("removed".into())
}

fn rmdir(name: &str) -> Done {
    fs::remove_dir(victim(name)).map_err(text)?;
    Ok("removed".into())
}

fn mkdir(name: &str) -> Done {
    fs::create_dir(host(&format!("victims/{name}.new"))).map_err(text)?;
    Ok("made".into())
}

fn mkfifo(name: &str) -> Done {
    let path = sys::c(host(&format!("victims/{name}.new")));
    check(unsafe { sys::mkfifo(path.as_ptr(), 0o600) }).map(|_| "made".into())
}

fn truncate(name: &str) -> Done {
    let path = sys::c(victim(name));
    check(unsafe { sys::truncate(path.as_ptr(), 0) }).map(|_| "truncated".into())
}

fn open_truncate(name: &str) -> Done {
    // Opened for reading, and emptied all the same.
    sys::open_path(victim(name), sys::O_RDONLY | sys::O_TRUNC).map(|_| "truncated".into())
}

fn write_at(dir: i32, path: &Path, name: &str) -> Done {
    let path = sys::c(path);
    let flags = sys::O_WRONLY | sys::O_APPEND | sys::O_CREAT;
    let fd = check(unsafe { sys::openat(dir, path.as_ptr(), flags, 0o644) })? as i32;
    sys::put(fd, &mark(name))
}

fn path_descriptor(name: &str) -> Done {
    let folder = sys::open_path(host("victims"), sys::O_PATH | sys::O_DIRECTORY)?;
    write_at(folder, Path::new(name), name)
}

/// A descriptor for reading leads to one for writing.
fn reopen_descriptor(name: &str) -> Done {
    let fd = sys::open_path(victim(name), sys::O_RDONLY)?;
    write_at(
        sys::AT_FDCWD,
        Path::new(&format!("/proc/self/fd/{fd}")),
        name,
    )
}

fn inherited_folder(name: &str) -> Done {
    write_at(super::number("fd.folder"), Path::new(name), name)
}

fn rooted(root: &str, path: &Path) -> PathBuf {
    Path::new(root).join(path.strip_prefix("/").unwrap())
}

fn own_root(name: &str) -> Done {
    append(&rooted("/proc/self/root", &victim(name)), name)
}

/// The root folder of a process outside, which may have other mounts.
fn parent_root(name: &str) -> Done {
    append(
        &rooted(
            &format!("/proc/{}/root", fact("pid.harness")),
            &victim(name),
        ),
        name,
    )
}

fn dot_dot(name: &str) -> Done {
    let folder = sys::open_path(target(""), sys::O_RDONLY | sys::O_DIRECTORY)?;
    let up = format!("{}{}", "../".repeat(64), victim(name).display());
    write_at(folder, Path::new(&up), name)
}

fn openat2(name: &str) -> Done {
    let path = sys::c(victim(name));
    let how = [(sys::O_WRONLY | sys::O_APPEND) as u64, 0, 0];
    let fd = check(unsafe {
        sys::syscall(
            sys::NR_OPENAT2,
            sys::AT_FDCWD,
            path.as_ptr(),
            how.as_ptr(),
            24_usize,
        )
    })?;
    sys::put(fd as i32, &mark(name))
}

/// Drops a program into the shared temporary folder and starts it, as the loaders of 2026 did.
fn loader_start(name: &str) -> Done {
    use std::os::unix::fs::PermissionsExt;
    let path = PathBuf::from(fact("path.loader-start"));
    let script = format!(
        "#!/bin/sh\necho '{}' > '{}'\n",
        mark(name),
        home(".config/loader").display()
    );
    fs::write(&path, script).map_err(text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(text)?;
    let status = std::process::Command::new(&path).status().map_err(text)?;
    Ok(status.to_string())
}
