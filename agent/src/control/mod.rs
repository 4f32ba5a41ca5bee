//! How the commands reach the running agent: HTTP with JSON over a unix socket. Who may open the socket may read, and may say something
//! about findings, under the user that the kernel tells; nothing else can be changed.
//!
//! [`Seat`] makes sure that one agent runs per socket, [`server`] answers, [`client`] asks. Entry: [`Seat::take`].

pub mod act;
pub mod client;
mod peer;
mod seat;
pub mod server;

pub use seat::Seat;
