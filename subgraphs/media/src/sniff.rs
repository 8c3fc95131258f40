//! What a file is by its first bytes, and whether that agrees with what was announced.
//!
//! Signatures follow the WHATWG MIME Sniffing Standard and the formats' own specifications.

use crate::kinds::AssetKind;

/// How many bytes of a file [`detect`] looks at.
pub const SNIFFED_BYTES: u64 = 4096;

/// What is announced for a file of which the client knows nothing.
pub const UNKNOWN: &str = "application/octet-stream";

/// Signatures at the start of a file.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "application/ogg"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"MThd", "audio/midi"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\x7fELF", "application/x-elf"),
];

/// Markup by which browsers would take a file for a page.
const MARKUP: &[&str] = &[
    "<!doctype html",
    "<html",
    "<head",
    "<body",
    "<script",
    "<iframe",
    "<style",
    "<table",
    "<h1",
    "<div",
];

/// The MIME type of a file that begins with `head`; `None` if nothing can be told.
pub fn detect(head: &[u8]) -> Option<&'static str> {
    if let Some((_, found)) = SIGNATURES
        .iter()
        .find(|(signature, _)| head.starts_with(signature))
    {
        return Some(found);
    }
    container(head)
        .or_else(|| mpeg_audio(head))
        .or_else(|| text(head))
}

/// RIFF (WebP, WAVE, AVI) and ISO base media files (MP4, QuickTime, AVIF, HEIC).
fn container(head: &[u8]) -> Option<&'static str> {
    let (tag, brand) = (head.get(4..8)?, head.get(8..12)?);
    if head.starts_with(b"RIFF") {
        return match brand {
            b"WEBP" => Some("image/webp"),
            b"WAVE" => Some("audio/wav"),
            b"AVI " => Some("video/x-msvideo"),
            _ => None,
        };
    }
    if tag != b"ftyp" {
        return None;
    }
    Some(match brand {
        b"avif" | b"avis" => "image/avif",
        b"heic" | b"heix" | b"mif1" | b"msf1" => "image/heic",
        b"qt  " => "video/quicktime",
        b"M4A " | b"M4B " => "audio/mp4",
        _ => "video/mp4",
    })
}

/// MPEG audio without tags: frame sync, a version, a layer, a bit rate.
fn mpeg_audio(head: &[u8]) -> Option<&'static str> {
    let [first, second, third, ..] = head else {
        return None;
    };
    let sync = *first == 0xff && second & 0xe0 == 0xe0;
    let sound = second & 0x18 != 0x08 && second & 0x06 != 0 && third & 0xf0 != 0xf0;
    (sync && sound).then_some("audio/mpeg")
}

fn text(head: &[u8]) -> Option<&'static str> {
    // A character may be cut at the end of what is looked at.
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return None,
    };
    if valid
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c' | '\x1b'))
    {
        return None;
    }
    let start: String = valid
        .trim_start_matches('\u{feff}')
        .trim_start()
        .chars()
        .take(512)
        .collect::<String>()
        .to_ascii_lowercase();
    if MARKUP.iter().any(|tag| start.starts_with(tag))
        || (start.starts_with("<!--") && MARKUP.iter().any(|tag| start.contains(tag)))
    {
        return Some("text/html");
    }
    if start.starts_with("<svg") || (start.starts_with("<?xml") && start.contains("<svg")) {
        return Some("image/svg+xml");
    }
    if start.starts_with("<?xml") {
        return Some("application/xml");
    }
    Some("text/plain")
}

