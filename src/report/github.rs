//! Annotations of a pull request: workflow commands of GitHub Actions.

use std::path::Path;

/// The command that shows `line` at the host's settings, where an exemption would be, or at no file
/// where there are none.
pub(super) fn annotation(line: &str, settings: &Path) -> String {
    let title = property("denied by the sandbox");
    let file = if settings.is_file() {
        format!("file={},", property(&settings.display().to_string()))
    } else {
        String::new()
    };
    format!("::warning {file}title={title}::{}", data(line))
}

/// What the runner reads as itself: a crate must not end the command and begin another.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_command() {
        assert_eq!(data("a%\n::error::b\r"), "a%25%0A::error::b%0D");
        assert_eq!(property("a:b,c\n"), "a%3Ab%2Cc%0A");
    }
}
