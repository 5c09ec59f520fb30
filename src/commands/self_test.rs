//! `sandbox self-test`: the documented attacks, tried on this machine.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use anyhow::Result;

use crate::app;
use crate::gather::{Places, Resolver};
use crate::invocation::Invocation;
use crate::message::{self, Voice};
use crate::sandbox::Ended;
use crate::self_test::{self, Side};
use crate::switch::{self, Switch};

/// What both builds are given of the caller's environment.
const PASSED: [&str; 11] = [
    "LANG",
    "LC_ALL",
    "LOGNAME",
    "PATH",
    "PERRY_SANDBOX_PROFILE",
    "RUSTUP_TOOLCHAIN",
    "SANDBOXED_CARGO_LANDLOCK",
    "SANDBOXED_CARGO_NAMESPACES",
    "SANDBOXED_CARGO_REAL",
    "TMPDIR",
    "USER",
];

pub(super) fn run(invocation: &Invocation, voice: Voice, tested: Option<PathBuf>) -> Result<Ended> {
    let places = Places::find(invocation, &mut Resolver::default())?;
    let passed = invocation.environment.iter();
    let mut environment: Vec<(OsString, OsString)> = passed
        .filter(|(name, _)| PASSED.iter().any(|passed| name == passed))
        .cloned()
        .collect();
    if let Some(path) = places.rustup_home {
        environment.push(("RUSTUP_HOME".into(), path.into()));
    }
    let plain = Side {
        cargo: app::real_cargo(invocation, None, &[])?,
        environment: environment.clone(),
    };
    // Another cargo is tested as the caller would call it, with the switch as it is.
    let switch = match &tested {
        None => Some("1".into()),
        Some(_) => invocation.variable(switch::VARIABLE).map(OsStr::to_owned),
    };
    environment.extend(switch.clone().map(|value| (switch::VARIABLE.into(), value)));
    let tested = Side {
        cargo: tested.map_or_else(
            || invocation.executable.clone(),
            |path| invocation.resolve(path),
        ),
        environment,
    };
    let place = app::own_folder()?;
    voice.status(
        "Attacking",
        format_args!("plain cargo, to see what is possible here"),
    );
    let without = self_test::observe(&plain, &place)?;
    voice.status("Attacking", format_args!("`{}`", tested.cargo.display()));
    let with = self_test::observe(&tested, &place)?;
    let rows = self_test::judge(&without, &with);
    message::output(&self_test::table(&rows));
    if self_test::status(&rows) == 1 && Switch::parse(switch.as_deref())? == Switch::Off {
        voice.help(format_args!(
            "set `{}=1`: builds are not sandboxed without it",
            switch::VARIABLE
        ));
    }
    Ok(Ended::Exited(self_test::status(&rows)))
}