/// The type under which a file is kept: what was announced, if the bytes do not contradict it.
///
/// # Errors
/// What the bytes look like instead.
pub fn reconcile(announced: &str, detected: Option<&'static str>) -> Result<String, &'static str> {
    let essence = announced
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let Some(detected) = detected else {
        // Formats with a signature would have been recognised.
        return if has_signature(&essence) || is_textual(&essence) {
            Err(UNKNOWN)
        } else {
            Ok(essence)
        };
    };
    if essence == UNKNOWN {
        // Never raised to something that a browser would run.
        return Ok(
            if matches!(detected, "text/html" | "image/svg+xml" | "application/xml") {
                UNKNOWN
            } else {
                detected
            }
            .to_owned(),
        );
    }
    if agrees(&essence, detected) {
        Ok(essence)
    } else {
        Err(detected)
    }
}

fn agrees(announced: &str, detected: &str) -> bool {
    if announced == detected {
        return true;
    }
    match detected {
        "text/plain" => {
            is_textual(announced) && announced != "text/html"
                || !has_signature(announced) && announced.starts_with("application/")
        }
        // Pages and drawings may be announced as the text that they are, never as something else.
        "text/html" => matches!(
            announced,
            "text/plain" | "text/markdown" | "application/xhtml+xml"
        ),
        "image/svg+xml" => matches!(announced, "text/plain" | "application/xml" | "text/xml"),
        "application/xml" => is_textual(announced) && announced != "text/html",
        "application/zip" => {
            matches!(
                announced,
                "application/x-zip-compressed"
                    | "application/java-archive"
                    | "application/epub+zip"
            ) || announced.starts_with("application/vnd.")
        }
        "application/gzip" => matches!(
            announced,
            "application/x-gzip" | "application/x-tar+gzip" | "application/x-compressed-tar"
        ),
        "application/ogg" => matches!(announced, "audio/ogg" | "video/ogg" | "audio/opus"),
        "video/webm" => matches!(
            announced,
            "audio/webm" | "video/x-matroska" | "audio/x-matroska" | "video/matroska"
        ),
        "video/mp4" => matches!(
            announced,
            "audio/mp4" | "audio/x-m4a" | "video/quicktime" | "video/x-m4v" | "video/3gpp"
        ),
        "video/quicktime" => announced == "video/mp4",
        "audio/mp4" => matches!(announced, "audio/x-m4a" | "audio/m4a" | "video/mp4"),
        "image/heic" => announced == "image/heif",
        "audio/wav" => matches!(announced, "audio/x-wav" | "audio/wave" | "audio/vnd.wave"),
        "audio/mpeg" => announced == "audio/mp3",
        "audio/flac" => announced == "audio/x-flac",
        "image/jpeg" => announced == "image/jpg",
        "image/bmp" => announced == "image/x-ms-bmp",
        "image/tiff" => announced.starts_with("image/x-"),
        "application/vnd.rar" => announced == "application/x-rar-compressed",
        _ => false,
    }
}

fn has_signature(essence: &str) -> bool {
    SIGNATURES.iter().any(|(_, found)| *found == essence)
        || matches!(
            essence,
            "image/webp"
                | "audio/wav"
                | "image/avif"
                | "image/heic"
                | "video/mp4"
                | "video/quicktime"
                | "audio/mp4"
                | "image/jpg"
                | "image/svg+xml"
        )
}

fn is_textual(essence: &str) -> bool {
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml") && essence != "image/svg+xml"
        || matches!(
            essence,
            "application/json"
                | "application/xml"
                | "application/javascript"
                | "application/yaml"
                | "application/toml"
        )
}

/// What kind of file a MIME type stands for.
pub fn kind_of(content_type: &str) -> AssetKind {
    match content_type.split_once('/') {
        Some(("image", _)) => AssetKind::Image,
        Some(("video", _)) => AssetKind::Video,
        Some(("audio", _)) => AssetKind::Audio,
        Some(("text", _)) => AssetKind::Document,
        Some(("application", rest)) => match rest {
            "pdf" | "json" | "xml" | "epub+zip" | "msword" | "rtf" => AssetKind::Document,
            "ogg" => AssetKind::Audio,
            "zip" | "gzip" | "x-gzip" | "x-7z-compressed" | "vnd.rar" | "x-tar" | "zstd"
            | "x-xz" | "java-archive" => AssetKind::Archive,
            rest if rest.starts_with("vnd.openxmlformats")
                || rest.starts_with("vnd.oasis")
                || rest.starts_with("vnd.ms-") =>
            {
                AssetKind::Document
            }
            _ => AssetKind::Other,
        },
        _ => AssetKind::Other,
    }
}

/// Whether thumbnails can be made of files of this type.
pub fn is_decodable_image(content_type: &str) -> bool {
    matches!(
        content_type,
        "image/png" | "image/jpeg" | "image/jpg" | "image/gif" | "image/webp"
    )
}

/// Types that a browser shows without running anything in them. A list of what is known, because the
/// kind alone says little: `image/svg+xml` and whatever else ends in `+xml` can hold scripts.
const SAFE_INLINE: &[&str] = &[
    "application/pdf",
    "audio/aac",
    "audio/flac",
    "audio/m4a",
    "audio/mp3",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/wav",
    "audio/wave",
    "audio/webm",
    "audio/x-flac",
    "audio/x-m4a",
    "audio/x-wav",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/heic",
    "image/heif",
    "image/jpeg",
    "image/jpg",
    "image/png",
    "image/tiff",
    "image/webp",
    "text/plain",
    "video/mp4",
    "video/ogg",
    "video/quicktime",
    "video/webm",
    "video/x-m4v",
    "video/x-matroska",
];

/// Whether a browser may show files of this type in place: nothing that can run scripts.
pub fn is_safe_inline(content_type: &str) -> bool {
    SAFE_INLINE.contains(&content_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_announced_as_a_picture_is_found_out() {
        let page = detect(b"\n <!DOCTYPE html><script>alert(1)</script>");
        assert_eq!(page, Some("text/html"));
        assert_eq!(reconcile("image/png", page), Err("text/html"));
        assert_eq!(reconcile("text/html", page), Ok("text/html".to_owned()));
        assert_eq!(
            reconcile(UNKNOWN, page),
            Ok(UNKNOWN.to_owned()),
            "never raised to a page"
        );
    }

    #[test]
    fn formats_are_recognised_by_their_signatures() {
        for (head, expected) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], "image/png"),
            (b"\xff\xd8\xff\xe0....", "image/jpeg"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
            (b"\0\0\0\x20ftypavif....", "image/avif"),
            (b"\0\0\0\x20ftypisom....", "video/mp4"),
            (b"\xff\xfb\x90\x64", "audio/mpeg"),
            (b"%PDF-1.7", "application/pdf"),
            (
                "<?xml version=\"1.0\"?>\n<svg xmlns=".as_bytes(),
                "image/svg+xml",
            ),
            ("早上好".as_bytes(), "text/plain"),
            (&"早上好".as_bytes()[..7], "text/plain"),
        ] {
            assert_eq!(detect(head), Some(expected), "{head:?}");
        }
        assert_eq!(detect(&[0, 1, 2, 3, 0xfe]), None);
    }

    #[test]
    fn what_is_announced_must_agree_with_the_bytes() {
        assert_eq!(
            reconcile("image/jpeg; q=1", Some("image/png")),
            Err("image/png")
        );
        assert_eq!(reconcile("image/png", None), Err(UNKNOWN));
        assert_eq!(
            reconcile(
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                Some("application/zip")
            )
            .as_deref(),
            Ok("application/vnd.openxmlformats-officedocument.wordprocessingml.document")
        );
        assert_eq!(
            reconcile("text/csv", Some("text/plain")).as_deref(),
            Ok("text/csv")
        );
        assert_eq!(
            reconcile("application/json", Some("text/plain")).as_deref(),
            Ok("application/json")
        );
        assert_eq!(
            reconcile("image/png", Some("text/plain")),
            Err("text/plain")
        );
        assert_eq!(
            reconcile(UNKNOWN, Some("image/png")).as_deref(),
            Ok("image/png")
        );
        assert_eq!(
            reconcile("model/gltf-binary", None).as_deref(),
            Ok("model/gltf-binary")
        );
    }

    #[test]
    fn files_that_can_run_scripts_are_never_shown_in_place() {
        for content_type in [
            "text/html",
            "image/svg+xml",
            "application/xml",
            "application/xhtml+xml",
            "image/x+xml",
            "video/anything+xml",
            "audio/xml",
            "image/made-up",
            UNKNOWN,
        ] {
            assert!(!is_safe_inline(content_type), "{content_type}");
        }
        assert!(is_safe_inline("image/png") && is_safe_inline("video/mp4"));
    }
}
