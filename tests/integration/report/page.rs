//! The page of `sandbox report`, in a real browser.

use std::fs;
use std::process::{Command, Stdio};

use super::hostile::{Attempt, Hostile, path};
use crate::support::{skip, toolchain};

/// Sorts by name and searches, as a person would, and writes what is seen into the title.
const VISITOR: &str = r#"<script>
const seen = () => [...table.tBodies].filter((body) => !body.hidden)
  .map((body) => body.rows[0].cells[0].textContent.trim()).join(", ");
const told = [seen()];
table.querySelectorAll("thead button")[0].click();
told.push(seen());
table.querySelectorAll("thead button")[0].click();
told.push(seen());
document.getElementById("all").click();
told.push(seen());
search.value = ".BASHRC";
search.dispatchEvent(new Event("input"));
told.push(seen());
document.body.textContent = told.join(" | ") + " | " + window.forged;
</script></body>"#;

fn page() -> (Hostile, String) {
    let hostile = Hostile::new();
    let project = &hostile.project;
    // Names that a page must not take for its own.
    project.file(
        "quiet/Cargo.toml",
        "[package]\nname = \"quiet\"\nversion = \"1.0.0\"\n",
    );
    project.file("quiet/src/lib.rs", "");
    let manifest = fs::read_to_string(project.path("Cargo.toml")).unwrap();
    let manifest = manifest.replace("[workspace]", "quiet = { path = \"quiet\" }\n[workspace]");
    project.file("Cargo.toml", manifest);
    let forged = "</li><script>window.forged = 1</script>{{tiles}}";
    let attempts = [
        Attempt {
            who: "script",
            what: "write",
            on: path(&project.home(forged)),
        },
        Attempt {
            who: "macro",
            what: "append",
            on: path(&project.home(".bashrc")),
        },
    ];
    fs::create_dir_all(project.home(forged).parent().unwrap()).unwrap();
    hostile
        .with(project.sandboxed(), &attempts)
        .arg("build")
        .success();
    project
        .run(toolchain::product())
        .args(["sandbox", "report", "--format=html", "-o", "report.html"])
        .success()
        .stdout("");
    let page = fs::read_to_string(project.path("report.html")).unwrap();
    (hostile, page)
}

#[test]
fn needs_nothing_else_and_quotes_everything() {
    let (_, page) = page();
    assert!(page.contains("default-src 'none'"));
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(!page.contains("<script>window.forged"));
    assert!(page.contains("&lt;script&gt;window.forged = 1&lt;/script&gt;&#123;&#123;tiles}}"));
    assert!(!page.contains("{{"), "{page}");
}

#[test]
fn in_a_browser() {
    if !toolchain::has("chromium") {
        return skip("the page in a browser", "chromium is not installed");
    }
    let (hostile, page) = page();
    let visited = page.replace("</body>", VISITOR);
    assert_ne!(visited, page);
    let text = dom(&hostile, &visited);
    let shown = "plotter 2.0.0";
    let expected = [
        // Denials first; what runs no code of its own is not shown.
        &format!("evil 0.1.0, {shown}"),
        &format!("evil 0.1.0, {shown}"),
        &format!("{shown}, evil 0.1.0"),
        &format!("quiet 1.0.0, {shown}, evil 0.1.0"),
        "evil 0.1.0",
        "undefined",
    ]
    .map(|text: &str| text.to_owned())
    .join(" | ");
    assert!(text.contains(&expected), "{text}\nexpected {expected}");
}

/// The page's text, once its scripts have run.
fn dom(hostile: &Hostile, page: &str) -> String {
    hostile.project.file("visited.html", page);
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--dump-dom",
        ])
        .arg(format!(
            "--user-data-dir={}",
            hostile.project.home("browser").display()
        ))
        .arg(format!(
            "file://{}",
            hostile.project.path("visited.html").display()
        ))
        .env("HOME", hostile.project.home(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
