//! The states of rows, kept as text.

use std::io::Write;

use diesel::{
    deserialize::{self, FromSql},
    pg::{Pg, PgValue},
    serialize::{self, IsNull, Output, ToSql},
    sql_types::Text,
};

/// Declares an enum that is kept as text.
macro_rules! text_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
        #[diesel(sql_type = Text)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// As it is kept, and as messages name it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl ToSql<Text, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(self.as_str().as_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl FromSql<Text, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                match value.as_bytes() {
                    $(bytes if bytes == $text.as_bytes() => Ok(Self::$variant),)+
                    other => Err(format!("{:?} is no {}", String::from_utf8_lossy(other), stringify!($name)).into()),
                }
            }
        }
    };
}

text_enum! {
    /// What a file is, by its content.
    Kind {
        /// A picture.
        Image = "image",
        /// A film.
        Video = "video",
        /// Sound.
        Audio = "audio",
        /// Text to read.
        Document = "document",
        /// A container of other files.
        Archive = "archive",
        /// Anything else.
        Other = "other",
    }
}

text_enum! {
    /// Where the processing of a blob stands.
    BlobState {
        /// A worker is to look at it.
        Processing = "processing",
        /// Everything is known that can be.
        Ready = "ready",
        /// It cannot be processed; as a file it is as good as any.
        Failed = "failed",
        /// It is not what was announced, and is not handed out.
        Quarantined = "quarantined",
    }
}

text_enum! {
    /// How the bytes reach the store.
    Strategy {
        /// By one request.
        SinglePut = "single_put",
        /// In parts.
        Multipart = "multipart",
        /// Not at all: they are there already.
        Instant = "instant",
    }
}

text_enum! {
    /// Where an upload stands.
    UploadStatus {
        /// Quota and store are not yet asked, or have not answered.
        Preparing = "preparing",
        /// The client may send.
        Open = "open",
        /// The file is there.
        Completed = "completed",
        /// The client gave up.
        Aborted = "aborted",
        /// It was not completed in time.
        Expired = "expired",
        /// What came is not what was announced.
        Rejected = "rejected",
    }
}

impl UploadStatus {
    /// Whether nothing changes any more.
    pub const fn is_closed(self) -> bool {
        !matches!(self, Self::Preparing | Self::Open)
    }
}

text_enum! {
    /// Where the storage quota of an upload stands in accounts' ledger.
    QuotaState {
        /// Reserved, or about to be.
        Reserved = "reserved",
        /// To be given back when the store takes no more bytes for the upload.
        Held = "held",
        /// To be committed.
        CommitDue = "commit_due",
        /// Counted as used.
        Committed = "committed",
        /// To be given back.
        ReleaseDue = "release_due",
        /// Given back.
        Released = "released",
    }
}

text_enum! {
    /// The format of a derivative.
    Format {
        /// WebP, lossy.
        Webp = "webp",
        /// JPEG, baseline.
        Jpeg = "jpeg",
        /// AVIF.
        Avif = "avif",
    }
}

impl Format {
    /// The MIME type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Webp => "image/webp",
            Self::Jpeg => "image/jpeg",
            Self::Avif => "image/avif",
        }
    }
}
