//! Where traffic comes from: this host's sockets, or capture files. Every source gives [`apiscope_wire::Input`]s and takes
//! verdicts back; no source reads a message.
pub mod replay;
