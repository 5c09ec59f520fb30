//! The overview as one page of HTML that needs nothing else.

use std::fmt::Write as _;

use super::overview::{Crate, Overview};

/// With `{{…}}` where this project's own text goes.
const TEMPLATE: &str = include_str!("page.html");

/// Whatever a crate is called, it stays text: every string is escaped, and the page itself forbids
/// everything but its own style and script.
pub fn page(overview: &Overview) -> String {
    let crates = &overview.crates;
    let count = |is: fn(&Crate) -> bool| crates.iter().filter(|one| is(one)).count();
    let denied: u64 = crates
        .iter()
        .map(|one| one.denials(true) + one.denials(false))
        .sum();
    let tiles = [
        ("denied", denied.to_string(), denied > 0),
        ("crates", crates.len().to_string(), false),
        (
            "build scripts",
            count(|one| one.build_script).to_string(),
            false,
        ),
        (
            "proc macros",
            count(|one| one.proc_macro).to_string(),
            false,
        ),
    ];
    let mut head = String::new();
    for (name, value, bad) in tiles {
        let class = if bad { "tile bad" } else { "tile" };
        let _ = write!(
            head,
            "<div class=\"{class}\"><b>{value}</b><span>{name}</span></div>"
        );
    }
    let rows: String = crates.iter().map(row).collect();
    // The project's text last, so that no name can bring a mark of the template with it.
    TEMPLATE
        .replace("{{built}}", &overview.built.to_string())
        .replace("{{tiles}}", &head)
        .replace("{{project}}", &escaped(&overview.project))
        .replace("{{rows}}", &rows)
}

fn row(one: &Crate) -> String {
    let denied = one.denials(true) + one.denials(false);
    let mark = |is: bool| if is { "●" } else { "" };
    let read = one
        .read
        .as_ref()
        .map_or("?".to_owned(), |read| number(read.len()));
    let class = match (denied > 0, one.is_notable()) {
        (true, _) => "denied",
        (false, true) => "runs",
        (false, false) => "quiet",
    };
    let mut html = String::new();
    let _ = write!(
        html,
        "<tbody class=\"{class}\"><tr>\
         <th scope=\"row\">{name} <small>{version}</small></th>\
         <td class=\"mark\">{script}</td><td class=\"mark\">{proc_macro}</td>\
         <td>{programs}</td><td>{read}</td><td>{network}</td><td>{files}</td></tr>",
        name = escaped(&one.name),
        version = escaped(&one.version),
        script = mark(one.build_script),
        proc_macro = mark(one.proc_macro),
        programs = number(one.programs.len()),
        network = times(one.denials(true)),
        files = times(one.denials(false)),
    );
    let details = details(one);
    if !details.is_empty() {
        let open = if denied > 0 { " open" } else { "" };
        let _ = write!(
            html,
            "<tr class=\"more\"><td colspan=\"7\"><details{open}><summary>details</summary>{details}</details></td></tr>"
        );
    }
    html.push_str("</tbody>\n");
    html
}

fn details(one: &Crate) -> String {
    let denied: Vec<String> = one
        .denied
        .iter()
        .map(|denied| denied.text.clone())
        .collect();
    let read = one.read.clone().unwrap_or_default();
    let mut html = String::new();
    for (title, class, lines) in [
        ("denied", "bad", &denied),
        ("programs", "", &one.programs),
        ("read outside of its package", "", &read),
    ] {
        if lines.is_empty() {
            continue;
        }
        let _ = write!(html, "<h3 class=\"{class}\">{title}</h3><ul>");
        for line in lines {
            let _ = write!(html, "<li>{}</li>", escaped(line));
        }
        html.push_str("</ul>");
    }
    html
}

fn number(number: usize) -> String {
    if number == 0 {
        String::new()
    } else {
        number.to_string()
    }
}

fn times(count: u64) -> String {
    if count == 0 {
        String::new()
    } else {
        format!("<span class=\"bad\">{count}</span>")
    }
}

fn escaped(text: &str) -> String {
    let mut html = String::new();
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            // No mark of the template.
            '{' => html.push_str("&#123;"),
            _ => html.push(letter),
        }
    }
    html
}
