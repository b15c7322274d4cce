//! Every exported function is in a file of `src/exports` and is one call of the door, so that no panic
//! leaves it; `unsafe` stands where `src/lib.rs` says.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;

use syn::{Expr, Item, ItemFn, Stmt};

/// The files below `src`, with their paths from there.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                    let name = name.replace('\\', "/");
                    sources.push((name, std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
    }
    sources
}

fn is_exported(function: &ItemFn) -> bool {
    function.sig.abi.is_some()
}

/// Whether all that a function does is `door::enter(…)` or `door::look(…)`.
fn is_one_call_of_the_door(function: &ItemFn) -> bool {
    let [Stmt::Expr(Expr::Call(call), None)] = function.block.stmts.as_slice() else {
        return false;
    };
    let Expr::Path(called) = call.func.as_ref() else {
        return false;
    };
    let segments = called.path.segments.iter();
    let called: Vec<String> = segments.map(|segment| segment.ident.to_string()).collect();
    called == ["door", "enter"] || called == ["door", "look"]
}

#[test]
fn every_exported_function_goes_through_the_door() {
    let mut functions = 0;
    for (path, text) in sources() {
        for item in syn::parse_file(&text).unwrap().items {
            let Item::Fn(function) = item else { continue };
            if is_exported(&function) {
                let name = &function.sig.ident;
                assert!(path.starts_with("exports/"), "{path}: {name}");
                assert!(is_one_call_of_the_door(&function), "{path}: {name}");
                functions += 1;
            }
        }
        let names = text.matches("#[unsafe(no_mangle)]").count();
        assert!(names == 0 || path.starts_with("exports/"), "{path}");
    }
    assert!(functions > 20);
    let other = |text| is_one_call_of_the_door(&syn::parse_str(text).unwrap());
    assert!(!other("fn f() -> u8 { g(); door::enter(0, || Ok(())) }"));
    assert!(!other("fn f() -> u8 { objects::open() }"));
}

#[test]
fn unsafe_stands_at_the_border_only() {
    let border = |path: &str| path == "raw.rs" || path.starts_with("exports/");
    for (path, text) in sources() {
        let allows = text.contains("allow(unsafe_code") && path != "door.rs";
        assert!(!allows || border(&path), "{path}");
    }
}
