//! Reads the host's `package.json`.
//!
//! The file decides what a build may do, so whatever in it could be taken in two ways is an error
//! and nothing is built: a wrong type, a setting given twice (readers of JSON disagree on which
//! one counts), a name that looks like a pattern. Keys below `perry` that are not ours are
//! Perry's; below `perry.sandbox` all are ours, so an unknown one is a mistake.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::file;
use crate::error::Failure;
use crate::policy::Profile;

const LARGEST: u64 = 8 << 20;

/// What the host decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// `perry.allowUnsandboxedBuild`: packages that build without a sandbox, by exact name.
    pub allow_unsandboxed_build: Vec<String>,
    /// `perry.cacheDir`, as written; relative to the host.
    pub cache_dir: Option<PathBuf>,
    /// `perry.sandbox.profile`.
    pub profile: Option<Profile>,
    /// `perry.sandbox.keepEnvironment`: variables that the build gets although they look secret.
    pub keep_environment: Vec<String>,
    /// `perry.sandbox.programs`: are the programs and tests that cargo runs in the sandbox as well?
    pub confine_programs: bool,
    /// `perry.sandbox.read`, as written: what the build may read besides.
    pub read: Vec<String>,
}

impl Settings {
    /// Reads `package.json` in `root`. Without one, nothing is decided.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let path = root.join("package.json");
        let document = Document { path: &path };
        match file::read(&path, LARGEST) {
            Ok(Some(bytes)) => Ok(document.parse(&bytes)?),
            Ok(None) => Ok(Self::default()),
            Err(problem) => Err(document
                .fail_whole(problem)
                .help("the host's settings are read from it, so nothing is built without it")
                .into()),
        }
    }

    /// The paths of `perry.sandbox.read`, made absolute.
    pub fn read_paths(&self, root: &Path, home: Option<&Path>) -> anyhow::Result<Vec<PathBuf>> {
        self.read
            .iter()
            .map(|path| {
                let below_home = match path.strip_prefix('~') {
                    Some("") => Some(""),
                    Some(rest) => rest.strip_prefix('/'),
                    None => None,
                };
                match (below_home, home) {
                    (None, _) => Ok(root.join(path)),
                    // `join("")` would add a slash.
                    (Some(""), Some(home)) => Ok(home.to_owned()),
                    (Some(rest), Some(home)) => Ok(home.join(rest)),
                    (Some(_), None) => Err(Document {
                        path: &root.join("package.json"),
                    }
                    .fail(
                        "perry.sandbox.read",
                        format_args!("names `{path}`, but there is no home folder"),
                    )
                    .help("set `HOME`, or write an absolute path")
                    .into()),
                }
            })
            .collect()
    }
}

/// A file that is parsed, for the messages.
struct Document<'a> {
    path: &'a Path,
}

type Object = Vec<(String, Json)>;

