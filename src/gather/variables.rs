//! Which folders the environment names for the build.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Variables whose value is a place for a build to look in, by the end of their name.
const SUFFIXES: &[&str] = &[
    "_DIR", "_HOME", "_INCLUDE", "_LIB", "_LIBRARY", "_PREFIX", "_ROOT", "_SYSROOT",
];

/// Variables with a list of such places, or whose names have no such end.
const LISTS: &[&str] = &[
    "CMAKE_PREFIX_PATH",
    "CPATH",
    "CPLUS_INCLUDE_PATH",
    "C_INCLUDE_PATH",
    "GOPATH",
    "LD_LIBRARY_PATH",
    "LIBCLANG_PATH",
    "LIBRARY_PATH",
    "LLVM_CONFIG_PATH",
    "OPENSSL_CONF",
    "PKG_CONFIG_LIBDIR",
    "PKG_CONFIG_PATH",
    "PROTOC_INCLUDE",
    "PYTHONHOME",
    "SDKROOT",
    "SSL_CERT_FILE",
];

/// Places that are more than a build needs, whatever their name ends in: programs keep their tokens
/// beside their settings.
const NOT: &[&str] = &[
    "CODEX_HOME",
    "COMPOSER_HOME",
    "GNUPGHOME",
    "GRADLE_USER_HOME",
    "HOME",
    "MINIKUBE_HOME",
    "OLDPWD",
    "PASSWORD_STORE_DIR",
    "PWD",
    "TMPDIR",
];

/// The absolute paths that the environment names for the build, with the variable's name.
pub(super) fn build_paths(environment: &[(OsString, OsString)]) -> Vec<(OsString, PathBuf)> {
    let mut paths = Vec::new();
    for (name, value) in environment
        .iter()
        .filter(|(name, _)| names_build_path(name))
    {
        for path in std::env::split_paths(value).filter(|path| path.is_absolute()) {
            paths.push((name.clone(), path));
        }
    }
    paths
}

/// Programs that a variable names by an absolute path (`CC`, `PROTOC`, `PYO3_PYTHON`, ...).
pub(super) fn programs(environment: &[(OsString, OsString)]) -> Vec<(OsString, PathBuf)> {
    environment
        .iter()
        .filter(|(name, _)| !NOT.iter().any(|not| name == not) && name != "PATH")
        .map(|(name, value)| (name.clone(), PathBuf::from(value)))
        .filter(|(_, path)| path.is_absolute())
        .collect()
}

fn names_build_path(name: &OsStr) -> bool {
    const SETTINGS: [&str; 2] = ["_CONFIG_DIR", "_CONFIG_HOME"];
    let Some(name) = name.to_str() else {
        return false;
    };
    if NOT.contains(&name)
        || name.starts_with("XDG_")
        || name.starts_with("SSH_")
        || SETTINGS.iter().any(|suffix| name.ends_with(suffix))
    {
        return false;
    }
    LISTS.contains(&name) || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pairs: &[(&str, &str)]) -> Vec<String> {
        let environment: Vec<_> = pairs.iter().map(|(k, v)| (k.into(), v.into())).collect();
        build_paths(&environment)
            .into_iter()
            .map(|(name, path)| format!("{}={}", name.display(), path.display()))
            .collect()
    }

    #[test]
    fn build_variables_are_read() {
        assert_eq!(
            names(&[
                ("OPENSSL_DIR", "/opt/ssl"),
                ("JAVA_HOME", "/opt/java"),
                ("PKG_CONFIG_PATH", "/a:relative:/b"),
                ("LIBCLANG_PATH", "/opt/llvm/lib"),
            ]),
            [
                "OPENSSL_DIR=/opt/ssl",
                "JAVA_HOME=/opt/java",
                "PKG_CONFIG_PATH=/a",
                "PKG_CONFIG_PATH=/b",
                "LIBCLANG_PATH=/opt/llvm/lib",
            ]
        );
    }

    #[test]
    fn private_places_and_other_variables_are_not() {
        assert_eq!(
            names(&[
                ("HOME", "/home/u"),
                ("XDG_CONFIG_HOME", "/home/u/.config"),
                ("PASSWORD_STORE_DIR", "/home/u/secret"),
                ("GH_CONFIG_DIR", "/home/u/gh"),
                ("HELM_CONFIG_HOME", "/home/u/helm"),
                ("PATH", "/bin"),
                ("EDITOR", "/bin/vi"),
                ("OUT_DIR", "relative"),
            ]),
            Vec::<String>::new()
        );
    }
}
