//! What a Seatbelt profile decides, for the part of the language that we write.
//!
//! Anything else in a profile is a panic: a rule that this evaluator does not understand is not
//! tested. Written from Apple's published profiles and from what tools report from Macs, not from
//! the generator, so that both can be wrong only independently.

use std::collections::HashMap;

/// Which rule decides. The last match in the text is what most descriptions claim; the kernel first
/// asks the rules with filters of the operation itself, then its rule without, then its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    Kernel,
    Textual,
}

#[derive(Debug)]
pub(crate) struct Query<'a> {
    pub(crate) operation: &'a str,
    /// A path, `tcp:HOST:PORT`, `unix:PATH`, `global:NAME`, a target of signals, or nothing.
    pub(crate) value: &'a str,
    /// `ioctl=19,vnode=DIRECTORY` and the like.
    pub(crate) attributes: &'a str,
}

#[derive(Debug)]
pub(crate) struct Profile {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    allow: bool,
    operations: Vec<String>,
    filters: Vec<Filter>,
}

#[derive(Debug)]
enum Filter {
    All(Vec<Filter>),
    /// Any of the strings (or numbers) matches.
    Any(String, Vec<String>),
}

/// Operations under the one that decides if they have no rule; `+` and `-` are built-in decisions,
/// which `default` does not reach.
const FALLBACK: &[(&str, &str)] = &[
    // file-lock: allowed in the tables of macOS 14, but reported as denied from newer ones.
    ("-", "default file-lock file-write-setugid job-creation"),
    (
        "+",
        "file-clone file-link file-map-executable file-test-existence nvram* process-info* \
         system-fcntl",
    ),
    (
        "default",
        "appleevent-send file* iokit* ipc* lsopen mach* network* process* pseudo-tty signal \
         sysctl* system* user-preference*",
    ),
    (
        "file*",
        "file-ioctl file-mknod file-mount file-read* file-write*",
    ),
    (
        "file-read*",
        "file-read-data file-read-metadata file-read-xattr",
    ),
    (
        "file-write*",
        "file-write-create file-write-data file-write-flags file-write-mode file-write-owner \
         file-write-times file-write-unlink file-write-xattr",
    ),
    ("iokit*", "iokit-open"),
    ("ipc*", "ipc-posix* ipc-sysv-shm"),
    ("ipc-posix*", "ipc-posix-sem* ipc-posix-shm*"),
    ("ipc-posix-sem*", "ipc-posix-sem-open"),
    (
        "ipc-posix-shm*",
        "ipc-posix-shm-read-data ipc-posix-shm-write-create",
    ),
    ("mach*", "mach-lookup mach-priv-task-port mach-register"),
    ("network*", "network-inbound network-outbound"),
    ("network-inbound", "network-bind"),
    ("nvram*", "nvram-get"),
    ("process*", "process-exec process-fork"),
    (
        "process-info*",
        "process-info-pidinfo process-info-setcontrol",
    ),
    ("sysctl*", "sysctl-read sysctl-write"),
    ("system*", "system-sched system-socket"),
    (
        "user-preference*",
        "user-preference-read user-preference-write",
    ),
];

fn parent(operation: &str) -> &'static str {
    FALLBACK
        .iter()
        .find(|(_, names)| names.split(' ').any(|name| name == operation))
        .unwrap_or_else(|| panic!("unknown operation {operation}"))
        .0
}

impl Profile {
    pub(crate) fn new(text: &str, parameters: &[(String, String)]) -> Self {
        let tokens = tokens(text);
        let mut at = 0;
        let mut reader = Compiler {
            parameters: parameters.iter().cloned().collect(),
            functions: HashMap::new(),
            rules: Vec::new(),
        };
        let mut first = true;
        while at < tokens.len() {
            let form = parse(&tokens, &mut at);
            if std::mem::take(&mut first) {
                let Form::List(version) = &form else {
                    panic!("no version");
                };
                assert_eq!(version, &[atom("version"), atom("1")]);
            } else {
                reader.top(&form);
            }
        }
        Self {
            rules: reader.rules,
        }
    }

