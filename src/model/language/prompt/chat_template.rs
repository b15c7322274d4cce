//! Chat templates: from what is said to the text a chat model was trained on.
//!
//! A model folder carries its template in Jinja, as `transformers` reads it: blocks swallow the
//! line break behind them and the blanks before them, Python's string methods work, `tojson`
//! escapes nothing for HTML, and `raise_exception` refuses.
//!
//! - I1. The text depends on the template and the messages alone: `strftime_now` gives a fixed
//!   day, since some templates put today's date into the prompt.
//! - I2. A template cannot run for ever, nor use up memory or the stack: its source is bounded
//!   (`template_source`), and it is compiled and run with a stack of its own, which is more than
//!   that and [`FUEL`] can fill.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind as JinjaKind, Value, context};

use super::template_source::prepared;
use crate::{Error, ErrorKind, Result};

/// The day all prompts are written on, as `strftime` fields of the templates in use.
const DAY: [(&str, &str); 10] = [
    ("%d", "26"),
    ("%-d", "26"),
    ("%b", "Jul"),
    ("%B", "July"),
    ("%m", "07"),
    ("%Y", "2024"),
    ("%y", "24"),
    ("%H", "00"),
    ("%M", "00"),
    ("%S", "00"),
];

/// Instructions a template may run, of which real ones need some hundred; 64 bytes of text that it
/// makes cost as much as one.
const FUEL: u64 = 100_000;

/// The stack of a template, which is compiled recursively and may build lists of lists: 64 MiB, of
/// which those in use touch some kilobytes.
const STACK_BYTES: usize = 64 << 20;

/// Calls within one another in a template.
const MAX_CALLS: usize = 100;

const NAME: &str = "chat template";

/// A parsed chat template.
#[derive(Debug)]
pub(in crate::model::language) struct ChatTemplate {
    environment: Environment<'static>,
    bos_token: String,
    eos_token: String,
}

impl ChatTemplate {
    /// Parses `source`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when it is no template.
    pub(in crate::model::language) fn new(
        source: &str,
        bos_token: String,
        eos_token: String,
    ) -> Result<ChatTemplate> {
        let source = prepared(source).map_err(|problem| failing(&problem))?;
        let environment = on_own_stack(|| Self::environment(source))?;
        Ok(ChatTemplate {
            environment,
            bos_token,
            eos_token,
        })
    }

    fn environment(source: String) -> Result<Environment<'static>> {
        let mut environment = Environment::new();
        // Errors would hold the values of the template, beyond its stack.
        environment.set_debug(false);
        environment.set_recursion_limit(MAX_CALLS);
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(refused)?;
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", strftime_now);
        environment.add_filter("tojson", to_json);
        environment
            .add_template_owned(NAME, source)
            .map_err(refused)?;
        Ok(environment)
    }

    /// The prompt for an answer to `user`. A model that takes no system message gets it in front
    /// of the question.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when the template fails.
    pub(in crate::model::language) fn render(&self, system: &str, user: &str) -> Result<String> {
        if system.is_empty() {
            return self.render_messages(&[("user", user)]);
        }
        let messages = [("system", system), ("user", user)];
        self.render_messages(&messages).or_else(|_| {
            let joined = format!("{system}\n\n{user}");
            self.render_messages(&[("user", &joined)])
        })
    }

    fn render_messages(&self, messages: &[(&str, &str)]) -> Result<String> {
        on_own_stack(|| self.render_here(messages))
    }

    fn render_here(&self, messages: &[(&str, &str)]) -> Result<String> {
        let messages: Vec<Value> = messages
            .iter()
            .map(|&(role, content)| context! { role, content })
            .collect();
        let values = context! {
            messages,
            add_generation_prompt => true,
            bos_token => self.bos_token.as_str(),
            eos_token => self.eos_token.as_str(),
            // Thinking aloud would use up the few tokens of an answer.
            enable_thinking => false,
        };
        let template = self.environment.get_template(NAME).map_err(refused)?;
        template.render(values).map_err(refused)
    }
}

/// Checks that a chat template can be compiled, and writes what is asked into the prompt.
///
/// # Errors
///
/// [`ErrorKind::Model`] with what is wrong with it.
pub(crate) fn check_chat_template(source: &str) -> Result<()> {
    let template = ChatTemplate::new(source, "<s>".into(), "</s>".into())?;
    let question = "Who wrote this?";
    template.render("Answer briefly.", question)?;
    if template.render("", question)?.contains(question) {
        return Ok(());
    }
    Err(failing("it leaves out what is asked"))
}

/// Runs `work` with the stack of templates.
fn on_own_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread
            .spawn_scoped(scope, work)
            .map_err(|e| failing(&format!("no thread for it: {e}")))?;
        let panicked = |_| Err(failing("the template engine panics"));
        thread.join().unwrap_or_else(panicked)
    })
}

fn raise_exception(message: String) -> std::result::Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(JinjaKind::InvalidOperation, message))
}

fn strftime_now(format: String) -> String {
    DAY.iter()
        .fold(format, |text, (field, value)| text.replace(field, value))
}

