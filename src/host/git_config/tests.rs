use super::*;

fn sanitised(text: &str) -> Option<String> {
    inspect(text.as_bytes())
        .sanitised
        .map(|text| String::from_utf8(text).unwrap())
}

/// Asserts what becomes of `text`, and that nothing is left to do then.
#[track_caller]
fn assert_becomes(text: &str, expected: &str) {
    assert_eq!(sanitised(text).as_deref(), Some(expected));
    assert_eq!(sanitised(expected), None, "left to do");
}

#[track_caller]
fn assert_kept(text: &str) {
    assert_eq!(sanitised(text), None);
}

const PLAIN: &str = "\
[core]
\trepositoryformatversion = 0
\tbare = false ; comment
# comment
[remote \"origin\"]
\turl = https://host.example/a/b.git
\turl = git@host.example:a/b.git
\turl = ssh://git@host.example:22/a/b.git
\turl = https://host.example:8443/@scope/b.git
\turl = /srv/git/a@b:c.git
\tfetch = +refs/heads/*:refs/remotes/origin/*
[branch \"main\"] merge = refs/heads/main
[alias]
\tlg = log --graph \\
\t\t--oneline # comment \\
\tst = \"status -sb\"
[user]
\temail = me@host.example
\tsigningkey = ABCDEF
[core] askpass = /usr/bin/askpass
[credential]
\thelper = cache --timeout=30
\thelper = !/usr/bin/gh auth git-credential
\thelper = store
\thelper =
[credential \"https://host.example\"]
\tusername = me
[url \"ssh://git@host.example/\"]
\tinsteadOf = https://host.example/
[http]
\textraheader =
\tproxy = http://proxy.example:3128
\tsslCertPasswordProtected = true
[url \"https://me@host.example/\"]
\tinsteadOf = https://host.example/
";

#[test]
fn file_without_credentials_stays_as_it_is() {
    assert_kept("");
    assert_kept(PLAIN);
    assert_kept(&PLAIN.replace('\n', "\r\n"));
    assert_kept(&format!("\u{feff}{PLAIN}"));
    assert_kept(PLAIN.trim_end());
}

#[test]
fn password_is_cut_out_of_urls() {
    assert_becomes(
        "[remote \"origin\"]\n\turl = https://me:hunter2@host.example/a.git\n\tfetch = x\n",
        "[remote \"origin\"]\n\turl = \"https://host.example/a.git\"\n\tfetch = x\n",
    );
    for (url, clean) in [
        ("https://x-access-token:abc@host/a", "https://host/a"),
        ("https://oauth2:glpat-abcdefghijk@host/a", "https://host/a"),
        ("https://ghp_0123456789abcdef@host/a", "https://host/a"),
        (
            "https://0123456789abcdef0123456789abcdef@host/a",
            "https://host/a",
        ),
        ("https://mytoken@host/a", "https://host/a"),
        ("https://me:@host/a", "https://host/a"),
        ("https://:pw@host/a", "https://host/a"),
        ("https://me:p@w@host/a", "https://host/a"),
        ("HTTPS://me:pw@host/a", "HTTPS://host/a"),
        ("ssh://git:pw@host/a", "ssh://git@host/a"),
        ("git+ssh://git:pw@host/a", "git+ssh://git@host/a"),
        ("ftp://me:pw@host/a", "ftp://host/a"),
        ("http://me:pw@[::1]:80/a", "http://[::1]:80/a"),
        (
            "codecommit::https://me:pw@host/a",
            "codecommit::https://host/a",
        ),
    ] {
        for section in ["remote \"o\"", "submodule \"s\"", "http", "lfs"] {
            for key in ["url", "pushurl", "insteadof", "proxy"] {
                assert_becomes(
                    &format!("[{section}]\n  {key} = {url}\n"),
                    &format!("[{section}]\n  {key} = \"{clean}\"\n"),
                );
            }
        }
    }
}

#[test]
fn credential_that_cannot_be_cut_out_takes_the_entry_along() {
    for line in [
        "url = https://me:a/b@host/x",
        "url = https://me:12/b@host/x",
        "url = \"https://me:a\\\"b@host/x\"",
        "url = https://host/x?private_token=abc",
        "url = https://host/x?a=b&api_key=abc",
        "x = ghp_0123456789abcdef",
        "x = !f() { echo Password=abc; }",
        "x = curl -H 'Authorization: Basic abc' https://host/",
        "extraheader = AUTHORIZATION: basic abc",
        "ExtraHeader = x",
        "token = abc",
        "oauth-token = abc",
        "accessToken = abc",
        "password = abc",
        "smtpPass = abc",
        "smtpserverpassword = abc",
        "clientsecret = abc",
        "apikey = abc",
        "pass = \"a b\"",
        "cookieFile = ~/.cookies",
        "helper = store --file ~/.creds",
        "helper = store --file=/run/creds",
        "helper = \"!f() { echo username=me; echo password=abc; }; f\"",
        "helper = !printf 'password=%s' abc",
        "password = one \\\n  two",
        "password = \"one \\\n  two\" ; more",
    ] {
        assert_becomes(
            &format!("[a \"b\"]\n\tkeep = 1\n\t{line}\n\tkeep = 2\n"),
            "[a \"b\"]\n\tkeep = 1\n\t\n\tkeep = 2\n",
        );
    }
}

#[test]
fn section_name_is_cleaned() {
    assert_becomes(
        "[url \"https://me:pw@host.example/\"]\n\tinsteadOf = https://host.example/\n",
        "[url \"https://host.example/\"]\n\tinsteadOf = https://host.example/\n",
    );
    assert_becomes(
        "[URL \"https://me:pw@host.example/a\\\\\\\"b\"] insteadOf = x",
        "[url \"https://host.example/a\\\\\\\"b\"] insteadOf = x",
    );
    // With a name that cannot be cleaned the whole section goes.
    assert_becomes(
        "[a]\nx = 1\n[http \"https://host/?token=abc\"]\n\ty = 1\n\tz = 2\n[b]\nw = 1\n",
        "[a]\nx = 1\n\n\t\n\t\n[b]\nw = 1\n",
    );
}

#[test]
fn credential_in_a_comment_goes() {
    assert_becomes(
        "[a]\n# url = https://me:pw@host/\n; token ghp_0123456789abcdef\n# fine\nx = 1\n",
        "[a]\n\n\n# fine\nx = 1\n",
    );
    assert_becomes(
        "[a]\n\tx = 1 # was https://me:pw@host/\n",
        "[a]\n\tx = \"1\"\n",
    );
}

#[test]
fn quotes_and_escapes_hide_nothing() {
    // `https://me:pw@host/` to git.
    for written in [
        "\"https://me:pw@host/\"",
        "https://me:p\"w\"@host/",
        "https:\"//me\":pw@host/",
        "https:/\"/me:pw@host/\"",
        "https://me:\\\npw@host/",
        "https://me:\\\r\npw@host/",
        "https:/\\\n/me:pw@host/",
        "  https://me:pw@host/  \t",
    ] {
        assert_becomes(
            &format!("[a]\n\turl = {written}\n"),
            "[a]\n\turl = \"https://host/\"\n",
        );
    }
    assert_becomes(
        "[a]\nurl = \"https://me:pw@host/x y\\t\\\\\\\"z\"",
        "[a]\nurl = \"https://host/x y\\t\\\\\\\"z\"",
    );
}

#[test]
fn names_and_sections_are_read_without_regard_to_case_and_space() {
    for text in [
        "[HTTP]EXTRAHEADER=x",
        "[http \"https://host/\"]\n\n  ExtraHeader   =   x",
        "[http.https://host/]\nextraheader=x",
        "extraheader = x",
        "[broken\nextraheader = x",
        "[a \"broken\nextraheader = x",
        "[a]\nextraheader x",
    ] {
        let clean = sanitised(text).unwrap();
        assert!(
            !clean.to_ascii_lowercase().contains("extraheader"),
            "{clean}"
        );
    }
}

#[test]
fn what_is_no_syntax_is_kept_if_harmless() {
    let text = "[a]\n=== ??? \"\n\u{1}\0 [\nx = \"unterminated\ny = 1\n<<<<<<< HEAD\n";
    assert_kept(text);
    assert_becomes("[a]\n=== https://me:pw@host/ \"\ny = 1\n", "[a]\n\ny = 1\n");
}

#[test]
fn every_byte_but_the_credentials_stays() {
    let text = b"[a]\r\n\tx = \xff\xfe \r\n\ttoken = t\r\n[b \"\xe9\"]\r\n\ty\r\n";
    let clean = b"[a]\r\n\tx = \xff\xfe \r\n\t\n[b \"\xe9\"]\r\n\ty\r\n";
    assert_eq!(inspect(text).sanitised.as_deref(), Some(&clean[..]));
}

#[test]
fn no_piece_of_a_file_panics() {
    let file = format!(
        "{PLAIN}[url \"https://me:p\\\"w@h/\"]\n\tx = \"a\\\n b\" \\\r\n# https://u:p@h\n\ttoken = \\"
    );
    for start in 0..file.len() {
        for end in [
            start,
            (start + 1).min(file.len()),
            (start + 40).min(file.len()),
            file.len(),
        ] {
            let _ = inspect(&file.as_bytes()[start..end]);
        }
    }
}

#[test]
fn pieces_make_up_the_file() {
    let file = PLAIN.repeat(2) + "[a\n\\\n\"";
    let together: Vec<u8> = parse(file.as_bytes())
        .iter()
        .flat_map(|piece| match piece {
            Piece::Other(raw) | Piece::Section { raw, .. } | Piece::Variable { raw, .. } => *raw,
        })
        .copied()
        .collect();
    assert_eq!(together, file.as_bytes());
}

#[test]
fn paths_in_the_file_are_told() {
    let contents = inspect(
        b"[include] path = a\n[IncludeIf \"gitdir:~/x/\"]\n\tPath = \"b c\"\n[core]\n\tworktree = ../w\n\
          [http]\n\tcookieFile = c\n\tsslKey = k\n[credential]\n\thelper = store --file 'my creds' x\n\
          [credential]\n\thelper = store --file=~/.creds\n[other]\n\tpath = no\n\tsslkey =\n",
    );
    assert_eq!(contents.includes, [&b"a"[..], b"b c"]);
    assert_eq!(
        contents.secrets,
        [&b"c"[..], b"k", b"my creds", b"~/.creds"]
    );
    assert_eq!(contents.worktree.as_deref(), Some(&b"../w"[..]));
}
