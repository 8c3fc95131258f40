//! `@link`: which features a subgraph uses, and under which names.

use crate::error::ErrorCode;
use crate::syntax::{Directive, Document, Pos, Value};

use super::directives::{FEDERATION_TYPES, Fed, Version};

/// Where Apollo's specifications live.
pub(crate) const SPECS: &str = "https://specs.apollo.dev";

/// One `@link`.
#[derive(Clone, Debug)]
pub(crate) struct Link<'a> {
    pub pos: Pos,
    /// The URL without its version.
    pub identity: &'a str,
    pub version: Option<&'a str>,
    /// `as:`, the namespace.
    pub alias: Option<&'a str>,
    pub imports: Vec<Import<'a>>,
}

/// One imported element; the names of directives keep their `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Import<'a> {
    pub name: &'a str,
    pub alias: Option<&'a str>,
}

impl<'a> Import<'a> {
    /// The name it goes by in the subgraph.
    pub(crate) fn local(&self) -> &'a str {
        self.alias.unwrap_or(self.name)
    }

    /// Whether it names a directive.
    pub(crate) fn is_directive(&self) -> bool {
        self.name.starts_with('@')
    }
}

impl<'a> Link<'a> {
    /// Whether it is the link to the Federation specification.
    pub(crate) fn is_federation(&self) -> bool {
        self.spec() == Some("federation")
    }

    /// The name of the Apollo specification it links to.
    pub(crate) fn spec(&self) -> Option<&'a str> {
        self.identity.strip_prefix(SPECS)?.strip_prefix('/')
    }
}

/// So many features one subgraph may link to.
const MOST_LINKS: usize = 100;

/// So many elements one link may import.
const MOST_IMPORTS: usize = 1000;

/// A link that cannot be followed.
pub(crate) type LinkError = (ErrorCode, Pos, String);

