//! What the BPF programs and the agent agree on: the layout of a record ([`abi`]), what is remembered of a flow ([`flow`]) and the step that decides
//! how many bytes of a packet are copied ([`budget`]).
//!
//! This crate knows neither aya nor the agent. It is `no_std`, has no dependency in the kernel, and everything in it is
//! plain data or a pure function, so that a replay takes the very decisions that the kernel takes.
#![no_std]
#![cfg_attr(not(feature = "user"), forbid(unsafe_code))]

pub mod abi;
pub mod budget;
pub mod flow;
