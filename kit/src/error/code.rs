//! The registry of error codes that every domain shares.

use crate::Locale;

/// Everything that is told about one error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeSpec {
    /// Stable name in `extensions.code` or `UserError.code`.
    pub name: &'static str,
    /// Five-digit number, for clients of the studio's table.
    pub numeric: i32,
    /// Status (RFC 9110) where the failure concerns a whole HTTP request.
    pub http_status: u16,
    /// English message; `{name}` stands for a parameter.
    pub en: &'static str,
    /// Simplified Chinese message.
    pub zh_cn: &'static str,
}

impl CodeSpec {
    /// The message in a language, parameters not yet filled in.
    pub const fn message(&self, locale: Locale) -> &'static str {
        match locale {
            Locale::En => self.en,
            Locale::ZhCn => self.zh_cn,
        }
    }
}

/// Declares an enum of error codes with the [`CodeSpec`] of each.
///
/// `Variant = "NAME", numeric, http status, "English", "中文";` — the name is what clients match on
/// and never changes.
#[macro_export]
macro_rules! error_codes {
    ($(#[$meta:meta])* $vis:vis enum $enum:ident {
        $($(#[$doc:meta])* $variant:ident = $name:literal, $numeric:literal, $http:literal, $en:literal, $zh:literal;)+
    }) => {
        $(#[$meta])*
        $vis enum $enum { $($(#[$doc])* $variant,)+ }

        impl $enum {
            /// Every code, for documentation and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// What is told about this code.
            pub const fn spec(self) -> &'static $crate::error::CodeSpec {
                match self {
                    $(Self::$variant => &$crate::error::CodeSpec {
                        name: $name, numeric: $numeric, http_status: $http, en: $en, zh_cn: $zh,
                    },)+
                }
            }
        }
    };
}

error_codes! {
    /// Codes of top-level errors.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum ErrorCode {
        /// Something broke on our side.
        Internal = "INTERNAL", 10001, 500, "Something went wrong on our side.", "服务器内部错误。";
        /// The request is not acceptable as it is.
        BadUserInput = "BAD_USER_INPUT", 10002, 400, "The request is not valid.", "请求参数错误。";
        /// The thing does not exist, or the caller may not know that it does.
        NotFound = "NOT_FOUND", 10003, 404, "Not found.", "资源不存在。";
        /// Nobody is signed in.
        Unauthenticated = "UNAUTHENTICATED", 20001, 401, "Sign in to continue.", "请先登录。";
        /// The access token has run out.
        TokenExpired = "TOKEN_EXPIRED", 20002, 401, "Your sign-in has expired.", "登录已过期。";
        /// The caller lacks a permission.
        Forbidden = "FORBIDDEN", 20003, 403, "You are not allowed to do this.", "没有权限。";
        /// The account is suspended.
        AccountDisabled = "ACCOUNT_DISABLED", 20004, 403, "This account is disabled.", "账号已被禁用。";
        /// A quota does not suffice.
        QuotaExceeded = "QUOTA_EXCEEDED", 30001, 403, "Your quota does not suffice.", "配额不足。";
        /// Too many requests.
        RateLimited = "RATE_LIMITED", 10429, 429, "Too many requests; try again later.", "请求过于频繁，请稍后再试。";
        /// Somebody changed the thing in the meantime.
        Conflict = "CONFLICT", 10409, 409, "This was changed in the meantime.", "数据已被修改，请刷新后重试。";
        /// A part that the request needs is down.
        Unavailable = "UNAVAILABLE", 10503, 503, "A service that is needed is not available right now.", "服务暂时不可用。";
        /// The request ran into its time limit.
        Timeout = "REQUEST_TIMEOUT", 10504, 504, "This took too long.", "请求超时。";
        /// The object store failed.
        StorageFailed = "STORAGE_FAILED", 40002, 502, "The file storage failed.", "存储服务异常。";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_unique() {
        let names: std::collections::HashSet<_> =
            ErrorCode::ALL.iter().map(|c| c.spec().name).collect();
        let numbers: std::collections::HashSet<_> =
            ErrorCode::ALL.iter().map(|c| c.spec().numeric).collect();
        assert_eq!(
            (names.len(), numbers.len()),
            (ErrorCode::ALL.len(), ErrorCode::ALL.len())
        );
    }
}
