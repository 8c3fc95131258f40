//! What media promises: files, and what happens to them.

use atelier_kit::{
    entity, facts,
    id::{Id, User},
    text_enum,
};

entity!(
    /// A stored file.
    pub Asset, "ast"
);
entity!(
    /// The sending of a file.
    pub Upload, "upl"
);

text_enum! {
    /// The state of an upload.
    pub enum UploadStatus {
        /// The upload could not be opened yet. Create it again with the same idempotency key.
        Preparing = "PREPARING",
        /// The client can send the file.
        Open = "OPEN",
        /// The file was received and exists as an asset.
        Completed = "COMPLETED",
        /// The upload was aborted.
        Aborted = "ABORTED",
        /// The upload was not completed in time.
        Expired = "EXPIRED",
        /// The upload failed verification: what was sent is not what was announced.
        Rejected = "REJECTED",
    }
}

impl UploadStatus {
    /// Whether the upload has ended and never changes again.
    pub const fn is_closed(self) -> bool {
        !matches!(self, Self::Preparing | Self::Open)
    }
}

facts! {
    /// What happens to files.
    pub enum AssetFact in "media" by {
        /// Which file.
        asset: Id<Asset>,
        /// Whose file it is.
        owner: Id<User>,
    } {
        /// A file exists.
        AssetCreated = "asset.created" {},
        /// Everything is known about a file, and its derivatives are there.
        AssetReady = "asset.ready" {},
        /// A file could not be processed; it stays usable as a file.
        AssetProcessingFailed = "asset.processing_failed" {
            /// What went wrong.
            reason: String,
        },
        /// A file is not what was announced, and is not handed out.
        AssetQuarantined = "asset.quarantined" {
            /// What is wrong with it.
            reason: String,
        },
        /// A file was renamed.
        AssetUpdated = "asset.updated" {},
        /// A file was moved to the trash.
        AssetTrashed = "asset.trashed" {},
        /// A file was taken out of the trash.
        AssetRestored = "asset.restored" {},
        /// A file is gone for good.
        AssetPurged = "asset.purged" {},
    }
}

facts! {
    /// What happens to uploads.
    pub enum UploadFact in "media" by {
        /// Which upload.
        upload: Id<Upload>,
        /// Whose upload it is.
        owner: Id<User>,
    } {
        /// Parts of a file were signed, or have arrived.
        UploadProgressed = "upload.progress" {
            /// The upload's state.
            status: UploadStatus,
        },
        /// An upload has ended.
        UploadClosed = "upload.closed" {
            /// How.
            status: UploadStatus,
        },
    }
}
