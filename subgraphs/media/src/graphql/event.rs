//! What happens to files.

use async_graphql::{SimpleObject, Union};
use atelier_kit::{
    event::Event,
    id::{Asset as AssetEntity, Id},
    page::Cursor,
};
use chrono::{DateTime, Utc};

use super::asset::Asset;
use crate::app::fact::{self, AssetFact};

/// Something that happened to a file.
#[derive(Union)]
pub enum AssetEvent {
    /// A file exists.
    Created(AssetCreated),
    /// A file is ready.
    Ready(AssetReady),
    /// A file could not be processed.
    ProcessingFailed(AssetProcessingFailed),
    /// A file is not handed out.
    Quarantined(AssetQuarantined),
    /// A file was renamed.
    Updated(AssetUpdated),
    /// A file went into the trash.
    Trashed(AssetTrashed),
    /// A file came back from the trash.
    Restored(AssetRestored),
    /// A file is gone for good.
    Purged(AssetPurged),
    /// Events are missing.
    Resync(ResyncRequired),
}

macro_rules! asset_event {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            /// Where the event stands; give it as `after` to resume behind it.
            pub cursor: Cursor,
            /// When it happened.
            pub occurred_at: DateTime<Utc>,
            /// Which file.
            pub asset_id: Id<AssetEntity>,
            $($(#[$field_doc])* pub $field: $ty,)*
        }
    };
}

asset_event!(
    /// A file exists: its upload was completed.
    AssetCreated {
        /// The file as it is now; null if it is gone.
        asset: Option<Asset>,
    }
);
asset_event!(
    /// Derivatives and metadata of a file are there.
    AssetReady {
        /// The file as it is now; null if it is gone.
        asset: Option<Asset>,
    }
);
asset_event!(
    /// A file could not be processed; it stays usable as a file.
    AssetProcessingFailed {
        /// The file as it is now; null if it is gone.
        asset: Option<Asset>,
        /// What is wrong with it.
        reason: String,
    }
);
asset_event!(
    /// A file is not what was announced, and is not handed out.
    AssetQuarantined {
        /// The file as it is now; null if it is gone.
        asset: Option<Asset>,
        /// What is wrong with it.
        reason: String,
    }
);
asset_event!(
    /// A file was renamed.
    AssetUpdated {
        /// The file as it is now; null if it is gone.
        asset: Option<Asset>,
    }
);
asset_event!(
    /// A file went into the trash.
    AssetTrashed {
        /// The file as it is now; null if it is gone.
        asset: Option<Asset>,
    }
);
asset_event!(
    /// A file came back from the trash.
    AssetRestored {
        /// The file as it is now; null if it is gone.
        asset: Option<Asset>,
    }
);
asset_event!(
    /// A file is gone for good.
    AssetPurged {}
);

/// Events are missing here: read the state anew and subscribe again without `after`.
#[derive(SimpleObject)]
#[graphql(shareable)]
pub struct ResyncRequired {
    /// When this was found out.
    pub occurred_at: DateTime<Utc>,
}

impl AssetEvent {
    /// An event with the file as it is now; `None` for topics that are not told.
    pub fn of(
        event: &Event,
        cursor: Cursor,
        fact: AssetFact,
        asset: Option<Asset>,
    ) -> Option<Self> {
        let (occurred_at, asset_id) = (event.occurred_at, fact.asset);
        let reason = fact.reason.unwrap_or_default();
        Some(match event.topic.as_str() {
            fact::ASSET_CREATED => Self::Created(AssetCreated {
                cursor,
                occurred_at,
                asset_id,
                asset,
            }),
            fact::ASSET_READY => Self::Ready(AssetReady {
                cursor,
                occurred_at,
                asset_id,
                asset,
            }),
            fact::ASSET_PROCESSING_FAILED => Self::ProcessingFailed(AssetProcessingFailed {
                cursor,
                occurred_at,
                asset_id,
                asset,
                reason,
            }),
            fact::ASSET_QUARANTINED => Self::Quarantined(AssetQuarantined {
                cursor,
                occurred_at,
                asset_id,
                asset,
                reason,
            }),
            fact::ASSET_UPDATED => Self::Updated(AssetUpdated {
                cursor,
                occurred_at,
                asset_id,
                asset,
            }),
            fact::ASSET_TRASHED => Self::Trashed(AssetTrashed {
                cursor,
                occurred_at,
                asset_id,
                asset,
            }),
            fact::ASSET_RESTORED => Self::Restored(AssetRestored {
                cursor,
                occurred_at,
                asset_id,
                asset,
            }),
            fact::ASSET_PURGED => Self::Purged(AssetPurged {
                cursor,
                occurred_at,
                asset_id,
            }),
            _ => return None,
        })
    }
}
