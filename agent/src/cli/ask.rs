//! Where the lists come from: the running agent, or, when none runs, what it left in its store.

use std::path::PathBuf;

use anyhow::Context;
use serde::de::DeserializeOwned;

use apiscope_audit::{Change, Restored};

use super::{ConfigArg, note};
use crate::config::Config;
use crate::control::client::{AskError, Client};
use crate::store::{Store, StoreError};
use crate::trouble::Trouble;
use crate::view::{Board, EventView, FindingView, List};

/// `--config` and `--socket`, for every command that asks the agent.
#[derive(Debug, clap::Args)]
pub(crate) struct AgentArg {
    #[command(flatten)]
    config: ConfigArg,
    /// Control socket of the agent [default: from the configuration, /run/apiscope/apiscope.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl AgentArg {
    /// The agent's socket.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        match &self.socket {
            Some(socket) => Client::new(socket),
            None => Client::new(&self.loaded().control.socket),
        }
    }

    /// The configuration, as far as it is right: the agent may still work with the one before.
    pub(crate) fn loaded(&self) -> Config {
        let (config, mistakes) = Config::load_what_is_right(self.config.config.as_deref());
        if let Some(first) = mistakes.first() {
            note(&format!("the configuration is wrong (`apiscope check`): {first}"));
        }
        config
    }

    /// A list from the agent; when none runs, from the store that it left, and then stderr says so.
    pub(crate) fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        from_board: impl FnOnce(&Board) -> Vec<T>,
    ) -> anyhow::Result<Vec<T>> {
        let answer = self.client()?.ask::<List<T>>(path);
        match answer {
            Err(AskError::NotRunning(trouble)) => match self.stored(&trouble)? {
                Some(board) => Ok(from_board(&board)),
                None => Err(AskError::NotRunning(trouble).into()),
            },
            answer => {
                Ok(answer?.context("the running agent does not know this list: is it older than this command?")?.items)
            }
        }
    }

    /// The finding whose id begins so, with its history; `None` where there is none.
    pub(crate) fn finding(&self, prefix: &str) -> anyhow::Result<Option<FindingView>> {
        match self.client()?.ask(&format!("/v1/findings/{prefix}")) {
            Err(AskError::NotRunning(trouble)) => match self.stored(&trouble)? {
                Some(board) => self.stored_finding(&board, prefix),
                None => Err(AskError::NotRunning(trouble).into()),
            },
            answer => Ok(answer?),
        }
    }

    fn stored_finding(&self, board: &Board, prefix: &str) -> anyhow::Result<Option<FindingView>> {
        let ids = board.candidates(&prefix.to_ascii_lowercase());
        let [id] = ids.as_slice() else {
            let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            anyhow::ensure!(ids.is_empty(), "several findings' ids begin with {prefix}: {list}; give more of the id");
            return Ok(None);
        };
        let Some(mut finding) = board.finding_view(*id) else { return Ok(None) };
        let history = Store::read_only(&self.loaded().store.dir)?.history(*id)?;
        finding.history = history.iter().map(EventView::from).collect();
        Ok(Some(finding))
    }

    /// What the store holds; `None` where there is no store.
    pub(crate) fn stored(&self, trouble: &Trouble) -> anyhow::Result<Option<Board>> {
        let dir = self.loaded().store.dir;
        let reader = match Store::read_only(&dir) {
            Ok(reader) => reader,
            Err(StoreError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(anyhow::Error::new(error).context(trouble.what.clone())),
        };
        let mut board = Board::restored(&Restored {
            endpoints: reader.endpoints()?,
            findings: reader.findings()?,
            sayings: reader.sayings()?,
            probed: reader.probed()?,
            ..Restored::default()
        });
        for (api, coverage) in reader.coverage()? {
            board.apply(&Change::Coverage(api, coverage));
        }
        note(&format!("{}; this is what it left in {}", trouble.what, dir.display()));
        Ok(Some(board))
    }
}
