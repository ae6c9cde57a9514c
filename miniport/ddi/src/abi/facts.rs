//! The facts as data, and the definitions of the bindings as parsed source.
//!
//! Key functions: [`layouts`], [`constants`], [`enumerators`], [`prototypes`] read miniport/ddi/facts; [`Definitions`] reads
//! miniport/ddi/bindings.

use std::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::Value;
use syn::{Fields, ForeignItem, Item};

/// The sources of the bindings, in the order in which `types.rs` and its siblings include them.
const SOURCES: &[&str] = &[
    include_str!("../../bindings/types.rs"),
    include_str!("../../bindings/types/basic.rs"),
    include_str!("../../bindings/types/kernel.rs"),
    include_str!("../../bindings/types/io.rs"),
    include_str!("../../bindings/types/bugcheck.rs"),
    include_str!("../../bindings/types/pci.rs"),
    include_str!("../../bindings/types/scsi.rs"),
    include_str!("../../bindings/types/srb.rs"),
    include_str!("../../bindings/types/storport.rs"),
    include_str!("../../bindings/types/storport_config.rs"),
    include_str!("../../bindings/types/dump.rs"),
    include_str!("../../bindings/constants.rs"),
    include_str!("../../bindings/constants/kernel.rs"),
    include_str!("../../bindings/constants/pci.rs"),
    include_str!("../../bindings/constants/srb.rs"),
    include_str!("../../bindings/constants/scsi.rs"),
    include_str!("../../bindings/constants/dump.rs"),
    include_str!("../../bindings/constants/storport.rs"),
    include_str!("../../bindings/ntddk.rs"),
    include_str!("../../bindings/storage.rs"),
];

/// One structure of the facts.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) size: u64,
    pub(crate) align: u64,
    /// Path of the field (nested ones with dots) to its offset and type.
    pub(crate) fields: BTreeMap<String, (u64, String)>,
}

/// One function or callback of the facts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prototype {
    /// `name:type` without spaces, or `...` for variable arguments.
    pub(crate) parameters: Vec<String>,
    pub(crate) returns: String,
}

fn read(json: &str) -> Value {
    serde_json::from_str(json).expect("the facts are JSON")
}

fn object(value: &Value) -> &serde_json::Map<String, Value> {
    value.as_object().expect("an object")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_string()
}

fn number(value: &Value) -> i64 {
    text(value).parse().expect("a number")
}

/// The structures, by name without the leading underscore.
pub(crate) fn layouts() -> BTreeMap<String, Layout> {
    layouts_in(include_str!("../../facts/wdk-x64-layouts.json"))
}

/// Those that the headers given to clang lack.
pub(crate) fn crash_dump_layouts() -> BTreeMap<String, Layout> {
    layouts_in(include_str!("../../facts/crash-dump-layouts.json"))
}

fn layouts_in(json: &str) -> BTreeMap<String, Layout> {
    let facts = read(json);
    object(&facts)
        .iter()
        .map(|(name, fact)| {
            let fields = object(&fact["fields"])
                .iter()
                .map(|(path, field)| {
                    (
                        path.clone(),
                        (
                            field["offset"].as_u64().expect("an offset"),
                            text(&field["type"]),
                        ),
                    )
                })
                .collect();
            let layout = Layout {
                size: fact["size"].as_u64().expect("a size"),
                align: fact["align"].as_u64().expect("an alignment"),
                fields,
            };
            (name.clone(), layout)
        })
        .collect()
}

/// The constants with their values.
pub(crate) fn constants() -> BTreeMap<String, i64> {
    let facts = read(include_str!("../../facts/wdk-x64-constants.json"));
    object(&facts["constants"])
        .iter()
        .map(|(name, value)| (name.clone(), number(value)))
        .collect()
}

/// The enumerations: tag to enumerators with their values.
pub(crate) fn enumerations() -> BTreeMap<String, BTreeMap<String, i64>> {
    let facts = read(include_str!("../../facts/wdk-x64-constants.json"));
    object(&facts["enums"])
        .iter()
        .map(|(tag, values)| {
            (
                tag.clone(),
                object(values)
                    .iter()
                    .map(|(name, value)| (name.clone(), number(value)))
                    .collect(),
            )
        })
        .collect()
}

/// All enumerators in one map; their names are unique.
pub(crate) fn enumerators() -> BTreeMap<String, i64> {
    enumerations().into_values().flatten().collect()
}

/// A group of prototypes: `storport`, `ntoskrnl` or `callbacks`.
pub(crate) fn prototypes(group: &str) -> BTreeMap<String, Prototype> {
    let facts = read(include_str!("../../facts/prototypes.json"));
    object(&facts[group])
        .iter()
        .map(|(name, fact)| {
            let parameters = fact["params"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|parameter| squeezed(&text(parameter)))
                .collect();
            let returns = squeezed(&text(&fact["returns"]));
            (
                name.clone(),
                Prototype {
                    parameters,
                    returns,
                },
            )
        })
        .collect()
}

/// Every type name that the bindings define.
pub(crate) fn type_names() -> BTreeSet<String> {
    let definitions = Definitions::read();
    let aliases = definitions.aliases.into_keys();
    aliases
        .chain(definitions.structures.into_keys())
        .chain(definitions.enumerations.into_keys())
        .collect()
}

/// What the bindings define.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    /// Structures and unions: field names with their types, in order.
    pub(crate) structures: BTreeMap<String, Vec<(String, String)>>,
    /// `pub type` and `pub use ... as`: what the name stands for.
    pub(crate) aliases: BTreeMap<String, String>,
    /// Modules of constants.
    pub(crate) enumerations: BTreeMap<String, BTreeMap<String, i64>>,
    /// Constants: type and value.
    pub(crate) constants: BTreeMap<String, (String, i64)>,
    /// Functions, by the file that declares them.
    pub(crate) functions: BTreeMap<String, Prototype>,
    /// Bit fields: structure to accessor names, in order.
    pub(crate) bit_fields: BTreeMap<String, Vec<String>>,
}

