//! `sandbox why`: the build again, with everything observed.

use anyhow::Result;

use crate::app;
use crate::invocation::Invocation;
use crate::message::Voice;
use crate::options;
use crate::sandbox::Ended;
use crate::switch::{self, Switch};

pub(super) fn run(invocation: &Invocation, voice: Voice) -> Result<Ended> {
    let mut set = vec![(options::WATCH.into(), "everything".into())];
    // Asking is switching it on.
    if Switch::parse(invocation.variable(switch::VARIABLE))? == Switch::Off {
        set.push((switch::VARIABLE.into(), "1".into()));
    }
    app::call(&invocation.with(&set), voice)
}
