//! From what is said to the text that a chat model was trained on.
//!
//! | file | concept |
//! |---|---|
//! | [`chat_template`] | writing a chat by the template of its model |
//! | [`template_source`] | bounds of its source, before it is compiled |

mod chat_template;
mod template_source;

pub(super) use chat_template::ChatTemplate;
pub(crate) use chat_template::check_chat_template;
