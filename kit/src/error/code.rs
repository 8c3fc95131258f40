//! The error codes that all domains share.

use crate::Locale;

/// The properties of an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeSpec {
    /// The stable name, as in `extensions.code` or `UserError.code`.
    pub name: &'static str,
    /// The five-digit number.
    pub numeric: i32,
    /// The HTTP status (RFC 9110), where the failure concerns a whole request.
    pub http_status: u16,
    /// The English message; `{name}` stands for a parameter.
    pub en: &'static str,
    /// The Simplified Chinese message.
    pub zh_cn: &'static str,
}

impl CodeSpec {
    /// Returns the message in a language, without its parameters filled in.
    pub const fn message(&self, locale: Locale) -> &'static str {
        match locale {
            Locale::En => self.en,
            Locale::ZhCn => self.zh_cn,
        }
    }
}

/// Declares an enum of error codes with the [`CodeSpec`] of each.
///
/// `Variant = "NAME", number, HTTP status, "English", "中文";` where the name is what clients match
/// on, so it never changes.
#[macro_export]
macro_rules! error_codes {
    ($(#[$meta:meta])* $vis:vis enum $enum:ident {
        $($(#[$doc:meta])* $variant:ident = $name:literal, $numeric:literal, $http:literal, $en:literal, $zh:literal;)+
    }) => {
        $(#[$meta])*
        $vis enum $enum { $($(#[$doc])* $variant,)+ }

        impl $enum {
            /// All codes, for documentation and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the properties of this code.
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
    /// The codes of top-level errors.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum ErrorCode {
        /// The server failed.
        Internal = "INTERNAL", 10001, 500, "Something went wrong on our side.", "服务器内部错误。";
        /// The request is not valid.
        BadUserInput = "BAD_USER_INPUT", 10002, 400, "The request is not valid.", "请求参数错误。";
        /// The object does not exist, or the caller may not know that it does.
        NotFound = "NOT_FOUND", 10003, 404, "Not found.", "资源不存在。";
        /// The caller is not signed in.
        Unauthenticated = "UNAUTHENTICATED", 20001, 401, "Sign in to continue.", "请先登录。";
        /// The access token has expired.
        TokenExpired = "TOKEN_EXPIRED", 20002, 401, "Your session has expired. Sign in again.", "登录已过期。";
        /// The caller lacks a permission.
        Forbidden = "FORBIDDEN", 20003, 403, "You are not allowed to do this.", "没有权限。";
        /// The account is suspended or deleted.
        AccountDisabled = "ACCOUNT_DISABLED", 20004, 403, "This account is disabled.", "账号已被禁用。";
        /// A quota is used up.
        QuotaExceeded = "QUOTA_EXCEEDED", 30001, 403, "Your quota is used up.", "配额不足。";
        /// Too many requests.
        RateLimited = "RATE_LIMITED", 10429, 429, "Too many requests. Try again later.", "请求过于频繁，请稍后再试。";
        /// The object was changed in the meantime.
        Conflict = "CONFLICT", 10409, 409, "This has been changed in the meantime. Reload it and try again.", "数据已被修改，请刷新后重试。";
        /// A service that the request needs is down.
        Unavailable = "UNAVAILABLE", 10503, 503, "This service is unavailable at the moment. Try again later.", "服务暂时不可用。";
        /// The request exceeded its time limit.
        Timeout = "REQUEST_TIMEOUT", 10504, 504, "The request took too long.", "请求超时。";
        /// The object store failed.
        StorageFailed = "STORAGE_FAILED", 40002, 502, "The file storage failed. Try again later.", "存储服务异常。";
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
