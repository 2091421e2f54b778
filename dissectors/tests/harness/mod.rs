//! What the vector and contract tests share: vectors, and a flow to run them on.

pub mod flow;
pub mod vector;
