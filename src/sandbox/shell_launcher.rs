//! Launchers as scripts, for macOS, which starts no program without a loader.
//!
//! A crate can set variables for the compiler (`cargo::rustc-env`), and a program of ours would obey
//! some of them before its first instruction: dyld loads what `DYLD_INSERT_LIBRARIES` names, and
//! malloc opens what `MallocLogFile` names. System Integrity Protection takes the power, and the
//! variables themselves, from `DYLD_*` where a program of the system starts, and the script removes
//! the others before it becomes us.
//!
//! It is bash's by name, and not that of `/bin/sh`: that may be dash by the user's choice, which
//! drops variables whose names it could not write itself, as cargo's `CARGO_BIN_EXE_my-program`.
//! `-p` keeps it from what the environment could tell it (`BASH_ENV`, `SHELLOPTS`, functions), and
//! no variable is assigned: one that is in the environment would be passed on with another value.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::launcher::{Launcher, UNIT};

/// Is part of every macOS, and protected there by System Integrity Protection.
const SHELL: &str = "#!/bin/bash -p\n";

/// Ours should end with the same status whatever cannot be started.
const BEGIN: &str = "shopt -s execfail\n";

/// Names are split at white space here, and must not be taken for patterns.
const CLEAN: &str = "set -f\nunset -v ${!DYLD_@} ${!Malloc@}\nset +f\n";

const END: &str = "exit 101\n";

/// The text; names and paths were checked.
pub fn image(launcher: Launcher<'_>) -> Vec<u8> {
    match launcher {
        Launcher::Tool { program } => {
            let mut text = [SHELL, TOOL, BEGIN, CLEAN, "exec -a \"$0\" -- "]
                .concat()
                .into_bytes();
            text.extend(quoted(program.as_os_str()));
            text.extend(b" \"$@\"\n");
            text.extend(END.as_bytes());
            text
        }
        Launcher::Script { real } => {
            let name = quoted(real);
            let [head, middle, tail] = script();
            [
                head.as_bytes(),
                &name,
                middle.as_bytes(),
                &name,
                tail.as_bytes(),
            ]
            .concat()
        }
    }
}

/// The name of the real script in the text of its launcher; `None` for any other bytes.
pub fn real(image: &[u8]) -> Option<OsString> {
    let [head, middle, _] = script();
    let rest = image.strip_prefix(head.as_bytes())?;
    // No name holds it: there are slashes in it.
    let end = memchr::memmem::find(rest, middle.as_bytes())?;
    let name = unquoted(&rest[..end])?;
    let expected = self::image(Launcher::Script { real: &name });
    (expected == image).then_some(name)
}

const TOOL: &str = "# sandboxed-cargo, by a name that tells what cargo started it as.\n";

/// What stands around the two places of the real script's name.
fn script() -> [String; 3] {
    let head = format!(
        "{SHELL}\
         # sandboxed-cargo put this in place of a compiled build script, which lies beside it. Without\n\
         # {UNIT} it becomes that script: the folder works without sandboxed-cargo.\n\
         {BEGIN}\
         case ${{{UNIT}+set}} in\n\
         '')\n\
         case $0 in\n\
         */*) exec -a \"$0\" -- \"${{0%/*}}/\""
    );
    let middle = " \"$@\" ;;\n*) exec -a \"$0\" -- ./".to_owned();
    let tail = format!(
        " \"$@\" ;;\n\
         esac\n\
         ;;\n\
         *)\n\
         case ${UNIT} in\n\
         /*)\n\
         {CLEAN}\
         exec -a \"$0\" -- \"${UNIT}\" \"$@\"\n\
         ;;\n\
         *) printf 'error: sandboxed-cargo: cannot start %s\\n' \"${UNIT}\" >&2 ;;\n\
         esac\n\
         ;;\n\
         esac\n\
         {END}"
    );
    [head, middle, tail]
}

/// One word of a shell: nothing has a meaning between single quotes but the next one.
fn quoted(text: &OsStr) -> Vec<u8> {
    let mut word = vec![b'\''];
    for &byte in text.as_bytes() {
        if byte == b'\'' {
            word.extend(b"'\\''");
        } else {
            word.push(byte);
        }
    }
    word.push(b'\'');
    word
}

fn unquoted(word: &[u8]) -> Option<OsString> {
    let mut rest = word.strip_prefix(b"'")?.strip_suffix(b"'")?;
    let mut text = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'\'' {
            text.push(b'\'');
            rest = rest.strip_prefix(b"'\\''")?;
        } else {
            text.push(byte);
            rest = after;
        }
    }
    Some(OsString::from_vec(text))
}

/// The value of `DYLD_FALLBACK_LIBRARY_PATH` for a program that cargo gave these folders, as cargo
/// makes it: what cargo had set does not come through a program of the system.
///
/// A folder that such a list cannot hold is left out.
pub fn library_path<'a>(
    folders: impl IntoIterator<Item = &'a OsStr>,
    home: Option<&OsStr>,
) -> OsString {
    let mut list = Vec::new();
    let home = home.map(|home| [home.as_bytes(), b"/lib"].concat());
    let own = folders.into_iter().map(|folder| folder.as_bytes().to_vec());
    // What dyld takes where the variable is not set (dyld(1)).
    let usual = ["/usr/local/lib", "/usr/lib"].map(|folder| folder.as_bytes().to_vec());
    for folder in own.chain(home).chain(usual) {
        if folder.contains(&b':') {
            continue;
        }
        if !list.is_empty() {
            list.push(b':');
        }
        list.extend(folder);
    }
    OsString::from_vec(list)
}

#[cfg(test)]
mod tests;
