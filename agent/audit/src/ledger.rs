//! The life of findings.
