//! Indexes for others to search, for as long as the program runs.
//!
//! | file | concept |
//! |---|---|
//! | `mcp/` | `zerogr mcp`: tools for agents and editors, over standard input and output |

pub mod mcp;
