//! What a source file names: modules it declares and paths it writes, tests left out.

use super::tokens::{Token, tokens};

/// A path in a `use` or anywhere else in the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Inline modules around it, inside the file.
    pub inside: Vec<String>,
    /// As written; `*` is the last of a glob.
    pub segments: Vec<String>,
    pub import: Option<Import>,
}

/// What a `use` makes of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub name: String,
    /// `pub use`, `pub(crate) use`: hands on what another file holds.
    pub public: bool,
}

/// `mod name;` or `mod name { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    pub inside: Vec<String>,
    pub name: String,
    pub path_attribute: Option<String>,
    pub inline: bool,
    pub public: bool,
    pub test: bool,
}

#[derive(Debug, Default)]
pub struct Source {
    pub modules: Vec<Module>,
    pub paths: Vec<Path>,
}

/// Reads a file. Items under `#[cfg(test)]` and `#[test]` are left out, but the names of test
/// modules are kept, so that their files can be left out as well.
pub fn read(source: &str) -> Source {
    let mut reader = Reader {
        tokens: tokens(source),
        i: 0,
        depth: 0,
        inside: Vec::new(),
        found: Source::default(),
    };
    while reader.i < reader.tokens.len() {
        reader.step();
    }
    reader.found
}

#[derive(Default)]
struct Attributes {
    test: bool,
    hidden: bool,
    path: Option<String>,
}

struct Reader {
    tokens: Vec<Token>,
    i: usize,
    depth: usize,
    /// Inline modules with the depth outside them.
    inside: Vec<(String, usize)>,
    found: Source,
}

impl Reader {
    fn at(&self, offset: usize) -> &Token {
        self.tokens
            .get(self.i + offset)
            .unwrap_or(&Token::Sign('\0'))
    }

    fn inside(&self) -> Vec<String> {
        self.inside.iter().map(|(name, _)| name.clone()).collect()
    }

    fn step(&mut self) {
        let attributes = self.attributes();
        let public = self.visibility();
        if self.at(0).is_word("mod") && self.at(1).word().is_some() {
            return self.module(attributes, public);
        }
        if attributes.test {
            return self.skip_item();
        }
        match self.at(0) {
            Token::Word(word) if word == "use" => {
                self.i += 1;
                self.use_tree(&mut Vec::new(), public);
            }
            Token::Word(_) => self.path(),
            Token::Colons => {
                // `::std::…` and what follows a generic argument.
                self.i += 1;
                while self.at(0).word().is_some() {
                    self.i += if *self.at(1) == Token::Colons { 2 } else { 1 };
                }
            }
            Token::Sign('{') => {
                self.depth += 1;
                self.i += 1;
            }
            Token::Sign('}') => {
                self.depth = self.depth.saturating_sub(1);
                if self
                    .inside
                    .last()
                    .is_some_and(|(_, depth)| *depth == self.depth)
                {
                    self.inside.pop();
                }
                self.i += 1;
            }
            _ => self.i += 1,
        }
    }

    fn attributes(&mut self) -> Attributes {
        let mut all = Attributes::default();
        while *self.at(0) == Token::Sign('#') {
            let inner = *self.at(1) == Token::Sign('!');
            let start = self.i + 1 + usize::from(inner);
            if self.tokens.get(start) != Some(&Token::Sign('[')) {
                break;
            }
            let end = self.close(start);
            let inside = self.tokens.get(start + 1..end).unwrap_or_default();
            let words: Vec<&str> = inside.iter().filter_map(Token::word).collect();
            match words.as_slice() {
                ["test"] | ["cfg", "test"] => all.test = true,
                ["cfg", "all", rest @ ..] if !rest.contains(&"any") && !rest.contains(&"not") => {
                    all.test |= rest.contains(&"test");
                }
                ["doc", "hidden"] => all.hidden = true,
                ["path"] => {
                    all.path = inside.iter().find_map(|token| match token {
                        Token::Text(text) => Some(text.clone()),
                        _ => None,
                    });
                }
                _ => {}
            }
            self.i = end + 1;
        }
        all
    }

