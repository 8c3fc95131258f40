//! The contract of media: files and uploads.

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
    /// The transfer of a file to the object store.
    pub Upload, "upl"
);

text_enum! {
    /// What kind of file an asset is, judged by its content.
    pub enum AssetKind {
        /// A picture.
        Image = "IMAGE",
        /// A video.
        Video = "VIDEO",
        /// A sound recording or music.
        Audio = "AUDIO",
        /// A text document.
        Document = "DOCUMENT",
        /// An archive that contains other files.
        Archive = "ARCHIVE",
        /// Any other kind of file.
        Other = "OTHER",
    }

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
    /// The facts about files.
    pub enum AssetFact in "media" by {
        /// The file.
        asset: Id<Asset>,
        /// The user who owns the file.
        owner: Id<User>,
    } {
        /// A file was created: its upload was completed.
        AssetCreated = "asset.created" {},
        /// A file was processed: its metadata and derivatives are available.
        AssetReady = "asset.ready" {},
        /// A file could not be processed. It can still be read.
        AssetProcessingFailed = "asset.processing_failed" {
            /// Why it could not be processed.
            reason: String,
        },
        /// A file failed verification and can no longer be read.
        AssetQuarantined = "asset.quarantined" {
            /// Why it was quarantined.
            reason: String,
        },
        /// A file was renamed.
        AssetUpdated = "asset.updated" {},
        /// A file was moved to the trash.
        AssetTrashed = "asset.trashed" {},
        /// A file was taken out of the trash.
        AssetRestored = "asset.restored" {},
        /// A file was deleted for good.
        AssetPurged = "asset.purged" {},
    }
}

facts! {
    /// The facts about uploads.
    pub enum UploadFact in "media" by {
        /// The upload.
        upload: Id<Upload>,
        /// The user who owns the upload.
        owner: Id<User>,
    } {
        /// Parts of a file were signed, or have arrived.
        UploadProgressed = "upload.progress" {
            /// The upload's state.
            status: UploadStatus,
        },
        /// An upload has ended.
        UploadClosed = "upload.closed" {
            /// The upload's final state.
            status: UploadStatus,
        },
    }
}
