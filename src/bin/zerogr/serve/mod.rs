//! Indexes for others to search, for as long as the program runs.
//!
//! | file | concept |
//! |---|---|
//! | `mcp/` | `zerogr mcp`: tools for agents and editors, over standard input and output |
//! | `page/` | `zerogr serve`: a page for people, in a browser on this machine |
//! | `beginning` | long texts where there is little room |
//! | `work` | running as long as others ask |

mod beginning;
pub mod mcp;
pub mod page;
mod work;
