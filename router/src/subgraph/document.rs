//! Documents of operations for in-process subgraphs.

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, SelectionSet};
use async_graphql::positional::{self, Fragments};

use super::size_hint::SizeHint;

/// A document as async-graphql's parser reads it, for in-process subgraphs.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) parsed: ExecutableDocument,
    /// Whether objects come without their keys, see [`async_graphql::positional`].
    pub(crate) positional: bool,
    /// Bytes that the leaves of an answer take.
    pub(crate) size: SizeHint,
}

impl Document {
    /// Parses a document; objects come without keys if `without_keys` and if it is possible.
    pub(crate) fn parse(text: &str, without_keys: bool) -> Result<Self, String> {
        let parsed = parse_query(text).map_err(|error| error.to_string())?;
        let positional = without_keys && positional::fits(&parsed);
        Ok(Self {
            parsed,
            positional,
            size: SizeHint::default(),
        })
    }

    /// What the operation selects.
    pub(crate) fn selections(&self) -> Option<Selections<'_>> {
        let (_, operation) = self.parsed.operations.iter().next()?;
        Some(Selections {
            here: &operation.node.selection_set.node,
            fragments: &self.parsed.fragments,
        })
    }
}

/// What a document selects of an object.
#[derive(Clone, Copy)]
pub(crate) struct Selections<'a> {
    here: &'a SelectionSet,
    fragments: &'a Fragments,
}

impl<'a> Selections<'a> {
    /// The fields of an object that came without keys.
    pub(crate) fn fields(self) -> Option<impl Iterator<Item = (&'a str, Self)>> {
        let fields = positional::fields(self.here, self.fragments)?;
        Some(fields.map(move |field| {
            let here = &field.selection_set.node;
            (field.response_key().node.as_str(), Self { here, ..self })
        }))
    }

    /// What is selected under a key of an object that came with keys.
    pub(crate) fn under(self, key: &str) -> Option<Self> {
        let here = positional::selected(self.here, self.fragments, key)?;
        Some(Self { here, ..self })
    }
}
