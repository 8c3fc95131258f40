//! The attribute macros of `atelier-kit`, which re-exports them.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{
    Error, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Pat, PatType, Type, parse_macro_input,
    parse_quote,
};

/// async-graphql's `#[Object]`, in which a parameter of type `PageArgs` stands for the four arguments
/// of a Relay connection (`first`, `after`, `last`, `before`) and for whether the total is asked for.
///
/// The method must also take the `&Context`.
///
/// ```ignore
/// #[atelier_kit::object]
/// impl Viewer {
///     /// The caller's access tokens, newest first.
///     async fn access_tokens(&self, ctx: &Context<'_>, page: PageArgs) -> Result<Connection<AccessToken>> {
///         Ok(access_token::page(accounts(ctx), actor(ctx), &page).await?.connection(AccessToken))
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn object(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut item = parse_macro_input!(item as ItemImpl);
    let arguments = Tokens::from(arguments);
    for method in methods(&mut item) {
        if let Err(error) = expand(method) {
            return error.to_compile_error().into();
        }
    }
    quote! {
        #[::async_graphql::Object(#arguments)]
        #item
    }
    .into()
}

fn methods(item: &mut ItemImpl) -> impl Iterator<Item = &mut ImplItemFn> {
    item.items.iter_mut().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method),
        _ => None,
    })
}

/// Replaces the `PageArgs` of a method with the four arguments.
fn expand(method: &mut ImplItemFn) -> syn::Result<()> {
    let Some(at) = method
        .sig
        .inputs
        .iter()
        .position(|input| is_named(input, "PageArgs"))
    else {
        return Ok(());
    };
    let page = name(&method.sig.inputs[at])?;
    // Written as in the source, so that its import is used.
    let page_type = plain_type(&method.sig.inputs[at]).cloned();
    let context = method
        .sig
        .inputs
        .iter()
        .find(|input| is_named(input, "Context"))
        .ok_or_else(|| {
            Error::new_spanned(
                &method.sig,
                "a method with `PageArgs` takes the `&Context<'_>` too",
            )
        })?;
    let context = name(context)?;
    let arguments: [FnArg; 4] = [
        parse_quote!(#[graphql(desc = "The number of items to return from the start of the list: at most 100, and 20 by default. Cannot be combined with `last`.")] first: Option<i32>),
        parse_quote!(#[graphql(desc = "Returns only items after this cursor.")] after: Option<::atelier_kit::page::Cursor>),
        parse_quote!(#[graphql(desc = "The number of items to return from the end of the list, at most 100. Cannot be combined with `first`.")] last: Option<i32>),
        parse_quote!(#[graphql(desc = "Returns only items before this cursor.")] before: Option<::atelier_kit::page::Cursor>),
    ];
    method
        .attrs
        .push(parse_quote!(#[allow(clippy::too_many_arguments, reason = "the arguments of a connection")]));
    let inputs = std::mem::take(&mut method.sig.inputs);
    for (index, input) in inputs.into_iter().enumerate() {
        if index == at {
            method.sig.inputs.extend(arguments.clone());
        } else {
            method.sig.inputs.push(input);
        }
    }
    method.block.stmts.insert(
        0,
        parse_quote! {
            let #page = #page_type {
                first,
                after,
                last,
                before,
                total: ::atelier_kit::page::wants_total(#context),
            };
        },
    );
    Ok(())
}

/// A parameter's type, without references.
fn plain_type(input: &FnArg) -> Option<&Type> {
    let FnArg::Typed(PatType { ty, .. }) = input else {
        return None;
    };
    let mut ty = &**ty;
    while let Type::Reference(reference) = ty {
        ty = &reference.elem;
    }
    Some(ty)
}

/// Whether a parameter's type is `name`, or a reference to it.
fn is_named(input: &FnArg, name: &str) -> bool {
    matches!(plain_type(input), Some(Type::Path(path)) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

fn name(input: &FnArg) -> syn::Result<Ident> {
    match input {
        FnArg::Typed(PatType { pat, .. }) => match &**pat {
            Pat::Ident(ident) => Ok(ident.ident.clone()),
            other => Err(Error::new_spanned(other, "give the parameter a plain name")),
        },
        FnArg::Receiver(receiver) => Err(Error::new_spanned(receiver, "not a parameter")),
    }
}
