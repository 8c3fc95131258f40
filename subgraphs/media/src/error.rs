//! The domain's expected failures.

atelier_kit::user_errors! {
    /// The reason why an operation on a file or an upload was refused.
    pub enum MediaErrorCode;
    /// An expected failure of an operation on a file or an upload.
    pub struct MediaUserError;
    {
        /// The file or upload does not exist, or the caller may not see it.
        NotFound = "NOT_FOUND", 10003, 404, "Not found.", "资源不存在。";
        /// The file name is empty, too long, or contains slashes or control characters.
        FilenameInvalid = "FILENAME_INVALID", 40101, 400, "A file name has 1 to 255 characters, without slashes, control characters and characters that turn its direction.", "文件名须为 1 到 255 个字符，且不含斜杠、控制字符和改变文字方向的字符。";
        /// The content type is not a MIME type.
        ContentTypeInvalid = "CONTENT_TYPE_INVALID", 40102, 400, "The content type is not a MIME type such as image/png.", "内容类型不是有效的 MIME 类型，例如 image/png。";
        /// The size is not positive or exceeds the maximum.
        ByteSizeInvalid = "BYTE_SIZE_INVALID", 40103, 400, "A file has between 1 and {max} bytes.", "文件大小须在 1 到 {max} 字节之间。";
        /// A SHA-256 is not written with 64 hexadecimal digits, is missing, or was given although the upload has none.
        DigestInvalid = "DIGEST_INVALID", 40104, 400, "A SHA-256 is written with 64 hexadecimal digits.", "SHA-256 须为 64 位十六进制数字。";
        /// The storage quota of the caller is too small for the file.
        QuotaExceeded = "QUOTA_EXCEEDED", 30001, 403, "Your storage quota does not suffice for this file.", "存储配额不足，无法上传此文件。";
        /// The idempotency key was used before with other input.
        IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED", 10410, 409, "This idempotency key was used with other input.", "该幂等键已用于其他请求。";
        /// The idempotency key or the purpose is empty or too long.
        TextInvalid = "TEXT_INVALID", 40105, 400, "This text is empty or longer than {max} characters.", "文本为空或超过 {max} 个字符。";
        /// The upload was completed, aborted or rejected, or has expired.
        UploadClosed = "UPLOAD_CLOSED", 40110, 409, "The upload is {status}.", "该上传已关闭（{status}）。";
        /// Another request is completing the upload.
        UploadBusy = "UPLOAD_BUSY", 40111, 409, "The upload is being completed by another request.", "该上传正由另一个请求完成。";
        /// The operation does not fit the strategy of the upload.
        WrongStrategy = "WRONG_STRATEGY", 40112, 400, "This upload does not work this way; its strategy is {strategy}.", "该上传不支持此操作，其方式为 {strategy}。";
        /// Nothing has been sent yet.
        NotUploaded = "NOT_UPLOADED", 40113, 409, "Nothing has been uploaded yet.", "尚未上传任何内容。";
        /// Some parts have not been sent.
        PartsMissing = "PARTS_MISSING", 40114, 409, "{count} parts are missing, the first is number {first}.", "缺少 {count} 个分片，第一个为 {first} 号。";
        /// A part number is out of range or was given twice.
        PartInvalid = "PART_INVALID", 40115, 400, "Part {number} is not a part of this upload, or is named twice.", "分片 {number} 不属于该上传或重复。";
        /// A part has the wrong size.
        PartSizeMismatch = "PART_SIZE_MISMATCH", 40116, 409, "Part {number} has {actual} bytes instead of {expected}.", "分片 {number} 为 {actual} 字节，应为 {expected} 字节。";
        /// The file does not have the announced size.
        SizeMismatch = "SIZE_MISMATCH", 40117, 409, "The uploaded file has {actual} bytes instead of {expected}.", "上传文件为 {actual} 字节，应为 {expected} 字节。";
        /// The content does not match the announced SHA-256.
        ChecksumMismatch = "CHECKSUM_MISMATCH", 40118, 409, "The uploaded bytes do not match the announced SHA-256.", "上传内容与声明的 SHA-256 不符。";
        /// The content does not match the announced MIME type.
        TypeMismatch = "TYPE_MISMATCH", 40119, 409, "The file was announced as {declared} but looks like {detected}.", "文件声明为 {declared}，但内容像是 {detected}。";
        /// The answer to the challenge is wrong.
        ProofRejected = "PROOF_REJECTED", 40120, 403, "The proof of possession is wrong; {left} attempts are left.", "持有证明错误，剩余 {left} 次机会。";
        /// The stored content that was to be reused no longer exists. Send the file instead.
        ContentGone = "CONTENT_GONE", 40121, 409, "The content is no longer there; upload the file.", "内容已不存在，请上传文件。";
        /// The list of IDs or parts is empty or too long.
        ListInvalid = "LIST_INVALID", 40122, 400, "A list has between 1 and {max} items.", "列表须包含 1 到 {max} 项。";
        /// The file is not in the trash; only files in the trash can be purged.
        NotTrashed = "NOT_TRASHED", 40123, 409, "Only files in the trash can be purged.", "只能清除回收站中的文件。";
    }
}

/// Why a mutation of this domain did not do what was asked.
pub type Fail = atelier_kit::error::Fail<MediaErrorCode>;
/// An expected failure of this domain.
pub type Refusal = atelier_kit::error::Refusal<MediaErrorCode>;
