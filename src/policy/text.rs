//! Paths and variables as JSON and back, whatever bytes they hold.
//!
//! What is UTF-8 stands as text, so that people can read a written policy; anything else as serde
//! writes an `OsString`, since its form for a path would be an error.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Readable(String),
    Bytes(OsString),
}

impl From<Text> for OsString {
    fn from(text: Text) -> Self {
        match text {
            Text::Readable(text) => text.into(),
            Text::Bytes(text) => text,
        }
    }
}

/// For a field that is a path or a variable.
pub mod one {
    use super::{Deserialize, Deserializer, OsStr, OsString, Serialize, Serializer, Text};

    pub fn serialize<T: AsRef<OsStr>, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value.as_ref().to_str() {
            Some(text) => serializer.serialize_str(text),
            None => value.as_ref().serialize(serializer),
        }
    }

    pub fn deserialize<'de, T: From<OsString>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        Ok(OsString::from(Text::deserialize(deserializer)?).into())
    }
}

/// For a field that may be a path.
pub mod maybe {
    use super::{Deserialize, Deserializer, One, PathBuf, Serialize, Serializer};

    pub fn serialize<S: Serializer>(
        path: &Option<PathBuf>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        path.as_ref()
            .map(|path| One(path.into()))
            .serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PathBuf>, D::Error> {
        let path = Option::<One>::deserialize(deserializer)?;
        Ok(path.map(|path| path.0.into()))
    }
}

#[derive(Serialize, Deserialize)]
struct One(#[serde(with = "one")] OsString);

/// For a list of paths.
pub mod many {
    use super::{Deserialize, Deserializer, One, PathBuf, Serializer};

    pub fn serialize<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| One(path.into())))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<PathBuf>, D::Error> {
        let paths = Vec::<One>::deserialize(deserializer)?;
        Ok(paths.into_iter().map(|path| path.0.into()).collect())
    }
}

/// For names with values.
pub mod pairs {
    use super::{Deserialize, Deserializer, One, OsString, Serializer};

    pub fn serialize<S: Serializer>(
        pairs: &[(OsString, OsString)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let pair = |(name, value): &(OsString, OsString)| (One(name.clone()), One(value.clone()));
        serializer.collect_seq(pairs.iter().map(pair))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(OsString, OsString)>, D::Error> {
        let pairs = Vec::<(One, One)>::deserialize(deserializer)?;
        Ok(pairs
            .into_iter()
            .map(|(name, value)| (name.0, value.0))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        // A path that cannot be written as text, where this system has such.
        let odd = serde_json::from_str(r#"{"Unix":[47,255,10]}"#).unwrap_or_default();
        for text in ["/a b".into(), OsString::new(), odd] {
            let json = serde_json::to_string(&One(text.clone())).unwrap();
            assert_eq!(serde_json::from_str::<One>(&json).unwrap().0, text);
        }
        assert!(serde_json::from_str::<One>("7").is_err());
    }
}