/// Reads every `@link` of the document, checking each.
pub(crate) fn read_links<'a>(document: &'a Document<'a>) -> Result<Vec<Link<'a>>, Vec<LinkError>> {
    let mut links: Vec<Link<'a>> = Vec::new();
    let mut errors = Vec::new();
    let applied = document.schemas.iter().flat_map(|s| &s.directives);
    for directive in applied.filter(|d| d.name.text == "link") {
        if links.len() >= MOST_LINKS {
            let message = format!("There are too many @link: at most {MOST_LINKS} are read.");
            let code = ErrorCode::InvalidLinkDirectiveUsage;
            errors.push((code, directive.name.pos, message));
            break;
        }
        let link = match read_link(directive) {
            Ok(Some(link)) => link,
            Ok(None) => continue,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        if links.iter().any(|known| known.identity == link.identity) {
            errors.push((
                ErrorCode::InvalidLinkDirectiveUsage,
                link.pos,
                format!("Duplicate inclusion of feature {}", link.identity),
            ));
        }
        check_link(&link, &mut errors);
        links.push(link);
    }
    if errors.is_empty() {
        Ok(links)
    } else {
        Err(errors)
    }
}

fn read_link<'a>(directive: &'a Directive<'a>) -> Result<Option<Link<'a>>, LinkError> {
    let pos = directive.name.pos;
    let Some(url) = directive.string("url") else {
        return Ok(None);
    };
    let (identity, version) = split_url(url);
    let mut imports = Vec::new();
    if let Some(value) = directive.argument("import") {
        read_imports(value, &mut imports)
            .map_err(|message| (ErrorCode::InvalidLinkDirectiveUsage, pos, message))?;
    }
    Ok(Some(Link {
        pos,
        identity,
        version,
        alias: directive.string("as"),
        imports,
    }))
}

/// Splits a feature URL into identity and version.
fn split_url(url: &str) -> (&str, Option<&str>) {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let url = url[..end].trim_end_matches('/');
    let authority = url.find("://").map_or(0, |at| at + 3);
    match url[authority..].rfind('/').map(|at| authority + at) {
        Some(last) if is_version(&url[last + 1..]) => {
            (url[..last].trim_end_matches('/'), Some(&url[last + 1..]))
        }
        _ => (url, None),
    }
}

fn is_version(text: &str) -> bool {
    text.strip_prefix(['v', 'V'])
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether it has the form `v1.2`.
fn is_full_version(text: &str) -> bool {
    text.strip_prefix('v')
        .and_then(|rest| rest.split_once('.'))
        .is_some_and(|(major, minor)| {
            !major.is_empty()
                && major.bytes().all(|b| b.is_ascii_digit())
                && minor.starts_with(|c: char| c.is_ascii_digit())
        })
}

fn read_imports<'a>(value: &'a Value<'a>, imports: &mut Vec<Import<'a>>) -> Result<(), String> {
    let Value::List(items) = value else {
        return Err("@link(import:) should be a list of names".to_owned());
    };
    if items.len() > MOST_IMPORTS {
        return Err(format!("@link(import:) takes at most {MOST_IMPORTS} names"));
    }
    for item in items {
        let import = match item {
            Value::String(name) => Import { name, alias: None },
            Value::Object(fields) => {
                let text = |key: &str| match fields.iter().find(|(k, _)| k == key) {
                    Some((_, Value::String(text))) => Some(&**text),
                    _ => None,
                };
                let name = text("name")
                    .ok_or("@link(import:) has an element without a \"name\"".to_owned())?;
                Import {
                    name,
                    alias: text("as"),
                }
            }
            _ => return Err("@link(import:) takes strings and objects only".to_owned()),
        };
        let alias = import.alias.unwrap_or(import.name);
        if import.is_directive() != alias.starts_with('@') {
            return Err(format!(
                "@link(import:) names \"{}\" and \"{alias}\": both must be directives (with \"@\") \
                 or both types (without)",
                import.name
            ));
        }
        imports.push(import);
    }
    Ok(())
}

/// Versions of Apollo's other specifications that are known.
const FEATURES: [(&str, &[&str]); 13] = [
    ("link", &["v1.0"]),
    ("tag", &["v0.1", "v0.2", "v0.3"]),
    ("kotlin_labs", &["v0.1", "v0.2"]),
    ("join", &["v0.1", "v0.2", "v0.3", "v0.4", "v0.5"]),
    ("inaccessible", &["v0.1", "v0.2"]),
    ("core", &["v0.1", "v0.2"]),
    ("cost", &["v0.1"]),
    ("context", &["v0.1"]),
    ("authenticated", &["v0.1"]),
    ("requiresScopes", &["v0.1"]),
    ("policy", &["v0.1"]),
    ("source", &["v0.1"]),
    ("connect", &["v0.1", "v0.2", "v0.3", "v0.4"]),
];

fn check_link(link: &Link<'_>, errors: &mut Vec<LinkError>) {
    let mut report = |code, message| errors.push((code, link.pos, message));
    if let Some(version) = link.version.filter(|version| !is_full_version(version)) {
        let message = format!("Expected a version string (of the form v1.2), got {version}");
        return report(ErrorCode::InvalidLinkIdentifier, message);
    }
    if link.identity != SPECS && link.spec().is_none() {
        return;
    }
    let Some(version) = link.version else {
        let message = format!(
            "Invalid @link url \"{}\": expected \"/<feature>/vX.Y\" (for example \"/federation/v2.9\")",
            link.identity
        );
        return report(ErrorCode::InvalidLinkIdentifier, message);
    };
    match link.spec() {
        Some("federation") => check_federation(link, version, report),
        Some(spec) => {
            let known = FEATURES.iter().find(|(name, _)| *name == spec);
            if known.is_some_and(|(_, versions)| !versions.contains(&version)) {
                let message = format!("Schema uses unknown version {version} of the {spec} spec");
                report(ErrorCode::UnknownLinkVersion, message);
            }
        }
        None => {}
    }
}

fn check_federation(link: &Link<'_>, version: &str, mut report: impl FnMut(ErrorCode, String)) {
    let Some(version) = Version::parse(version).filter(|version| version.is_two()) else {
        let message = format!(
            "Invalid version {version} for the federation feature in @link directive on schema"
        );
        return report(ErrorCode::UnknownFederationLinkVersion, message);
    };
    for import in &link.imports {
        let known = match import.name.strip_prefix('@') {
            Some(name) => Fed::by_name(name).is_some_and(|fed| fed.is_in(version)),
            None => FEDERATION_TYPES.contains(&import.name),
        };
        if !known {
            report(
                ErrorCode::InvalidLinkDirectiveUsage,
                format!("Cannot import unknown element \"{}\".", import.name),
            );
        }
    }
}
