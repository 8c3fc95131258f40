//! Sending files, and reading them.

use atelier_kit::{actor::Actor, id::Id};
use serde_json::{Value, json};

use super::World;

impl World {
    /// Creates an upload and gives it.
    pub async fn create(&self, actor: &Actor, input: Value) -> Value {
        let fields = "upload { id status strategy partSize partCount put { method url headers { name value } expiresAt } \
                      challenge { nonce ranges { offset length } } expiresAt }";
        let mut payload = self.mutate(actor, "uploadCreate", fields, input).await;
        assert_eq!(payload["userErrors"], json!([]));
        payload["upload"].take()
    }

    /// Sends bytes with a signed request, and gives the status.
    pub async fn send(&self, request: &Value, bytes: impl Into<reqwest::Body>) -> u16 {
        let method = request["method"].as_str().unwrap().parse().unwrap();
        let mut sent = self
            .http
            .request(method, request["url"].as_str().unwrap())
            .body(bytes);
        for header in request["headers"].as_array().unwrap() {
            let name = header["name"].as_str().unwrap();
            if !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("host") {
                sent = sent.header(name, header["value"].as_str().unwrap());
            }
        }
        sent.send().await.unwrap().status().as_u16()
    }

    /// Uploads a file in one piece and gives the payload of its completion.
    pub async fn upload(
        &self,
        actor: &Actor,
        filename: &str,
        content_type: &str,
        bytes: &[u8],
    ) -> Value {
        let input =
            json!({ "filename": filename, "contentType": content_type, "byteSize": bytes.len() });
        let upload = self.create(actor, input).await;
        assert_eq!(self.send(&upload["put"], bytes.to_vec()).await, 200);
        self.complete(actor, &upload["id"]).await
    }

    /// Completes an upload and gives the payload.
    pub async fn complete(&self, actor: &Actor, upload: &Value) -> Value {
        self.mutate(
            actor,
            "uploadComplete",
            "upload { id status } asset { id status filename sha256 } task { id }",
            json!({ "uploadId": upload }),
        )
        .await
    }

    /// A request for the only part of an upload that was signed for another length.
    pub async fn sign_length(&self, upload: &Value, length: usize) -> Value {
        let key = stored_at(&upload["id"]);
        let pending = self.storage.list_multiparts(&key).await.unwrap();
        let signed = self
            .storage
            .presign_upload_part(
                &key,
                &pending[0].upload_id,
                1,
                length as u64,
                None,
                std::time::Duration::from_secs(60),
            )
            .await
            .unwrap();
        let headers: Vec<_> = signed
            .headers
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        json!({ "method": signed.method, "url": signed.url, "headers": headers })
    }

    /// The bytes and content disposition under a URL, with the status.
    pub async fn fetch(&self, url: &Value) -> (u16, String, Vec<u8>) {
        let answer = self.http.get(url.as_str().unwrap()).send().await.unwrap();
        let disposition = answer
            .headers()
            .get("content-disposition")
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default();
        (
            answer.status().as_u16(),
            disposition,
            answer.bytes().await.unwrap().to_vec(),
        )
    }
}

/// Where in the store an upload's bytes are kept.
pub fn stored_at(upload: &Value) -> String {
    let id: Id<atelier_media::Upload> = upload.as_str().unwrap().parse().unwrap();
    format!("blobs/{}", id.uuid().simple())
}

/// The SHA-256 of bytes in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Bytes that look like no format, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(length)
    .collect();
    // Neither text nor any signature.
    bytes[..4].copy_from_slice(&[0, 1, 2, 0xfe]);
    bytes
}
