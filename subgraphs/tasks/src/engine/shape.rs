//! What the results of a type's tasks look like.
//!
//! A shape is written in some words of JSON Schema (2020-12), with the same meaning: `type`, `enum`,
//! `properties`, `required`, `additionalProperties` (true or false), `items`, `minimum`, `maximum`,
//! `minLength`, `maxLength`, `minItems`, `maxItems`. Other words are refused, so that nobody relies on
//! what is not checked. There are no references and no patterns: a check takes as long as the value is
//! large.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The most bytes of a shape as JSON.
pub const MAX_SHAPE: usize = 8 * 1024;

/// What values look like.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shape {
    #[serde(rename = "type")]
    kinds: Option<Kinds>,
    #[serde(rename = "enum")]
    values: Option<Vec<Value>>,
    #[serde(default)]
    properties: BTreeMap<String, Shape>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default = "yes")]
    additional_properties: bool,
    items: Option<Box<Shape>>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    min_items: Option<usize>,
    max_items: Option<usize>,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Kinds {
    One(Kind),
    Any(Vec<Kind>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Boolean => value.is_boolean(),
            Self::Integer => {
                value.is_i64()
                    || value.is_u64()
                    || value.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            Self::Number => value.is_number(),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

/// Where a value differs from its shape, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Names and positions from the outside in.
    pub path: Vec<String>,
    /// What is wrong there.
    pub reason: String,
}

type Fit = Result<(), Mismatch>;

fn mismatch(reason: impl Into<String>) -> Fit {
    Err(Mismatch {
        path: Vec::new(),
        reason: reason.into(),
    })
}

/// Puts a mismatch of a part in its place.
fn within(place: impl ToString, fit: Fit) -> Fit {
    fit.map_err(|mut mismatch| {
        mismatch.path.insert(0, place.to_string());
        mismatch
    })
}

fn bounded<T: PartialOrd + ToString>(
    what: &str,
    found: T,
    least: Option<T>,
    most: Option<T>,
) -> Fit {
    if let Some(least) = least.filter(|least| found < *least) {
        return mismatch(format!("{what} is less than {}", least.to_string()));
    }
    if let Some(most) = most.filter(|most| found > *most) {
        return mismatch(format!("{what} is more than {}", most.to_string()));
    }
    Ok(())
}

impl Shape {
    /// Reads a shape.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(value: &Value) -> Result<Self, String> {
        if !value.is_object() {
            return Err("a shape is an object".to_owned());
        }
        Self::deserialize(value).map_err(|cause| cause.to_string())
    }

    /// Whether a value looks as it should.
    ///
    /// # Errors
    /// Says where it does not.
    pub fn check(&self, value: &Value) -> Result<(), Mismatch> {
        let fits = match &self.kinds {
            None => true,
            Some(Kinds::One(kind)) => kind.fits(value),
            Some(Kinds::Any(kinds)) => kinds.iter().any(|kind| kind.fits(value)),
        };
        if !fits {
            return mismatch("it is of another type");
        }
        if self
            .values
            .as_ref()
            .is_some_and(|values| !values.contains(value))
        {
            return mismatch("it is none of the values there are");
        }
        match value {
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                bounded("it", number, self.minimum, self.maximum)
            }
            Value::String(text) => {
                let length = text.chars().count();
                bounded("its length", length, self.min_length, self.max_length)
            }
            Value::Array(items) => {
                bounded("its length", items.len(), self.min_items, self.max_items)?;
                let Some(shape) = &self.items else {
                    return Ok(());
                };
                let mut items = items.iter().enumerate();
                items.try_for_each(|(at, item)| within(at, shape.check(item)))
            }
            Value::Object(entries) => self.check_entries(entries),
            Value::Null | Value::Bool(_) => Ok(()),
        }
    }

    fn check_entries(&self, entries: &serde_json::Map<String, Value>) -> Fit {
        let missing = self
            .required
            .iter()
            .find(|name| !entries.contains_key(*name));
        if let Some(name) = missing {
            return within(name, mismatch("it is missing"));
        }
        for (name, entry) in entries {
            match self.properties.get(name) {
                Some(shape) => within(name, shape.check(entry))?,
                None if !self.additional_properties => {
                    return mismatch("it has properties that it should not have");
                }
                None => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape(value: Value) -> Shape {
        Shape::parse(&value).unwrap()
    }

    fn mismatch_of(shape: &Shape, value: Value) -> (String, String) {
        let mismatch = shape.check(&value).unwrap_err();
        (mismatch.path.join("."), mismatch.reason)
    }

    #[test]
    fn a_result_that_fits_is_taken_and_any_other_told_where() {
        let frames = shape(json!({
            "type": "object",
            "required": ["frames"],
            "additionalProperties": false,
            "properties": {
                "frames": {"type": "array", "minItems": 1, "maxItems": 2, "items": {
                    "type": "object", "required": ["asset"], "properties": {
                        "asset": {"type": "string", "minLength": 3, "maxLength": 30},
                        "seconds": {"type": "number", "minimum": 0, "maximum": 60},
                    }}},
                "mood": {"enum": ["calm", "wild", null]},
                "seed": {"type": ["integer", "null"]},
            },
        }));
        let good = json!({"frames": [{"asset": "ast_1", "seconds": 1.5, "more": true}], "mood": null, "seed": 7});
        assert_eq!(frames.check(&good), Ok(()));
        for (value, path, reason) in [
            (json!([]), "", "another type"),
            (json!({}), "frames", "missing"),
            (json!({"frames": []}), "frames", "less than 1"),
            (json!({"frames": [1]}), "frames.0", "another type"),
            (
                json!({"frames": [{"asset": "ast_1"}, {}]}),
                "frames.1.asset",
                "missing",
            ),
            (
                json!({"frames": [{"asset": "a"}]}),
                "frames.0.asset",
                "less than 3",
            ),
            (
                json!({"frames": [{"asset": "ast_1", "seconds": 61}]}),
                "frames.0.seconds",
                "more than 60",
            ),
            (
                json!({"frames": [{"asset": "ast_1"}], "mood": "sad"}),
                "mood",
                "none of the values",
            ),
            (
                json!({"frames": [{"asset": "ast_1"}], "seed": 1.5}),
                "seed",
                "another type",
            ),
            (
                json!({"frames": [{"asset": "ast_1"}], "x": 1}),
                "",
                "should not have",
            ),
        ] {
            let (at, why) = mismatch_of(&frames, value.clone());
            assert!(at == path && why.contains(reason), "{value}: {at}: {why}");
        }
    }

    #[test]
    fn words_that_are_not_checked_are_refused() {
        for wrong in [
            json!(null),
            json!("object"),
            json!({"type": "text"}),
            json!({"pattern": "^a"}),
            json!({"$ref": "http://169.254.169.254/"}),
            json!({"properties": {"a": {"format": "uri"}}}),
            json!({"minLength": -1}),
        ] {
            assert!(Shape::parse(&wrong).is_err(), "{wrong}");
        }
        assert_eq!(shape(json!({})).check(&json!({"any": ["thing"]})), Ok(()));
    }
}
