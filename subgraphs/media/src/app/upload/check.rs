//! What can be judged about an upload before anything happens.

use crate::{
    MediaConfig,
    error::{MediaErrorCode, Refusal},
};

use super::NewUpload;

/// The most characters of a purpose or an idempotency key.
const TEXT: usize = 128;

/// Every reason why the input is not acceptable; the digest in bytes, if there is one.
pub fn check(config: &MediaConfig, input: &NewUpload) -> Result<Option<Vec<u8>>, Vec<Refusal>> {
    let mut refusals = Vec::new();
    refusals.extend(check_filename(&input.filename));
    if !is_mime_type(&input.content_type) {
        refusals.push(Refusal::new(
            MediaErrorCode::ContentTypeInvalid,
            "input.contentType",
        ));
    }
    let max = config.max_upload_bytes;
    if !u64::try_from(input.byte_size).is_ok_and(|size| (1..=max).contains(&size)) {
        refusals
            .push(Refusal::new(MediaErrorCode::ByteSizeInvalid, "input.byteSize").with("max", max));
    }
    for (text, path) in [
        (&input.purpose, "input.purpose"),
        (&input.idempotency_key, "input.idempotencyKey"),
    ] {
        if text.as_ref().is_some_and(|text| {
            text.is_empty() || text.chars().count() > TEXT || text.contains('\0')
        }) {
            refusals.push(Refusal::new(MediaErrorCode::TextInvalid, path).with("max", TEXT));
        }
    }
    let digest = match input.sha256.as_deref().map(parse_digest) {
        Some(None) => {
            refusals.push(Refusal::new(MediaErrorCode::DigestInvalid, "input.sha256"));
            None
        }
        digest => digest.flatten(),
    };
    if refusals.is_empty() {
        Ok(digest)
    } else {
        Err(refusals)
    }
}

/// Why a file name is not acceptable.
pub fn check_filename(name: &str) -> Option<Refusal> {
    let length = name.chars().count();
    let bad = |c: char| {
        c.is_control() || atelier_kit::text::steers_direction(c) || matches!(c, '/' | '\\')
    };
    let refused = !(1..=255).contains(&length)
        || name.trim().is_empty()
        || name.chars().any(bad)
        || matches!(name, "." | "..");
    refused.then(|| Refusal::new(MediaErrorCode::FilenameInvalid, "input.filename"))
}

/// 64 hexadecimal digits as 32 bytes.
pub fn parse_digest(text: &str) -> Option<Vec<u8>> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).ok()?;
    Some(digest.to_vec())
}

/// `type/subtype` in the token characters of RFC 9110 §5.6.2; parameters may follow.
fn is_mime_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    let printable = text.len() <= 255 && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    printable
        && essence
            .split_once('/')
            .is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_cannot_be_paths_or_break_headers() {
        for name in [
            "",
            " ",
            ".",
            "..",
            "a/b",
            "a\\b",
            "a\r\nb",
            &"x".repeat(256),
        ] {
            assert!(check_filename(name).is_some(), "{name:?}");
        }
        for name in ["画册 1.png", "a.b", &"é".repeat(255)] {
            assert!(check_filename(name).is_none(), "{name:?}");
        }
    }

    #[test]
    fn digests_and_types_are_parsed_strictly() {
        assert_eq!(parse_digest(&"0f".repeat(32)), Some(vec![15; 32]));
        for text in [
            "",
            "zz",
            &"0g".repeat(32),
            &"+f".repeat(32),
            &"é".repeat(32),
        ] {
            assert_eq!(parse_digest(text), None, "{text:?}");
        }
        assert!(
            is_mime_type("text/plain; charset=utf-8") && is_mime_type("application/vnd.x+json")
        );
        for text in [
            "",
            "image",
            "image/",
            "/png",
            "image/p ng",
            "image/png\r\nX: y",
            "图/png",
        ] {
            assert!(!is_mime_type(text), "{text:?}");
        }
    }
}