    pub(crate) fn allows(&self, query: &Query, model: Model) -> bool {
        let mut chain = vec![query.operation];
        while !matches!(parent(chain[chain.len() - 1]), "+" | "-") {
            chain.push(parent(chain[chain.len() - 1]));
        }
        let fallback = parent(chain[chain.len() - 1]) == "+" || query.value.starts_with("xpc:");
        // Services inside an application's bundle are found unless a rule names them.
        let skip =
            |rule: &Rule| query.value.starts_with("xpc:") && rule.filters.is_empty() && !rule.allow;
        let of = |rule: &Rule, name: &str| rule.operations.iter().any(|known| known == name);
        let hit = |rule: &Rule| {
            rule.filters.is_empty() || rule.filters.iter().any(|filter| filter.matches(query))
        };
        let decided =
            match model {
                Model::Textual => self.rules.iter().rev().find(|rule| {
                    chain.iter().any(|name| of(rule, name)) && hit(rule) && !skip(rule)
                }),
                Model::Kernel => chain.iter().find_map(|name| {
                    let own = || self.rules.iter().rev().filter(|rule| of(rule, name));
                    own()
                        .find(|rule| !rule.filters.is_empty() && hit(rule))
                        .or_else(|| own().find(|rule| rule.filters.is_empty()))
                        .filter(|rule| !skip(rule))
                }),
            };
        decided.map_or(fallback, |rule| rule.allow)
    }
}

impl Filter {
    fn matches(&self, query: &Query) -> bool {
        let (name, values) = match self {
            Self::All(filters) => return filters.iter().all(|filter| filter.matches(query)),
            Self::Any(name, values) => (name.as_str(), values),
        };
        let path = query.value.strip_prefix("unix:").unwrap_or(query.value);
        let attribute = |key: &str| {
            query
                .attributes
                .split(',')
                .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
        };
        let number = |text: Option<&str>| {
            let text = text.unwrap_or_else(|| panic!("{query:?} lacks what {name} asks"));
            values.iter().any(|value| value == text)
        };
        let service = |kind: &str| query.value.strip_prefix(kind)?.strip_prefix(':');
        let start = |text: Option<&str>| {
            text.is_some_and(|text| values.iter().any(|value| text.starts_with(value)))
        };
        let equal = |text: Option<&str>| text.is_some_and(|text| values.iter().any(|v| v == text));
        match name {
            "literal" => equal(Some(path)),
            "prefix" => start(Some(path)),
            "subpath" => values.iter().any(|value| {
                value == "/"
                    || path
                        .strip_prefix(value.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }),
            "regex" => values.iter().any(|value| simple_regex(value, path)),
            "global-name" => equal(service("global")),
            "global-name-prefix" => start(service("global")),
            "local-name" => equal(service("local")),
            "xpc-service-name-prefix" => start(service("xpc")),
            "ipc-posix-name" | "preference-domain" => equal(Some(query.value)),
            "ipc-posix-name-prefix" | "sysctl-name-prefix" => start(Some(query.value)),
            "extension" => equal(attribute("extension")),
            "ioctl-command" => number(attribute("ioctl")),
            "fcntl-command" => number(attribute("fcntl")),
            "vnode-type" => equal(
                attribute("vnode")
                    .or_else(|| path.starts_with("/dev/").then_some("CHARACTER-DEVICE")),
            ),
            "target" => match query.value {
                "self" => values.iter().any(|v| v == "self" || v == "same-sandbox"),
                other => equal(Some(other)),
            },
            "socket-domain" => equal(query.value.split(':').next()),
            "socket-protocol" => equal(query.value.split(':').nth(2)),
            "remote" => {
                assert_eq!(values[..], ["ip", "*:*"]);
                query.value.starts_with("tcp:") || query.value.starts_with("udp:")
            }
            _ => panic!("unknown filter {name}"),
        }
    }
}

/// Anchored on both sides, with `[0-9]+` as the only operator.
fn simple_regex(pattern: &str, text: &str) -> bool {
    let inner = pattern
        .strip_prefix('^')
        .and_then(|rest| rest.strip_suffix('$'))
        .unwrap_or_else(|| panic!("regex {pattern} is not anchored"));
    let (head, tail) = inner.split_once("[0-9]+").expect("no digits in the regex");
    assert!(!head.contains(['\\', '(', '[', '.', '*', '+', '?', '|']) && tail.is_empty());
    text.strip_prefix(head)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Atom(String),
    List(Vec<Form>),
    Text(String),
}

fn atom(name: &str) -> Form {
    Form::Atom(name.to_owned())
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Atom(String),
    Close,
    Open,
    Text(String),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let used = match first {
            ';' => rest.find('\n').expect("a comment without an end"),
            '(' => {
                tokens.push(Token::Open);
                1
            }
            ')' => {
                tokens.push(Token::Close);
                1
            }
            '"' | '#' => {
                let start = rest.find('"').expect("no string after #") + 1;
                let length = rest[start..].find('"').expect("unclosed string");
                let inside = &rest[start..start + length];
                assert!(!inside.contains('\\'), "escapes are not written: {inside}");
                tokens.push(Token::Text(inside.to_owned()));
                start + length + 1
            }
            _ => {
                let length = rest
                    .find(|c: char| c.is_whitespace() || "();\"".contains(c))
                    .unwrap_or(rest.len());
                tokens.push(Token::Atom(rest[..length].to_owned()));
                length
            }
        };
        rest = rest[used..].trim_start();
    }
    tokens
}

