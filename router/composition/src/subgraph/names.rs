//! Which federation directive a local directive name means.

use std::collections::HashMap;

use crate::spec::directives::FEDERATION_TYPES;
use crate::spec::{Fed, Link, Version};

/// The federation directives and scalars in scope, by local name.
#[derive(Debug, Default)]
pub(crate) struct DirectiveNames<'a> {
    imported: HashMap<&'a str, Fed>,
    namespace: &'a str,
    version: Option<Version>,
    types: HashMap<&'a str, &'static str>,
}

impl<'a> DirectiveNames<'a> {
    pub(crate) fn new(version: Version, links: &[Link<'a>]) -> Self {
        let mut names = Self {
            namespace: "federation",
            version: Some(version),
            ..Self::default()
        };
        if version.is_two() {
            for link in links {
                names.take(link, version);
            }
        } else {
            for fed in Fed::ALL.into_iter().filter(|fed| fed.is_in(version)) {
                names.imported.insert(fed.name(), fed);
            }
            names.types.insert("_FieldSet", "FieldSet");
        }
        names
    }

    fn take(&mut self, link: &Link<'a>, version: Version) {
        if link.is_federation() {
            self.namespace = link.alias.unwrap_or("federation");
            for import in &link.imports {
                match import.name.strip_prefix('@') {
                    Some(name) => {
                        let local = import.local().trim_start_matches('@');
                        if let Some(fed) = Fed::by_name(name).filter(|fed| fed.is_in(version)) {
                            self.imported.insert(local, fed);
                        }
                    }
                    None => {
                        let scalar = FEDERATION_TYPES.into_iter().find(|t| *t == import.name);
                        if let Some(scalar) = scalar {
                            self.types.insert(import.local(), scalar);
                        }
                    }
                }
            }
            return;
        }
        // A feature's own specification can be linked instead of federation's.
        let Some(spec) = link.spec() else { return };
        let own = [
            "tag",
            "inaccessible",
            "authenticated",
            "requiresScopes",
            "policy",
            "cost",
        ];
        if own.contains(&spec)
            && let Some(fed) = Fed::by_name(spec)
        {
            let local = link
                .imports
                .iter()
                .find(|import| import.name.trim_start_matches('@') == spec)
                .map(|import| import.local().trim_start_matches('@'));
            self.imported
                .insert(local.or(link.alias).unwrap_or(spec), fed);
        }
        if spec == "cost" {
            for import in link.imports.iter().filter(|i| i.name == "@listSize") {
                let local = import.local().trim_start_matches('@');
                self.imported.insert(local, Fed::ListSize);
            }
        }
    }

    /// What a directive applied under this name means, if it is federation's.
    pub(crate) fn resolve(&self, local: &str) -> Option<Fed> {
        if let Some(fed) = self.imported.get(local) {
            return Some(*fed);
        }
        let version = self.version.filter(|version| version.is_two())?;
        let bare = local.strip_prefix(self.namespace)?.strip_prefix("__")?;
        Fed::by_name(bare).filter(|fed| fed.is_in(version))
    }

    /// The federation scalar a type name means.
    pub(crate) fn scalar(&self, local: &str) -> Option<&'static str> {
        if let Some(scalar) = self.types.get(local) {
            return Some(scalar);
        }
        let bare = local.strip_prefix(self.namespace)?.strip_prefix("__")?;
        FEDERATION_TYPES.into_iter().find(|scalar| *scalar == bare)
    }

    /// Whether the element belongs to the federation or link machinery.
    pub(crate) fn is_machinery(&self, name: &str) -> bool {
        self.scalar(name).is_some()
            || name.starts_with("link__")
            || name.starts_with("federation__")
            || name.starts_with("core__")
    }
}
