//! Indexes for others to search, for as long as the program runs.
//!
//! | file | concept |
//! |---|---|
//! | `mcp/` | `zerogr mcp`: tools for agents and editors, over standard input and output |
//! | `page/` | `zerogr serve`: a page for people, in a browser on this machine |
//! | `work` | running as long as others ask |

pub mod mcp;
pub mod page;
mod work;
