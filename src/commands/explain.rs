//! `sandbox explain`: what would happen for these cargo arguments, and why.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::app::{self, Decision};
use crate::host::Origin;
use crate::invocation::Invocation;
use crate::message::{self, Voice};
use crate::policy::{Policy, Rule};
use crate::sandbox::{self, Ended};

pub(super) fn run(invocation: &Invocation, voice: Voice) -> Result<Ended> {
    let call = app::Call::understand(invocation)?;
    let decision = call.decide();
    let mut text = String::new();
    let switch = match invocation.variable(crate::switch::VARIABLE) {
        Some(value) => format!("{}={}", crate::switch::VARIABLE, value.display()),
        None => format!("{} is not set", crate::switch::VARIABLE),
    };
    line(&mut text, "switch", &switch);
    line(&mut text, "cargo", &call.cargo.display().to_string());
    line(
        &mut text,
        "command",
        &call.command.command.display().to_string(),
    );
    let host = &call.host;
    let origin = match host.origin {
        Origin::AboveNodeModules => "above the outermost node_modules",
        Origin::PackageJson => "by its package.json",
        Origin::CargoWorkspace => "the cargo workspace; there is no package.json",
        Origin::Nowhere => "a folder of our own; what is built has no project here",
    };
    line(
        &mut text,
        "host",
        &format!("{} ({origin})", host.root.display()),
    );
    let package = match &host.package {
        Some(package) => format!("{} ({})", package.name.display(), package.dir.display()),
        None => "the host's own code".to_owned(),
    };
    line(&mut text, "package", &package);
    let exempt = if host.is_exempt(&call.settings) {
        "yes, named in perry.allowUnsandboxedBuild"
    } else {
        "no"
    };
    line(&mut text, "exempt", exempt);
    line(&mut text, "decision", &decision.to_string());
    if let Decision::Sandbox { .. } = decision {
        match call.build().explain(sandbox::PLATFORM)? {
            Ok(policy) => describe(&mut text, &policy),
            Err(ended) => {
                message::output(&text);
                voice.note("the policy depends on the project, which cargo could not read offline");
                return Ok(ended);
            }
        }
    }
    message::output(&text);
    Ok(Ended::Exited(0))
}

fn describe(text: &mut String, policy: &Policy) {
    line(text, "profile", &policy.profile.to_string());
    line(text, "network", "none");
    let masked: Vec<Rule> = policy
        .masked
        .iter()
        .map(|mask| Rule {
            path: mask.path.clone(),
            why: mask.why.clone(),
        })
        .collect();
    let there = |rules: &[Rule]| -> Vec<Rule> {
        rules
            .iter()
            .filter(|rule| rule.path.exists())
            .cloned()
            .collect()
    };
    let lists: [(&str, &[Rule]); 8] = [
        ("writable", &policy.writable),
        (
            "never writable, though inside one of these",
            &policy.protected,
        ),
        ("devices", &policy.devices),
        (
            "closed: nothing in it is there but what is readable",
            &policy.closed,
        ),
        ("readable", &policy.readable),
        ("hidden", &there(&policy.hidden)),
        ("shown without the credentials in it", &masked),
        (
            "empty and private, where namespaces can be had",
            &policy.private,
        ),
    ];
    for (title, rules) in lists.iter().filter(|(_, rules)| !rules.is_empty()) {
        let _ = writeln!(text, "\n{title}:");
        for rule in *rules {
            entry(text, &rule.path, &rule.why);
        }
    }
    if !policy.removed.is_empty() {
        let _ = writeln!(text, "\nvariables removed:");
        for removed in &policy.removed {
            entry(text, Path::new(&removed.name), &removed.why);
        }
    }
    if !policy.set.is_empty() {
        let _ = writeln!(text, "\nvariables set:");
        for (name, value) in &policy.set {
            let _ = writeln!(text, "  {}={}", name.display(), value.display());
        }
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name:<9} {value}");
}

fn entry(text: &mut String, path: &Path, why: &str) {
    let _ = writeln!(text, "  {}  ({why})", path.display());
}
