//! Uploading step by step, with room for what should not be done.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{
    target::{Person, Target, in_time},
    victim::SECRET,
};

pub const CREATE: &str = "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) { \
    upload { id strategy put { method url headers { name value } } } userErrors { code message path } } }";

pub const COMPLETE: &str = "mutation($input: UploadCompleteInput!) { uploadComplete(input: $input) { \
    asset { id status contentType } task { id } userErrors { code message path } } }";

/// A planned upload.
pub struct Plan {
    pub id: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
}

pub async fn plan(person: &Person, name: &str, content_type: &str, size: usize) -> Plan {
    let input = json!({ "filename": name, "contentType": content_type, "byteSize": size });
    let created =
        person.client.run(CREATE, json!({ "input": input })).await["uploadCreate"].clone();
    let upload = &created["upload"];
    let text = |value: &Value| {
        value
            .as_str()
            .unwrap_or_else(|| panic!("{created:#}"))
            .to_owned()
    };
    let headers = upload["put"]["headers"]
        .as_array()
        .unwrap_or_else(|| panic!("{created:#}"));
    Plan {
        id: text(&upload["id"]),
        url: text(&upload["put"]["url"]),
        headers: headers
            .iter()
            .map(|header| (text(&header["name"]), text(&header["value"])))
            .collect(),
    }
}

pub async fn complete(person: &Person, id: &str) -> Value {
    person
        .client
        .send(COMPLETE, json!({ "input": { "uploadId": id } }))
        .await
        .expect("an answer")
}

pub async fn send(
    target: &Target,
    method: Method,
    url: &str,
    headers: &[(String, String)],
    body: Vec<u8>,
) -> Result<Response, reqwest::Error> {
    let mut request = target.client.http.request(method, url).body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    in_time("the store", request.send()).await
}

/// Fails unless the store refuses; it may also close while the body is still being sent.
pub async fn assert_refused(what: &str, sent: Result<Response, reqwest::Error>) {
    if let Ok(response) = sent {
        let status = response.status().as_u16();
        let text = response.text().await.unwrap_or_default();
        assert!(
            (400..500).contains(&status) || status == 501,
            "{what}: {status} {text:.300}"
        );
        assert!(!text.contains(SECRET), "{what}: {text:.300}");
    }
}

/// A URL with one parameter of its query changed; taken away without a value.
pub fn with(url: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = url.split_once('?').expect("a signed URL");
    let mut found = false;
    let mut pairs: Vec<String> = query
        .split('&')
        .filter_map(|pair| {
            let (key, _) = pair.split_once('=').unwrap_or((pair, ""));
            if !key.eq_ignore_ascii_case(name) {
                return Some(pair.to_owned());
            }
            found = true;
            value.map(|value| format!("{key}={value}"))
        })
        .collect();
    if let (false, Some(value)) = (found, value) {
        pairs.push(format!("{name}={value}"));
    }
    format!("{path}?{}", pairs.join("&"))
}

/// The name of the object in a URL, and the URL up to it.
pub fn key(url: &str) -> (&str, &str) {
    let (path, _) = url.split_once('?').expect("a signed URL");
    let (start, _) = path.match_indices('/').nth(3).expect("a bucket and a key");
    (&path[..=start], &path[start + 1..])
}

pub const URL: &str =
    "query($id: ID!, $for: Int!) { asset(id: $id) { url(expiresIn: $for) { url } filename } }";

pub async fn link(person: &Person, asset: &str) -> String {
    let asset = person
        .client
        .run(URL, json!({ "id": asset, "for": 600 }))
        .await["asset"]
        .clone();
    asset["url"]["url"]
        .as_str()
        .unwrap_or_else(|| panic!("{asset:#}"))
        .to_owned()
}
