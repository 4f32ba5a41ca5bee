//! The agent: every effect. Captures traffic (live or from files), feeds it through `wire` and `audit`, and carries the
//! changes to the store, the receivers, the metrics and the people.
pub mod capture;
mod claim;
pub mod cli;
pub mod config;
pub mod control;
pub mod doctor;
pub mod metrics;
pub mod notify;
pub mod pipeline;
pub mod run;
pub mod store;
pub mod trouble;
pub mod view;
pub mod web;
