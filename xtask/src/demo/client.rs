//! The client: curl, over a connection that it keeps for each round. Behaves most of the time. Every secret in here is
//! made up.

use super::sample::{HOST, SampleApi};
use crate::process;
use anyhow::Result;

/// Makes one round of calls at a time.
pub(super) struct Client<'a> {
    api: &'a SampleApi,
    rounds: usize,
    calls: usize,
}

impl<'a> Client<'a> {
    pub(super) fn new(api: &'a SampleApi) -> Self {
        Self { api, rounds: 0, calls: 0 }
    }

    pub(super) fn calls(&self) -> usize {
        self.calls
    }

    /// Calls that every round makes, then one of the misdeeds in turn.
    pub(super) fn round(&mut self) -> Result<()> {
        let (order, user) = (self.rounds % 40 + 1, self.rounds % 9 + 1);
        let misdeed = MISDEEDS[self.rounds % MISDEEDS.len()];
        let calls: [(&str, &[&str]); 5] = [
            ("/orders", &[]),
            (&format!("/orders/{order}"), &[]),
            (&format!("/users/{user}"), &[]),
            ("/orders", &["-X", "POST", "--json", r#"{"item":"book","count":1}"#]),
            misdeed,
        ];
        self.rounds += 1;
        self.calls += calls.len();
        let mut curl = process::command("curl");
        for (index, (path, more)) in calls.iter().enumerate() {
            if index > 0 {
                curl.arg("--next");
            }
            curl.args(["--silent", "--show-error", "--max-time", "5", "--output", "/dev/null"]);
            curl.args(["--header", &format!("Host: {HOST}"), "--noproxy", "*"]);
            curl.args(*more).arg(format!("http://{}{path}", self.api.address()));
        }
        process::run(&mut curl)
    }
}

/// A path and curl's options for it. Each is a finding.
const MISDEEDS: [(&str, &[&str]); 7] = [
    ("/internal/debug", &[]),
    ("/reports/daily", &["--user", "reporter:not-a-real-password"]),
    ("/orders/export", &[]),
    ("/users/7", &["--header", "Authorization: Bearer demo-4f9a1c77b0e2d6385ac1"]),
    ("/reports/daily", &["--header", "X-API-Key: demo_live_9b2f4c6e8a1d3f5b7c9e"]),
    ("/login", &["--data", "username=alice&password=not-a-real-password"]),
    ("/orders?api_key=demo_live_9b2f4c6e8a1d3f5b7c9e", &[]),
];
