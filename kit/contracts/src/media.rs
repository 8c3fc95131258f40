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
    /// Where an upload stands.
    pub enum UploadStatus {
        /// Quota and store are being asked.
        Preparing = "PREPARING",
        /// The client may send.
        Open = "OPEN",
        /// The file exists.
        Completed = "COMPLETED",
        /// The client has given it up.
        Aborted = "ABORTED",
        /// It was not completed in time.
        Expired = "EXPIRED",
        /// What was sent is not what was announced.
        Rejected = "REJECTED",
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
        /// An upload has moved on.
        UploadProgressed = "upload.progress" {
            /// Where it stands.
            status: UploadStatus,
        },
        /// An upload has ended.
        UploadClosed = "upload.closed" {
            /// How.
            status: UploadStatus,
        },
    }
}