impl Definitions {
    /// Parses the sources.
    pub(crate) fn read() -> Self {
        let mut definitions = Self::default();
        for source in SOURCES {
            let file = syn::parse_file(source).expect("the bindings parse");
            for item in file.items {
                definitions.add(item);
            }
        }
        definitions
    }

    fn add(&mut self, item: Item) {
        match item {
            Item::Struct(item) => {
                let fields = match item.fields {
                    Fields::Named(fields) => fields.named.iter().map(field).collect(),
                    Fields::Unnamed(_) | Fields::Unit => Vec::new(),
                };
                once(&mut self.structures, item.ident.to_string(), fields);
            }
            Item::Union(item) => {
                let fields = item.fields.named.iter().map(field).collect();
                once(&mut self.structures, item.ident.to_string(), fields);
            }
            Item::Type(item) => once(
                &mut self.aliases,
                item.ident.to_string(),
                type_text(&item.ty),
            ),
            Item::Use(item) => {
                // `pub use self::_X::Type as X;`
                let text = tokens(&item.tree);
                let (path, name) = text.split_once(" as ").expect("an enumeration's alias");
                let target = path.replace(' ', "").replace("self::", "");
                once(&mut self.aliases, name.to_string(), target);
            }
            Item::Mod(item) => {
                let (_, items) = item.content.expect("an enumeration's constants");
                let values = items.iter().filter_map(|item| match item {
                    Item::Const(item) => Some((item.ident.to_string(), value(&item.expr))),
                    _ => None,
                });
                once(
                    &mut self.enumerations,
                    item.ident.to_string(),
                    values.collect(),
                );
            }
            Item::Const(item) => {
                once(
                    &mut self.constants,
                    item.ident.to_string(),
                    (type_text(&item.ty), value(&item.expr)),
                );
            }
            Item::ForeignMod(block) => {
                for item in block.items {
                    let ForeignItem::Fn(function) = item else {
                        panic!("only functions are imported")
                    };
                    let mut parameters: Vec<String> =
                        function.sig.inputs.iter().map(parameter).collect();
                    if function.sig.variadic.is_some() {
                        parameters.push("...".to_string());
                    }
                    let returns = return_text(&function.sig.output);
                    once(
                        &mut self.functions,
                        function.sig.ident.to_string(),
                        Prototype {
                            parameters,
                            returns,
                        },
                    );
                }
            }
            Item::Macro(item) if item.mac.path.is_ident("bitfields") => {
                // `bitfields! { name.unit; getter, setter: type = bit, width; ... }`
                let text = tokens(&item.mac.tokens);
                let (head, rows) = text.split_once(';').expect("a head and rows");
                let name = head
                    .split('.')
                    .next()
                    .expect("a structure")
                    .trim()
                    .to_string();
                let getters = rows
                    .split(';')
                    .filter_map(|row| row.split_once(','))
                    .map(|(getter, _)| getter.trim().to_string());
                self.bit_fields.entry(name).or_default().extend(getters);
            }
            Item::Macro(_) | Item::Impl(_) => {}
            other => panic!("an item that the test does not know: {}", tokens(&other)),
        }
    }

    /// What a callback type is: the prototype behind `Option<unsafe extern "C" fn>`, if the alias is one.
    pub(crate) fn callback(&self, name: &str) -> Option<Prototype> {
        let text = self
            .aliases
            .get(name)?
            .strip_prefix("Option<unsafeextern\"C\"fn(")?
            .strip_suffix('>')?;
        let (parameters, returns) = text.rsplit_once(')')?;
        let parameters = parameters
            .split(',')
            .filter(|parameter| !parameter.is_empty())
            .map(ToString::to_string)
            .collect();
        let returns = returns.strip_prefix("->").unwrap_or("()").to_string();
        Some(Prototype {
            parameters,
            returns,
        })
    }
}

fn once<T>(map: &mut BTreeMap<String, T>, name: String, value: T) {
    let name_again = name.clone();
    assert!(
        map.insert(name, value).is_none(),
        "{name_again} is defined twice"
    );
}

fn field(field: &syn::Field) -> (String, String) {
    let name = field.ident.as_ref().expect("a named field").to_string();
    (name, type_text(&field.ty))
}

fn parameter(argument: &syn::FnArg) -> String {
    let syn::FnArg::Typed(argument) = argument else {
        panic!("a C function has no self")
    };
    format!("{}:{}", tokens(&argument.pat), type_text(&argument.ty))
}

fn return_text(output: &syn::ReturnType) -> String {
    match output {
        syn::ReturnType::Default => "()".to_string(),
        syn::ReturnType::Type(_, ty) => type_text(ty),
    }
}

/// A type without paths and spaces, as [`squeezed`] gives the facts' types.
fn type_text(ty: &syn::Type) -> String {
    squeezed(
        &tokens(ty)
            .replace(":: core :: ffi :: ", "")
            .replace(":: core :: option :: ", ""),
    )
    .replace(",>", ">")
    .replace(",)", ")")
}

/// Text without spaces: `*mut X` and `* mut X` are the same.
fn squeezed(text: &str) -> String {
    text.replace(' ', "")
}

fn value(expr: &syn::Expr) -> i64 {
    tokens(expr)
        .replace(' ', "")
        .parse()
        .expect("an integer literal")
}

fn tokens(node: &impl quote::ToTokens) -> String {
    node.to_token_stream().to_string()
}
