//! Which families of encoders there are.

/// A family of encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::convert) enum Family {
    Bert,
    DistilBert,
    Roberta,
    Mpnet,
    ModernBert,
    NomicBert,
    Qwen3,
    Gemma3,
}

/// Names of `model_type`, their families, and beginnings of the names of their classes.
pub(super) const FAMILIES: &[(&str, Family, &str)] = &[
    ("bert", Family::Bert, "Bert"),
    ("distilbert", Family::DistilBert, "DistilBert"),
    ("roberta", Family::Roberta, "Roberta"),
    ("xlm-roberta", Family::Roberta, "XLMRoberta"),
    ("camembert", Family::Roberta, "Camembert"),
    ("mpnet", Family::Mpnet, "MPNet"),
    ("modernbert", Family::ModernBert, "ModernBert"),
    ("nomic_bert", Family::NomicBert, "NomicBert"),
    ("qwen3", Family::Qwen3, "Qwen3"),
    ("gemma3_text", Family::Gemma3, "Gemma3Text"),
];

impl Family {
    /// The family of this `model_type`.
    pub fn from_name(name: &str) -> Option<Family> {
        let known = FAMILIES.iter().find(|(known, ..)| *known == name);
        known.map(|(_, family, _)| *family)
    }

    /// True if models of this family are language models, too.
    pub fn is_decoder(self) -> bool {
        matches!(self, Family::Qwen3 | Family::Gemma3)
    }
}