    /// Steps over `pub` and `pub(…)`.
    fn visibility(&mut self) -> bool {
        if !self.at(0).is_word("pub") {
            return false;
        }
        self.i += 1;
        if *self.at(0) == Token::Sign('(') {
            self.i = self.close(self.i) + 1;
        }
        true
    }

    fn module(&mut self, attributes: Attributes, public: bool) {
        let name = self.at(1).word().unwrap_or_default().to_string();
        let inline = *self.at(2) == Token::Sign('{');
        self.found.modules.push(Module {
            inside: self.inside(),
            name: name.clone(),
            path_attribute: attributes.path,
            inline,
            public: public && !attributes.hidden,
            test: attributes.test,
        });
        self.i += 2;
        if inline && attributes.test {
            self.i = self.close(self.i) + 1;
        } else if inline {
            self.inside.push((name, self.depth));
            self.depth += 1;
            self.i += 1;
        }
    }

    /// The position of the bracket that closes the one at `start`.
    fn close(&self, start: usize) -> usize {
        let mut depth = 0;
        for (i, token) in self.tokens.iter().enumerate().skip(start) {
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return i;
            }
        }
        self.tokens.len()
    }

    /// Steps over an item, a field, an arm or a statement.
    fn skip_item(&mut self) {
        const ITEMS: [&str; 13] = [
            "async",
            "const",
            "enum",
            "extern",
            "fn",
            "impl",
            "macro_rules",
            "static",
            "struct",
            "trait",
            "type",
            "union",
            "unsafe",
        ];
        let item = self.at(0).word().is_some_and(|word| ITEMS.contains(&word));
        let import = self.at(0).is_word("use");
        while self.i < self.tokens.len() {
            match self.at(0) {
                Token::Sign(';') => {
                    self.i += 1;
                    return;
                }
                Token::Sign(',') if !item && !import => {
                    self.i += 1;
                    return;
                }
                // The block, list or call that holds it ends.
                Token::Sign('}' | ')' | ']') => return,
                Token::Sign('{') => {
                    self.i = self.close(self.i) + 1;
                    if !import {
                        return;
                    }
                }
                Token::Sign('(' | '[') => self.i = self.close(self.i) + 1,
                _ => self.i += 1,
            }
        }
    }

    /// One branch of a `use`, and the `;`, `,` or `}` behind it is left.
    fn use_tree(&mut self, prefix: &mut Vec<String>, public: bool) {
        let length = prefix.len();
        if *self.at(0) == Token::Colons {
            // `use ::name`: another crate.
            prefix.push(String::new());
            self.i += 1;
        }
        loop {
            match self.at(0).clone() {
                Token::Word(word) => {
                    self.i += 1;
                    if *self.at(0) == Token::Colons {
                        self.i += 1;
                        prefix.push(word);
                        continue;
                    }
                    let itself = word == "self" && !prefix.is_empty();
                    if !itself {
                        prefix.push(word);
                    }
                    let mut name = prefix.last().cloned().unwrap_or_default();
                    if self.at(0).is_word("as") {
                        name = self.at(1).word().unwrap_or_default().to_string();
                        self.i += 2;
                    }
                    self.push(prefix, Some(Import { name, public }));
                }
                Token::Sign('*') => {
                    self.i += 1;
                    prefix.push("*".to_string());
                    let name = "*".to_string();
                    self.push(prefix, Some(Import { name, public }));
                }
                Token::Sign('{') => {
                    self.i += 1;
                    while !matches!(self.at(0), Token::Sign('}' | '\0')) {
                        self.use_tree(prefix, public);
                        if *self.at(0) == Token::Sign(',') {
                            self.i += 1;
                        }
                    }
                    self.i += 1;
                }
                _ => self.i += 1,
            }
            break;
        }
        prefix.truncate(length);
    }

    fn path(&mut self) {
        let mut segments = Vec::new();
        while let Some(word) = self.at(0).word() {
            segments.push(word.to_string());
            self.i += 1;
            if *self.at(0) != Token::Colons || self.at(1).word().is_none() {
                break;
            }
            self.i += 1;
        }
        if segments.len() > 1 {
            self.push(&segments, None);
        }
    }

    fn push(&mut self, segments: &[String], import: Option<Import>) {
        self.found.paths.push(Path {
            inside: self.inside(),
            segments: segments.to_vec(),
            import,
        });
    }
}
