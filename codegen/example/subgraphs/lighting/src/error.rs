//! The domain's expected failures.

atelier_kit::user_errors! {
    /// Why an operation of this domain is refused.
    pub enum LightingErrorCode;
    /// An expected failure of an operation of this domain.
    pub struct LightingUserError;
    {
        /// There is no such thing, or the caller may not know of it.
        NotFound = "NOT_FOUND", 10003, 404, "Not found.", "资源不存在。";
        /// The name is empty or too long.
        NameInvalid = "NAME_INVALID", 10002, 400, "A name has 1 to {max} characters.", "名称须为 1 到 {max} 个字符。";
    }
}

/// The outcome of an operation that can be refused.
pub type Outcome<T> = Result<T, atelier_kit::error::Fail<LightingErrorCode>>;
