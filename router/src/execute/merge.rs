//! Taking a subgraph's answer into the store: JSON is scanned once along the
//! shape of the request; values of in-process subgraphs go the same way.

use bytes::Bytes;

use super::store::{Slot, Store};
use crate::error::{GraphqlError, PathSegment};
use crate::json::scan::{ScanError, Scanner};
use crate::plan::ObjectShape;

/// What an answer gave besides data.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// One slot per asked root: the object (root fetch), or the list of each branch.
    pub(crate) roots: Vec<Slot>,
    pub(crate) errors: Vec<GraphqlError>,
    /// False when the answer had no `data` at all.
    pub(crate) has_data: bool,
}

/// What the answer's `data` looks like.
pub(crate) enum Expected<'a> {
    Root(&'a ObjectShape),
    /// Keys with their shapes.
    Entities(Vec<(&'a [u8], &'a ObjectShape)>),
}

impl Expected<'_> {
    pub(super) fn roots(&self) -> usize {
        match self {
            Self::Root(_) => 1,
            Self::Entities(branches) => branches.len(),
        }
    }
}

/// Takes in a JSON response.
///
/// # Errors
/// When it is not a GraphQL response in valid JSON.
pub(crate) fn take_json(
    store: &mut Store,
    body: Bytes,
    expected: &Expected<'_>,
) -> Result<Taken, String> {
    // Leaves are copied to the client as they are, so they must be UTF-8.
    if std::str::from_utf8(&body).is_err() {
        return Err("it is not UTF-8".into());
    }
    let buffer = store
        .keep(body.clone())
        .ok_or("there are too many or too large answers")?;
    let mut reader = JsonReader {
        scanner: Scanner::new(&body),
        store,
        buffer,
    };
    let taken = reader
        .response(expected)
        .map_err(|error| error.to_string())?;
    if !taken.has_data && taken.errors.is_empty() {
        return Err("it has neither data nor errors".into());
    }
    Ok(taken)
}

struct JsonReader<'a, 's> {
    scanner: Scanner<'a>,
    store: &'s mut Store,
    buffer: u16,
}

impl JsonReader<'_, '_> {
    fn response(&mut self, expected: &Expected<'_>) -> Result<Taken, ScanError> {
        let mut taken = Taken {
            roots: vec![Slot::Missing; expected.roots()],
            ..Taken::default()
        };
        let mut errors = None;
        self.scanner.expect(b'{')?;
        if !self.scanner.take_if(b'}')? {
            loop {
                match self.scanner.key()? {
                    b"data" => taken.has_data = self.data(expected, &mut taken.roots)?,
                    b"errors" => errors = Some(self.scanner.value()?),
                    _ => self.scanner.skip()?,
                }
                if self.scanner.take_if(b'}')? {
                    break;
                }
                self.scanner.expect(b',')?;
            }
        }
        self.scanner.end()?;
        if let Some(range) = errors {
            let len = u32::try_from(range.len()).unwrap_or(u32::MAX);
            let start = u32::try_from(range.start).unwrap_or(u32::MAX);
            taken.errors = parse_errors(self.store.text(self.buffer, start, len));
        }
        Ok(taken)
    }

    fn data(&mut self, expected: &Expected<'_>, roots: &mut [Slot]) -> Result<bool, ScanError> {
        if self.scanner.peek()? == b'n' {
            self.scanner.literal(b"null")?;
            return Ok(false);
        }
        match expected {
            Expected::Root(shape) => roots[0] = self.composite(shape, 0)?,
            Expected::Entities(branches) => {
                self.scanner.expect(b'{')?;
                if self.scanner.take_if(b'}')? {
                    return Ok(true);
                }
                loop {
                    let key = self.scanner.key()?;
                    match branches.iter().position(|(alias, _)| *alias == key) {
                        Some(at) => roots[at] = self.composite(branches[at].1, 0)?,
                        None => self.scanner.skip()?,
                    }
                    if self.scanner.take_if(b'}')? {
                        break;
                    }
                    self.scanner.expect(b',')?;
                }
            }
        }
        Ok(true)
    }

    /// An object, a list of them, or null.
    fn composite(&mut self, shape: &ObjectShape, depth: usize) -> Result<Slot, ScanError> {
        match self.scanner.peek()? {
            b'{' => self.object(shape),
            b'[' if depth < 16 => {
                self.scanner.expect(b'[')?;
                let mark = self.store.pending.len();
                if !self.scanner.take_if(b']')? {
                    loop {
                        let item = self.composite(shape, depth + 1)?;
                        self.store.pending.push(item);
                        if self.scanner.take_if(b']')? {
                            break;
                        }
                        self.scanner.expect(b',')?;
                    }
                }
                Ok(self.store.list_from(mark))
            }
            _ => {
                // Null, or a scalar where the schema promises an object.
                self.scanner.value()?;
                Ok(Slot::Null)
            }
        }
    }

    fn object(&mut self, shape: &ObjectShape) -> Result<Slot, ScanError> {
        let object = self.store.allocate(shape.width);
        self.scanner.expect(b'{')?;
        if self.scanner.take_if(b'}')? {
            return Ok(Slot::Object(object));
        }
        let mut guess = 0;
        loop {
            let key = self.scanner.key()?;
            match shape.position(key, guess) {
                Some(at) => {
                    let field = &shape.fields[at];
                    let value = match &field.object {
                        Some(nested) => self.composite(nested, 0)?,
                        None => self.leaf()?,
                    };
                    self.store.set(object, field.slot, value);
                    guess = at + 1;
                }
                None => self.scanner.skip()?,
            }
            if self.scanner.take_if(b'}')? {
                break;
            }
            self.scanner.expect(b',')?;
        }
        if !shape.renames.is_empty() {
            self.store.rename(object, shape);
        }
        Ok(Slot::Object(object))
    }

    fn leaf(&mut self) -> Result<Slot, ScanError> {
        if self.scanner.peek()? == b'n' {
            self.scanner.literal(b"null")?;
            return Ok(Slot::Null);
        }
        let range = self.scanner.value()?;
        // The buffer was refused when it does not fit 32 bits.
        Ok(Slot::Leaf {
            buffer: self.buffer,
            start: range.start as u32,
            len: (range.end - range.start) as u32,
        })
    }
}

/// Errors of a response; what is not shaped like one is kept as a message.
fn parse_errors(text: &[u8]) -> Vec<GraphqlError> {
    let Ok(serde_json::Value::Array(items)) = serde_json::from_slice(text) else {
        return Vec::new();
    };
    items.into_iter().map(parse_error).collect()
}

fn parse_error(value: serde_json::Value) -> GraphqlError {
    let serde_json::Value::Object(mut fields) = value else {
        return GraphqlError::new("The subgraph reported an error without saying which.");
    };
    let message = match fields.remove("message") {
        Some(serde_json::Value::String(message)) => message,
        _ => "The subgraph reported an error without a message.".to_owned(),
    };
    let mut error = GraphqlError::new(message);
    if let Some(serde_json::Value::Array(path)) = fields.remove("path") {
        error.path = path
            .into_iter()
            .map(|segment| match segment {
                serde_json::Value::String(key) => Some(PathSegment::Key(key)),
                serde_json::Value::Number(at) => at
                    .as_u64()
                    .and_then(|at| usize::try_from(at).ok())
                    .map(PathSegment::Index),
                _ => None,
            })
            .collect();
    }
    if let Some(serde_json::Value::Object(extensions)) = fields.remove("extensions") {
        error.extensions = extensions;
    }
    error
}
