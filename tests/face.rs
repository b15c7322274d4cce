//! The public face of the crate against its listing, `tests/face.txt`: a name that comes, goes or
//! moves is seen in review.
//!
//! `ZEROGR_BLESS=1 cargo test --test face` writes the listing anew. It holds what `src/lib.rs` hands
//! out at the root of the crate: of each type the public fields, variants, functions and constants,
//! and of each trait its methods. What is under `raw` is outside semantic versioning and not listed.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::{Fields, ImplItem, Item, TraitItem, UseTree, Visibility};

/// What is public of one name at the root.
type Members = BTreeSet<String>;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn items_of(path: &Path) -> Vec<Item> {
    let text = std::fs::read_to_string(path).unwrap();
    syn::parse_file(&text).unwrap().items
}

/// Names handed out by `pub use room::{…}`, by room.
fn handed_out(items: &[Item]) -> BTreeMap<String, BTreeSet<String>> {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for item in items {
        let Item::Use(item) = item else { continue };
        let (Visibility::Public(_), UseTree::Path(path)) = (&item.vis, &item.tree) else {
            continue;
        };
        let of_room = names.entry(path.ident.to_string()).or_default();
        match &*path.tree {
            UseTree::Name(name) => drop(of_room.insert(name.ident.to_string())),
            UseTree::Group(group) => of_room.extend(group.items.iter().map(|tree| match tree {
                UseTree::Name(name) => name.ident.to_string(),
                _ => panic!("the root hands out plain names"),
            })),
            _ => panic!("the root hands out plain names"),
        }
    }
    names
}

/// The files of a room: a folder, or a file of that name.
fn files_of(room: &str) -> Vec<PathBuf> {
    let file = source().join(format!("{room}.rs"));
    let mut files: Vec<PathBuf> = file.is_file().then_some(file).into_iter().collect();
    let mut folders = vec![source().join(room)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn fields(fields: &Fields) -> impl Iterator<Item = String> {
    let public = fields.iter().filter(|field| is_public(&field.vis));
    public.filter_map(|field| Some(format!(".{}", field.ident.as_ref()?)))
}

fn type_name(kind: &syn::Type) -> Option<String> {
    let syn::Type::Path(path) = kind else {
        return None;
    };
    Some(path.path.segments.last()?.ident.to_string())
}

/// Adds what `item` says of the names of a room; its kind is a member too.
fn take(item: &Item, face: &mut BTreeMap<String, Members>) {
    let mut add = |name: String, members: Vec<String>| {
        if let Some(own) = face.get_mut(&name) {
            own.extend(members);
        }
    };
    match item {
        Item::Struct(item) if is_public(&item.vis) => {
            let mut members = vec!["struct".to_owned()];
            members.extend(fields(&item.fields));
            add(item.ident.to_string(), members);
        }
        Item::Enum(item) if is_public(&item.vis) => {
            let mut members = vec!["enum".to_owned()];
            let variants = item.variants.iter();
            members.extend(variants.map(|variant| format!("::{}", variant.ident)));
            add(item.ident.to_string(), members);
        }
        Item::Trait(item) if is_public(&item.vis) => {
            let mut members = vec!["trait".to_owned()];
            members.extend(item.items.iter().filter_map(|one| match one {
                TraitItem::Fn(method) => Some(format!("::{}()", method.sig.ident)),
                _ => None,
            }));
            add(item.ident.to_string(), members);
        }
        Item::Fn(item) if is_public(&item.vis) => {
            add(item.sig.ident.to_string(), vec!["fn".to_owned()]);
        }
        Item::Type(item) if is_public(&item.vis) => {
            add(item.ident.to_string(), vec!["type".to_owned()]);
        }
        Item::Const(item) if is_public(&item.vis) => {
            add(item.ident.to_string(), vec!["const".to_owned()]);
        }
        Item::Impl(item) if item.trait_.is_none() => {
            let members = item.items.iter().filter_map(|one| match one {
                ImplItem::Fn(method) if is_public(&method.vis) => {
                    Some(format!("::{}()", method.sig.ident))
                }
                ImplItem::Const(constant) if is_public(&constant.vis) => {
                    Some(format!("::{}", constant.ident))
                }
                _ => None,
            });
            if let Some(name) = type_name(&item.self_ty) {
                add(name, members.collect());
            }
        }
        _ => {}
    }
}

/// The face, one line per name or member.
fn listing() -> String {
    let mut lines = Vec::new();
    for (room, names) in handed_out(&items_of(&source().join("lib.rs"))) {
        let mut face: BTreeMap<String, Members> = names
            .into_iter()
            .map(|name| (name, Members::new()))
            .collect();
        for file in files_of(&room) {
            items_of(&file)
                .iter()
                .for_each(|item| take(item, &mut face));
        }
        for (name, members) in face {
            let (of_name, kinds): (Members, Members) = members
                .into_iter()
                .partition(|one| one.starts_with(['.', ':']));
            assert_eq!(
                kinds.len(),
                1,
                "{name} is defined in {room} once: {kinds:?}"
            );
            lines.extend(kinds.into_iter().map(|kind| format!("{name}: {kind}")));
            lines.extend(of_name.into_iter().map(|member| format!("{name}{member}")));
        }
    }
    lines.sort();
    lines.join("\n") + "\n"
}

#[test]
fn the_face_is_what_is_listed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/face.txt");
    let found = listing();
    if std::env::var_os("ZEROGR_BLESS").is_some() {
        return std::fs::write(path, found).unwrap();
    }
    let listed = std::fs::read_to_string(path).unwrap();
    let (listed, found): (BTreeSet<&str>, BTreeSet<&str>) =
        (listed.lines().collect(), found.lines().collect());
    let new: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "the public face has changed; new: {new:#?}; gone: {gone:#?}"
    );
}

#[test]
fn what_is_not_public_is_not_listed() {
    let items = syn::parse_str::<syn::File>(
        "pub struct A { pub b: u8, c: u8 } pub(crate) struct D;
         impl A { pub fn e() {} fn f() {} pub(crate) fn g() {} pub const H: u8 = 1; }
         impl Clone for A { fn clone(&self) -> A { todo!() } }
         pub enum I { J, K(u8) } pub trait L { fn m(); } pub struct Other { pub n: u8 }",
    );
    let names = ["A", "D", "I", "L"].map(|name| (name.to_owned(), Members::new()));
    let mut face = BTreeMap::from(names);
    items
        .unwrap()
        .items
        .iter()
        .for_each(|item| take(item, &mut face));
    let of = |name: &str| face[name].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("A"), [".b", "::H", "::e()", "struct"]);
    assert!(of("D").is_empty());
    assert_eq!(of("I"), ["::J", "::K", "enum"]);
    assert_eq!(of("L"), ["::m()", "trait"]);
    assert_eq!(face.len(), 4);
}