fn parse(tokens: &[Token], at: &mut usize) -> Form {
    *at += 1;
    match &tokens[*at - 1] {
        Token::Atom(name) => Form::Atom(name.clone()),
        Token::Text(text) => Form::Text(text.clone()),
        Token::Close => panic!("unbalanced parenthesis"),
        Token::Open => {
            let mut list = Vec::new();
            while tokens[*at] != Token::Close {
                list.push(parse(tokens, at));
            }
            *at += 1;
            Form::List(list)
        }
    }
}

struct Compiler {
    parameters: HashMap<String, String>,
    /// Functions of one argument.
    functions: HashMap<String, (String, Form)>,
    rules: Vec<Rule>,
}

impl Compiler {
    fn top(&mut self, form: &Form) {
        let Form::List(list) = form else {
            panic!("{form:?} at the top");
        };
        let Form::Atom(head) = &list[0] else {
            panic!("{form:?} at the top");
        };
        match (head.as_str(), &list[1..]) {
            ("allow" | "deny", body) => self.rule(head == "allow", body),
            ("define", [Form::List(signature), body]) => {
                let [Form::Atom(name), Form::Atom(argument)] = &signature[..] else {
                    panic!("{form:?}");
                };
                self.functions
                    .insert(name.clone(), (argument.clone(), body.clone()));
            }
            ("if", [Form::List(test), rule]) => {
                assert_eq!(test[0], atom("param"));
                let Form::Text(name) = &test[1] else {
                    panic!("{form:?}");
                };
                if self.parameters.contains_key(name) {
                    self.top(rule);
                }
            }
            ("when", [Form::List(test), rule]) => {
                // All names that we ask for are defined on current systems.
                assert_eq!(test[0], atom("defined?"));
                self.top(rule);
            }
            _ => panic!("{form:?} at the top"),
        }
    }

    fn rule(&mut self, allow: bool, body: &[Form]) {
        let mut rule = Rule {
            allow,
            operations: Vec::new(),
            filters: Vec::new(),
        };
        for form in body {
            match form {
                Form::Atom(operation) => {
                    assert!(rule.filters.is_empty(), "an operation after filters");
                    parent(operation);
                    rule.operations.push(operation.clone());
                }
                Form::List(list) if list[0] == atom("with") => {
                    assert_eq!(list[1], atom("message"));
                    assert!(matches!(&list[2..], [Form::Text(_)]), "{list:?}");
                    assert!(!rule.allow);
                }
                filter => rule.filters.push(self.filter(filter)),
            }
        }
        assert!(!rule.operations.is_empty(), "a rule without operations");
        self.rules.push(rule);
    }

    fn filter(&self, form: &Form) -> Filter {
        let Form::List(list) = form else {
            panic!("{form:?} is no filter");
        };
        let Form::Atom(name) = &list[0] else {
            panic!("{form:?} is no filter");
        };
        assert!(list.len() > 1, "{name} without a value");
        if name == "require-all" {
            return Filter::All(list[1..].iter().map(|form| self.filter(form)).collect());
        }
        let values: Vec<String> = list[1..].iter().map(|form| self.value(form)).collect();
        if matches!(name.as_str(), "literal" | "subpath") {
            for path in &values {
                assert!(path == "/" || (path.starts_with('/') && !path.ends_with('/')));
            }
        }
        Filter::Any(name.clone(), values)
    }

    fn value(&self, form: &Form) -> String {
        let list = match form {
            Form::Atom(text) | Form::Text(text) => return text.clone(),
            Form::List(list) => list,
        };
        match (&list[0], &list[1..]) {
            (Form::Atom(name), [Form::Text(key)]) if name == "param" => self
                .parameters
                .get(key)
                .unwrap_or_else(|| panic!("parameter {key} has no value"))
                .clone(),
            (Form::Atom(name), parts) if name == "string-append" => {
                parts.iter().map(|part| self.value(part)).collect()
            }
            (Form::Atom(name), [Form::Text(group), Form::Atom(number)]) if name == "_IO" => {
                let number: u32 = number.parse().expect("not a number");
                (u32::from(group.as_bytes()[0]) << 8 | number).to_string()
            }
            (Form::Atom(name), [argument]) => {
                let (parameter, body) = &self.functions[name.as_str()];
                self.value(&substitute(body, parameter, argument))
            }
            _ => panic!("{form:?} is no value"),
        }
    }
}

fn substitute(form: &Form, name: &str, value: &Form) -> Form {
    match form {
        Form::Atom(atom) if atom == name => value.clone(),
        Form::List(list) => Form::List(
            list.iter()
                .map(|form| substitute(form, name, value))
                .collect(),
        ),
        other => other.clone(),
    }
}
