//! Putting answers in pieces together, as clients do; what the formats forbid is
//! a failure.

use std::collections::HashMap;

use serde_json::Value;

/// Pieces that name their path (`deferSpec=20220824`).
pub fn by_path(messages: &[Value]) -> Result<Value, String> {
    let mut data = messages[0]["data"].clone();
    for message in messages {
        no_errors(message)?;
        for piece in entries(message, "incremental") {
            no_errors(piece)?;
            merge(walk(&mut data, &piece["path"])?, &piece["data"]);
        }
    }
    Ok(data)
}

/// Pieces that are announced and completed (`incrementalSpec=v0.2`). No field may
/// come twice.
pub fn by_id(messages: &[Value]) -> Result<Value, String> {
    let mut data = messages[0]["data"].clone();
    let mut pending: HashMap<String, Value> = HashMap::new();
    for (at, message) in messages.iter().enumerate() {
        no_errors(message)?;
        for entry in entries(message, "pending") {
            if pending.insert(id(entry), entry["path"].clone()).is_some() {
                return Err(format!("  announced twice: {entry}"));
            }
        }
        for piece in entries(message, "incremental") {
            no_errors(piece)?;
            let path = pending
                .get(&id(piece))
                .ok_or_else(|| format!("  not announced: {piece}"))?;
            let object = walk(&mut data, path)?;
            add(walk(object, &piece["subPath"])?, &piece["data"])?;
        }
        for entry in entries(message, "completed") {
            no_errors(entry)?;
            if pending.remove(&id(entry)).is_none() {
                return Err(format!("  not announced: {entry}"));
            }
        }
        let has_next = message.get("hasNext") == Some(&Value::Bool(true));
        if has_next == (at + 1 == messages.len()) || has_next == pending.is_empty() {
            return Err(format!("  hasNext: {message}"));
        }
    }
    Ok(data)
}

fn entries<'a>(message: &'a Value, key: &str) -> &'a [Value] {
    message[key].as_array().map_or(&[], Vec::as_slice)
}

fn id(entry: &Value) -> String {
    entry["id"].as_str().unwrap_or_default().to_owned()
}

fn no_errors(of: &Value) -> Result<(), String> {
    match of.get("errors") {
        Some(errors) => Err(format!("  errors {errors}")),
        None => Ok(()),
    }
}

fn walk<'a>(mut at: &'a mut Value, path: &Value) -> Result<&'a mut Value, String> {
    for step in path.as_array().map_or(&[][..], Vec::as_slice) {
        let next = match step {
            Value::String(key) => at.get_mut(key.as_str()),
            step => at.get_mut(step.as_u64().map_or(usize::MAX, |at| at as usize)),
        };
        at = next.ok_or_else(|| format!("  nothing is at {path}"))?;
    }
    Ok(at)
}

fn add(into: &mut Value, from: &Value) -> Result<(), String> {
    let (Value::Object(into), Value::Object(from)) = (into, from) else {
        return Err(format!("  not for an object: {from}"));
    };
    for (key, value) in from {
        if into.insert(key.clone(), value.clone()).is_some() {
            return Err(format!("  {key} comes twice"));
        }
    }
    Ok(())
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.as_str()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) if into.len() == from.len() => {
            into.iter_mut().zip(from).for_each(|(a, b)| merge(a, b));
        }
        (into, from) => *into = from.clone(),
    }
}
