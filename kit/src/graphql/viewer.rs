//! The caller's own part of each domain.

use super::directive::authenticated;
use crate::id::{Id, User};

/// Whom a `Viewer` is.
pub struct ViewerId(pub Id<User>);

/// What every domain's `Viewer` has.
#[async_graphql::Object]
impl ViewerId {
    /// The account's id.
    #[graphql(directive = authenticated::apply())]
    async fn id(&self) -> Id<User> {
        self.0
    }
}

/// Declares `Viewer`, the type that every domain adds its own part to, from objects with the domain's
/// fields, and `ViewerQuery`, the part of `Query` by which the router finds it.
///
/// The objects are unit structs; their fields ask [`actor`](super::actor) who the caller is.
///
/// ```ignore
/// /// The caller's lamps.
/// #[derive(Default)]
/// pub struct LampsOfViewer;
///
/// #[atelier_kit::object]
/// impl LampsOfViewer { … }
///
/// atelier_kit::viewer!(LampsOfViewer, SwitchesOfViewer);
/// ```
#[macro_export]
macro_rules! viewer {
    ($($fields:ident),+ $(,)?) => {
        /// The signed-in caller, and what only they may see. For nobody there is none.
        // The rule is on the fields and not on the type: who asks for the caller and is nobody gets null
        // and no error.
        #[derive(::async_graphql::MergedObject)]
        pub struct Viewer($crate::graphql::ViewerId, $($fields),+);

        impl Viewer {
            /// The caller, if somebody is signed in.
            pub fn of(ctx: &::async_graphql::Context<'_>) -> Option<Self> {
                let user = $crate::graphql::actor(ctx).user_id()?;
                Some(Self($crate::graphql::ViewerId(user), $($fields),+))
            }
        }

        /// How the caller is found.
        #[derive(Default)]
        pub struct ViewerQuery;

        #[::async_graphql::Object]
        impl ViewerQuery {
            /// Returns the signed-in caller; null if nobody is signed in.
            #[graphql(shareable, tag = "public")]
            async fn viewer(&self, ctx: &::async_graphql::Context<'_>) -> Option<Viewer> {
                Viewer::of(ctx)
            }

            /// The caller, for the router: nobody else's.
            #[graphql(entity)]
            async fn find_viewer_by_id(
                &self,
                ctx: &::async_graphql::Context<'_>,
                id: $crate::id::Id<$crate::id::User>,
            ) -> Option<Viewer> {
                Viewer::of(ctx).filter(|_| $crate::graphql::actor(ctx).user_id() == Some(id))
            }
        }
    };
}
