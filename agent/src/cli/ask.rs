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
use crate::view::{Board, List};

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
        from_board: fn(&Board) -> Vec<T>,
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
            ..Restored::default()
        });
        for (api, coverage) in reader.coverage()? {
            board.apply(&Change::Coverage(api, coverage));
        }
        note(&format!("{}; this is what it left in {}", trouble.what, dir.display()));
        Ok(Some(board))
    }
}