/// JSON as Python writes it: blanks behind commas and colons, nothing escaped for HTML.
fn to_json(
    value: Value,
    options: minijinja::value::Kwargs,
) -> std::result::Result<String, minijinja::Error> {
    let indent: Option<usize> = options.get("indent")?;
    // Python's other options change nothing that a prompt is made of.
    let failed =
        |e: serde_json::Error| minijinja::Error::new(JinjaKind::InvalidOperation, e.to_string());
    if let Some(indent) = indent {
        let blanks = vec![b' '; indent.min(16)];
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(&blanks);
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        serde::Serialize::serialize(&value, &mut serializer).map_err(failed)?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
    serde::Serialize::serialize(&value, &mut serializer).map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One line, with blanks behind commas and colons.
struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

fn refused(error: minijinja::Error) -> Error {
    failing(&format!("{error:#}"))
}

fn failing(problem: &str) -> Error {
    let message = format!(
        "the chat template of the language model fails ({problem}); \
         use prompts of the few-shot style, or correct the template"
    );
    Error::new(ErrorKind::Model, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHATML: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe brief<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    fn template(source: &str) -> ChatTemplate {
        ChatTemplate::new(source, "<s>".into(), "</s>".into()).unwrap()
    }

    #[test]
    fn messages_become_the_text_of_the_template() {
        assert_eq!(
            template(CHATML).render("", "Hi {{ user }}").unwrap(),
            "<|im_start|>system\nBe brief<|im_end|>\n<|im_start|>user\nHi {{ user }}<|im_end|>\n\
             <|im_start|>assistant\n"
        );
        assert_eq!(
            template(CHATML).render("Rules", "Hi").unwrap(),
            "<|im_start|>system\nRules<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n\
             <|im_start|>assistant\n"
        );
    }

    #[test]
    fn blocks_take_their_line_and_python_methods_work() {
        let source = "{{ bos_token }}\n  {% for m in messages %}\n[{{ m.content.strip().upper() }}]\n  {% endfor %}\nend";
        assert_eq!(
            template(source).render("", " <a> ").unwrap(),
            "<s>\n[<A>]\nend"
        );
    }

    #[test]
    fn dates_are_pinned() {
        let source = "{{ strftime_now('%d %b %Y') }}";
        assert_eq!(template(source).render("", "x").unwrap(), "26 Jul 2024");
    }

    #[test]
    fn json_is_that_of_python() {
        let source = "{{ messages[0] | tojson }}{{ {'a': [1, 2]} | tojson(indent=2) }}";
        assert_eq!(
            template(source).render("", "<b> & \"c\"").unwrap(),
            "{\"role\": \"user\", \"content\": \"<b> & \\\"c\\\"\"}{\n  \"a\": [\n    1,\n    2\n  ]\n}"
        );
    }

    #[test]
    fn a_refused_system_message_goes_in_front_of_the_question() {
        let source = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ messages[0].content }}";
        assert_eq!(
            template(source).render("Rules", "Hi").unwrap(),
            "Rules\n\nHi"
        );
    }

    #[test]
    fn the_mark_of_an_answer_changes_no_text() {
        let source = "{% for m in messages %}{% if m.role == 'assistant' %}\n{%- generation %}\n{{ m.content }}{% endgeneration %}{% else %}[{{ m.content }}]{% endif %}{% endfor %}";
        assert_eq!(template(source).render("a", "b").unwrap(), "[a][b]");
    }

    #[test]
    fn a_template_that_cannot_be_used_is_known_beforehand() {
        check_chat_template(CHATML).unwrap();
        for (source, words) in [
            ("{% unheard_of %}", "unheard_of"),
            ("{{ raise_exception('never') }}", "never"),
            ("{{ messages[0].content | unheard_of }}", "unheard_of"),
            ("a text without an end", "leaves out"),
        ] {
            let error = check_chat_template(source).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn neither_compiling_nor_running_uses_up_the_stack_or_the_memory() {
        // All that the bounds of the source let through.
        let chain = format!("{{{{ 1{} }}}}", " + 1".repeat(990));
        let elifs = format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(98));
        let brackets = format!("{{{{ {}1{} }}}}", "(".repeat(70), ")".repeat(70));
        for source in [chain, elifs, brackets] {
            template(&source).render("", "x").unwrap();
        }
        let nested = "{% set n = namespace(x=[]) %}{% for i in range(9999) %}{% set n.x = [n.x] %}{% endfor %}";
        template(nested).render("", "x").unwrap();
        // Texts cost fuel by their length.
        let doubled = "{% set n = namespace(x='x') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}";
        let error = template(doubled).render("", "x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        let long = "a word ".repeat(200_000);
        assert!(template(CHATML).render("", &long).unwrap().contains(&long));
        let calls = "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}";
        let error = template(calls).render("", "x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
    }

    #[test]
    fn failures_say_so() {
        assert_eq!(
            ChatTemplate::new("{% if %}", String::new(), String::new())
                .unwrap_err()
                .kind(),
            ErrorKind::Model
        );
        let error = template("{{ raise_exception('never') }}")
            .render("", "x")
            .unwrap_err();
        assert!(error.to_string().contains("never"), "{error}");
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}";
        assert_eq!(
            template(endless).render("", "x").unwrap_err().kind(),
            ErrorKind::Model
        );
    }
}