impl Document<'_> {
    fn parse(&self, bytes: &[u8]) -> Result<Settings, Failure> {
        // Windows editors write a byte order mark, and npm accepts it.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|_| {
            self.fail_whole("is not UTF-8")
                .help("save the file as UTF-8")
        })?;
        let json = serde_json::from_str(text).map_err(|error| {
            self.fail_whole(format_args!("is not valid JSON: {error}"))
                .help("correct the file; the host's settings are read from it")
        })?;
        let Json::Object(top) = json else {
            return Err(self.fail_whole(format_args!("must hold an object, found {}", json.kind())));
        };

        let mut settings = Settings::default();
        let Some(perry) = self.object(&top, "", "perry")? else {
            return Ok(settings);
        };
        for (index, name) in self.strings(perry, "perry", "allowUnsandboxedBuild")? {
            let field = format!("perry.allowUnsandboxedBuild[{index}]");
            self.check_name(&field, name)?;
            settings.allow_unsandboxed_build.push(name.to_owned());
        }
        if let Some(path) = self.string(perry, "perry", "cacheDir")? {
            self.check_path("perry.cacheDir", path)?;
            settings.cache_dir = Some(PathBuf::from(path));
        }
        let Some(sandbox) = self.object(perry, "perry", "sandbox")? else {
            return Ok(settings);
        };
        self.check_keys(sandbox)?;
        settings.profile = match self.string(sandbox, "perry.sandbox", "profile")? {
            None => None,
            Some("strict") => Some(Profile::Strict),
            Some("compat") => Some(Profile::Compat),
            Some(other) => {
                return Err(self.fail(
                    "perry.sandbox.profile",
                    format_args!(
                        "must be `strict` or `compat`, found `{}`",
                        other.escape_debug()
                    ),
                ));
            }
        };
        settings.confine_programs = match self.string(sandbox, "perry.sandbox", "programs")? {
            None | Some("open") => false,
            Some("confined") => true,
            Some(other) => {
                return Err(self.fail(
                    "perry.sandbox.programs",
                    format_args!(
                        "must be `open` or `confined`, found `{}`",
                        other.escape_debug()
                    ),
                ));
            }
        };
        for (index, name) in self.strings(sandbox, "perry.sandbox", "keepEnvironment")? {
            let field = format!("perry.sandbox.keepEnvironment[{index}]");
            self.check_variable(&field, name)?;
            settings.keep_environment.push(name.to_owned());
        }
        for (index, path) in self.strings(sandbox, "perry.sandbox", "read")? {
            let field = format!("perry.sandbox.read[{index}]");
            self.check_path(&field, path)?;
            settings.read.push(path.to_owned());
        }
        Ok(settings)
    }

    fn object<'j>(
        &self,
        object: &'j Object,
        parent: &str,
        key: &str,
    ) -> Result<Option<&'j Object>, Failure> {
        match self.value(object, parent, key)? {
            None => Ok(None),
            Some(Json::Object(object)) => Ok(Some(object)),
            Some(other) => Err(self.wrong(&field(parent, key), "an object", other)),
        }
    }

    fn string<'j>(
        &self,
        object: &'j Object,
        parent: &str,
        key: &str,
    ) -> Result<Option<&'j str>, Failure> {
        match self.value(object, parent, key)? {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(&field(parent, key), "a string", other)),
        }
    }

    fn strings<'j>(
        &self,
        object: &'j Object,
        parent: &str,
        key: &str,
    ) -> Result<Vec<(usize, &'j str)>, Failure> {
        let field = field(parent, key);
        match self.value(object, parent, key)? {
            None => Ok(Vec::new()),
            Some(Json::Array(entries)) => entries
                .iter()
                .enumerate()
                .map(|(index, entry)| match entry {
                    Json::String(text) => Ok((index, text.as_str())),
                    other => Err(self.wrong(&format!("{field}[{index}]"), "a string", other)),
                })
                .collect(),
            Some(other) => Err(self.wrong(&field, "an array of strings", other)),
        }
    }

    fn value<'j>(
        &self,
        object: &'j Object,
        parent: &str,
        key: &str,
    ) -> Result<Option<&'j Json>, Failure> {
        let mut values = object.iter().filter(|(name, _)| name == key);
        let first = values.next();
        if values.next().is_some() {
            return Err(self
                .fail(&field(parent, key), "is given twice")
                .help("keep one of them"));
        }
        Ok(first.map(|(_, value)| value))
    }

    fn check_keys(&self, sandbox: &Object) -> Result<(), Failure> {
        const KNOWN: [&str; 4] = ["keepEnvironment", "profile", "programs", "read"];
        match sandbox
            .iter()
            .find(|(key, _)| !KNOWN.contains(&key.as_str()))
        {
            None => Ok(()),
            Some((key, _)) => Err(self
                .fail(
                    &format!("perry.sandbox.{}", key.escape_debug()),
                    "is not a setting",
                )
                .help("the settings are `keepEnvironment`, `profile`, `programs` and `read`")),
        }
    }

    /// `name` or `@scope/name`, and nothing that its writer may have meant as a pattern or a
    /// version.
    fn check_name(&self, field: &str, name: &str) -> Result<(), Failure> {
        let part = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && !part.contains(|c: char| {
                    c.is_whitespace() || c.is_control() || "@/\\*?[]{}!:".contains(c)
                })
        };
        let good = match name.strip_prefix('@') {
            Some(scoped) => scoped
                .split_once('/')
                .is_some_and(|(scope, name)| part(scope) && part(name)),
            None => part(name),
        };
        if good {
            return Ok(());
        }
        Err(self
            .fail(
                field,
                format_args!("is not a package's name: `{}`", name.escape_debug()),
            )
            .help("names are compared exactly, without patterns or versions; write one entry for each package, such as `@scope/name`"))
    }

    fn check_variable(&self, field: &str, name: &str) -> Result<(), Failure> {
        let bad = |c: char| c.is_whitespace() || c.is_control() || "=*?[]{}$".contains(c);
        if !name.is_empty() && !name.contains(bad) {
            return Ok(());
        }
        Err(self
            .fail(
                field,
                format_args!("is not a variable's name: `{}`", name.escape_debug()),
            )
            .help(
                "names are compared exactly; write one entry for each variable, such as `PROTOC`",
            ))
    }

    fn check_path(&self, field: &str, path: &str) -> Result<(), Failure> {
        let problem = if path.is_empty() {
            "must not be empty"
        } else if path.contains(char::is_control) {
            "must not contain control characters"
        } else if path.contains('*') {
            "must be a path, not a pattern"
        } else if path.starts_with('~') && path != "~" && !path.starts_with("~/") {
            "names another user's home folder"
        } else {
            return Ok(());
        };
        Err(self
            .fail(field, problem)
            .help("write a path that is absolute, relative to the folder of `package.json`, or begins with `~/`"))
    }

    fn wrong(&self, field: &str, wanted: &str, found: &Json) -> Failure {
        self.fail(
            field,
            format_args!("must be {wanted}, found {}", found.kind()),
        )
    }

    fn fail(&self, field: &str, problem: impl fmt::Display) -> Failure {
        Failure::new(format!("`{}`: `{field}` {problem}", self.path.display()))
    }

    fn fail_whole(&self, problem: impl fmt::Display) -> Failure {
        Failure::new(format!("`{}` {problem}", self.path.display()))
    }
}

fn field(parent: &str, key: &str) -> String {
    if parent.is_empty() {
        key.to_owned()
    } else {
        format!("{parent}.{key}")
    }
}

/// JSON with the keys of objects as written: `serde_json`'s own type keeps the last of two.
#[derive(Debug)]
enum Json {
    Array(Vec<Json>),
    Boolean,
    Null,
    Number,
    Object(Object),
    String(String),
}

impl Json {
    fn kind(&self) -> &'static str {
        match self {
            Self::Array(_) => "an array",
            Self::Boolean => "a boolean",
            Self::Null => "null",
            Self::Number => "a number",
            Self::Object(_) => "an object",
            Self::String(_) => "a string",
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Boolean)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::String(text))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(entry) = entries.next_element()? {
            array.push(entry);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            object.push(entry);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
