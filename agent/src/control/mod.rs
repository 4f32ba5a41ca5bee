//! How the commands reach the running agent: HTTP with JSON over a unix socket. Read-only; who may open the socket may read.
//!
//! [`Seat`] makes sure that one agent runs per socket, [`server`] answers, [`client`] asks. Entry: [`Seat::take`].

pub mod client;
mod seat;
pub mod server;

pub use seat::Seat;
