//! `sandbox profile`: the policy as a system would enforce it.

use anyhow::Result;

use super::Platform;
use crate::app;
use crate::invocation::Invocation;
use crate::message;
use crate::policy::plan;
use crate::sandbox::{self, Ended, seatbelt};

pub(super) fn run(invocation: &Invocation, platform: Option<Platform>) -> Result<Ended> {
    let call = app::Call::understand(invocation)?;
    let platform = match platform {
        Some(Platform::Linux) => plan::Platform::Linux,
        Some(Platform::Macos) => plan::Platform::Macos,
        None => sandbox::PLATFORM,
    };
    let build = call.build();
    let policy = match build.explain(platform)? {
        Ok(policy) => policy,
        Err(ended) => return Ok(ended),
    };
    let text = match platform {
        plan::Platform::Linux => serde_json::to_string_pretty(&policy)? + "\n",
        plan::Platform::Macos => seatbelt::profile(&policy, &build.subject())?.listing(),
    };
    message::output(&text);
    Ok(Ended::Exited(0))
}
