//! Expected failures of this domain's mutations.

atelier_kit::user_errors! {
    /// Why an operation on an account is refused.
    pub enum AccountsErrorCode;
    /// An expected failure of an operation on an account.
    pub struct AccountsUserError;
    {
        /// The name breaks the rules for names.
        UsernameInvalid = "USERNAME_INVALID", 21001, 400, "A username has 2 to 30 letters, digits, dots, dashes or underscores of one script.", "用户名须为 2 到 30 个同一文字体系的字母、数字、点、连字符或下划线。";
        /// The name is kept for the installation itself.
        UsernameReserved = "USERNAME_RESERVED", 21002, 400, "This username is reserved.", "该用户名为保留名称。";
        /// That is no email address.
        EmailInvalid = "EMAIL_INVALID", 21003, 400, "This is not an email address.", "邮箱地址格式不正确。";
        /// The username or the email address belongs to somebody; it is not told which.
        IdentityTaken = "IDENTITY_TAKEN", 21004, 409, "This username or email address cannot be used.", "该用户名或邮箱不可用。";
        /// The password is too easy to guess.
        WeakPassword = "WEAK_PASSWORD", 21005, 400, "A password has 8 to 256 characters and is not easy to guess.", "密码须为 8 到 256 个字符，且不能容易被猜到。";
        /// No such account, or another password: it is not told which.
        InvalidCredentials = "INVALID_CREDENTIALS", 21006, 401, "The name or the password is wrong.", "用户名或密码错误。";
        /// Too many attempts.
        TooManyAttempts = "TOO_MANY_ATTEMPTS", 21007, 429, "Too many attempts; try again in {retryAfterSeconds} seconds.", "尝试次数过多，请在 {retryAfterSeconds} 秒后重试。";
        /// The account is suspended or deleted.
        AccountDisabled = "ACCOUNT_DISABLED", 20004, 403, "This account is disabled.", "账号已被禁用。";
        /// The refresh token is unknown or has run out.
        RefreshInvalid = "REFRESH_INVALID", 21008, 401, "This sign-in has ended; sign in again.", "登录已失效，请重新登录。";
        /// The refresh token was used before: the sign-in was ended, for it may have been stolen.
        RefreshReused = "REFRESH_REUSED", 21009, 401, "This sign-in was ended because its token was used twice; sign in again.", "刷新令牌被重复使用，登录已终止，请重新登录。";
        /// The text is longer than it may be.
        TooLong = "TOO_LONG", 21010, 400, "At most {max} characters.", "最多 {max} 个字符。";
        /// The field must not be empty.
        Required = "REQUIRED", 21011, 400, "This must not be empty.", "不能为空。";
        /// There is no such thing, or it is not the caller's.
        NotFound = "NOT_FOUND", 10003, 404, "Not found.", "资源不存在。";
        /// The time is past.
        InThePast = "IN_THE_PAST", 21012, 400, "This time is past.", "时间不能早于现在。";
        /// The operation would shut the caller out.
        NotOnYourself = "NOT_ON_YOURSELF", 21013, 409, "You cannot do this to your own account.", "不能对自己的账号执行此操作。";
        /// The account is not waiting to be deleted.
        NotPendingDeletion = "NOT_PENDING_DELETION", 21014, 409, "This account is not about to be deleted.", "该账号未处于待删除状态。";
        /// A scope is not written as scopes are.
        ScopeInvalid = "SCOPE_INVALID", 21015, 400, "{scope} is not a scope.", "{scope} 不是有效的权限范围。";
        /// The caller may not give away what they do not have.
        ScopeNotHeld = "SCOPE_NOT_HELD", 21016, 403, "You do not have {scope} yourself.", "你没有 {scope} 权限，无法授予。";
        /// A role of this name exists.
        RoleNameTaken = "ROLE_NAME_TAKEN", 21017, 409, "There is a role of this name.", "角色名称已存在。";
        /// The role belongs to the installation.
        RoleBuiltIn = "ROLE_BUILT_IN", 21018, 409, "This role cannot be changed.", "内置角色不可修改。";
        /// Somebody must remain who can administer.
        LastAdmin = "LAST_ADMIN", 21019, 409, "Nobody else could administer this installation then.", "至少需要保留一名管理员。";
        /// Too many of them.
        LimitReached = "LIMIT_REACHED", 21020, 409, "At most {max}.", "最多 {max} 个。";
        /// The quota does not suffice.
        QuotaExceeded = "QUOTA_EXCEEDED", 30001, 403, "Your {meter} quota does not suffice: {remaining} left.", "{meter} 配额不足，剩余 {remaining}。";
        /// The amount is not acceptable.
        AmountInvalid = "AMOUNT_INVALID", 21021, 400, "The amount must be between {min} and {max}.", "数量必须在 {min} 到 {max} 之间。";
        /// The key names another reservation.
        IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED", 21022, 409, "This key was used for something else.", "该幂等键已用于其他请求。";
        /// The reservation was given back or has run out.
        ReservationClosed = "RESERVATION_CLOSED", 21023, 409, "This reservation is {state}.", "该预留已处于 {state} 状态。";
        /// The password is among those that everybody who guesses tries first.
        PasswordCommon = "PASSWORD_COMMON", 21024, 400, "Many people have this password, so it is tried first; choose another.", "该密码过于常见，极易被猜到，请更换。";
        /// A request asks for more than one password to be hashed.
        OnePerRequest = "ONE_PER_REQUEST", 21025, 400, "Only one sign-in, registration or other use of a password fits into a request.", "每个请求只能包含一次登录、注册或其他需要密码的操作。";
        /// The name to show would pass for the installation's own people.
        DisplayNameReserved = "DISPLAY_NAME_RESERVED", 21026, 400, "A name must not pass for the people who run this site.", "显示名称不得冒充本站管理或官方人员。";
        /// The account may do what the caller may not.
        Outranked = "OUTRANKED", 21027, 403, "This user may do things that you may not.", "该用户拥有你没有的权限，你不能对其执行此操作。";
    }
}

/// The outcome of an operation that can be refused.
pub type Outcome<T> = Result<T, atelier_kit::error::Fail<AccountsErrorCode>>;
