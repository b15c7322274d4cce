//! Pages as Markdown.

use super::*;

fn text(html: &str) -> String {
    Page::of(html).text
}

#[test]
fn a_page_as_markdown() {
    let page = Page::of(
        "<!doctype html><html><head><title>My  page &amp;\n more</title><style>p{}</style>\
         <script>var x = '<p>no</p>';</script></head><body><nav><a href=/>Home</a></nav>\
         <h1>Wing <em>flutter</em></h1><p>Thin wings <a href='x'>may vibrate</a> at\n high \
         speed.<br>New line.</p><ul><li>one<li>two <b>bold</b></ul><p>Caf&eacute; \
         <img src=a.png alt='a picture'> end</body>",
    );
    assert_eq!(page.title, "My page & more");
    assert_eq!(
        page.text,
        "# Wing flutter\n\nThin wings may vibrate at high speed.\nNew line.\n\n- one\n- two \
         bold\n\nCafé a picture end"
    );
}

#[test]
fn rows_are_lines_and_preformatted_text_stays() {
    let table =
        "<table><tr><th>Year<th>Title</tr><tr><td><p>1969</p><td>A<br>B<tr><td><td>c</table>x";
    assert_eq!(text(table), "Year | Title\n1969 | A B\n| c\n\nx");
    let code = "a<pre>\nfn main() {\n    x();\n}</pre>b";
    assert_eq!(text(code), "a\n\n```\nfn main() {\n    x();\n}\n```\n\nb");
}

#[test]
fn words_are_not_torn_or_joined() {
    assert_eq!(
        text("fl<b>ut</b>ter<div>next</div>one"),
        "flutter\nnext\none"
    );
    assert_eq!(text("<h2>a<br>b</h2>c"), "## a b\n\nc");
    assert_eq!(text("a&nbsp; b\u{c}c"), "a b c");
    assert_eq!(
        text("<svg><title>no</title><text>no</text></svg>yes"),
        "yes"
    );
}

#[test]
fn the_main_part_is_the_page_unless_it_is_empty() {
    let page = "<div>Skip</div><main><h1>Own</h1><div hidden>no</div><p>text</main>foot";
    assert_eq!(text(page), "# Own\n\ntext");
    assert_eq!(text("head<main></main>foot"), "head\n\nfoot");
    assert_eq!(text("head<main>"), "head");
    assert_eq!(text("<div role=navigation><div>no</div></div>yes"), "yes");
    assert_eq!(text("<p hidden>no</p><img hidden alt=a>yes"), "ayes");
}

#[test]
fn pages_are_read_by_their_own_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my-page.html");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        page_document(&path, "a/my-page.html".to_owned(), &Arc::default())
    };
    let latin = read(b"<meta charset='ISO-8859-1'><title>Caf\xe9</title>x").unwrap();
    assert_eq!((latin.title.as_str(), latin.text.as_str()), ("Café", "x"));
    let wide: Vec<u8> = "\u{feff}<h1>é</h1>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(read(&wide).unwrap().title, "é");
    assert_eq!(read(b"").unwrap().title, "my-page");
    let error = read(b"<p>Caf\xe9").unwrap_err();
    assert!(
        error.is_invalid_input() && error.to_string().contains("UTF-8"),
        "{error}"
    );
}

#[test]
fn whatever_comes_ends() {
    for html in [
        "",
        "<",
        "<!--",
        "<title>",
        "<p",
        "&#x0;&#xd800;&bogus;",
        "</nav></td></pre>",
        "<pre>never",
        "\0<b>\0",
    ] {
        let _ = Page::of(html);
    }
    assert_eq!(text("<pre>never"), "```\nnever\n```");
    let deep = "<b><table><td>".repeat(200_000) + "x";
    assert!(text(&deep).ends_with('x'));
    let unclosed = "<nav>".repeat(100_000) + &"</nav>".repeat(100_000) + "x";
    assert_eq!(text(&unclosed), "x");
}
