//! The type `Viewer`: what each domain knows of the caller.

use super::directive::authenticated;
use crate::id::{Id, User};

/// The fields of `Viewer` that every domain has.
pub struct ViewerId(pub Id<User>);

/// The fields of `Viewer` that every domain has.
#[async_graphql::Object]
impl ViewerId {
    /// The id of the caller's account.
    #[graphql(directive = authenticated::apply())]
    async fn id(&self) -> Id<User> {
        self.0
    }
}

/// Declares the type `Viewer`, to which every domain adds fields, from objects with the domain's
/// fields; and `ViewerQuery`, the part of `Query` that leads to it.
///
/// The objects are unit structs whose fields get the caller from [`actor`](super::actor).
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
        /// The signed-in caller, with everything that is theirs alone.
        // The rule is on the fields and not on the type, so that anonymous callers get null and no
        // error.
        #[derive(::async_graphql::MergedObject)]
        pub struct Viewer($crate::graphql::ViewerId, $($fields),+);

        impl Viewer {
            /// Returns the caller, if somebody is signed in.
            pub fn of(ctx: &::async_graphql::Context<'_>) -> Option<Self> {
                let user = $crate::graphql::actor(ctx).user_id()?;
                Some(Self($crate::graphql::ViewerId(user), $($fields),+))
            }
        }

        /// The fields of `Query` about the caller.
        #[derive(Default)]
        pub struct ViewerQuery;

        #[::async_graphql::Object]
        impl ViewerQuery {
            /// Returns the signed-in caller; null if nobody is signed in.
            #[graphql(shareable, tag = "public")]
            async fn viewer(&self, ctx: &::async_graphql::Context<'_>) -> Option<Viewer> {
                Viewer::of(ctx)
            }

            /// The caller by id, for the router.
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
