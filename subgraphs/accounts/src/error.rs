//! Expected failures of this domain's mutations.

atelier_kit::user_errors! {
    /// Why an operation on an account was refused.
    pub enum AccountsErrorCode;
    /// An expected failure of an operation on an account.
    pub struct AccountsUserError;
    {
        /// The username breaks the rules for usernames.
        UsernameInvalid = "USERNAME_INVALID", 21001, 400, "A username must have 2 to 30 letters, digits, dots, hyphens or underscores, all of one script, and begin and end with a letter or digit.", "用户名须为 2 到 30 个同一文字体系的字母、数字、点、连字符或下划线。";
        /// The username is reserved for the installation.
        UsernameReserved = "USERNAME_RESERVED", 21002, 400, "This username is reserved.", "该用户名为保留名称。";
        /// The text is not an email address.
        EmailInvalid = "EMAIL_INVALID", 21003, 400, "This is not a valid email address.", "邮箱地址格式不正确。";
        /// The username or the email address is taken. Which of them is not revealed.
        IdentityTaken = "IDENTITY_TAKEN", 21004, 409, "This username or email address cannot be used.", "该用户名或邮箱不可用。";
        /// The password is too short, too long or too easy to guess.
        WeakPassword = "WEAK_PASSWORD", 21005, 400, "A password must have 8 to 256 characters and must not be easy to guess.", "密码须为 8 到 256 个字符，且不能容易被猜到。";
        /// The account does not exist, or the password is wrong. Which of them is not revealed.
        InvalidCredentials = "INVALID_CREDENTIALS", 21006, 401, "The username or the password is wrong.", "用户名或密码错误。";
        /// There were too many attempts. `params` holds `retryAfterSeconds`.
        TooManyAttempts = "TOO_MANY_ATTEMPTS", 21007, 429, "Too many attempts. Try again in {retryAfterSeconds} s.", "尝试次数过多，请在 {retryAfterSeconds} 秒后重试。";
        /// The account is suspended or deleted. `params` holds the `reason` and the time `until` of
        /// a suspension.
        AccountDisabled = "ACCOUNT_DISABLED", 20004, 403, "This account is disabled.", "账号已被禁用。";
        /// The refresh token is unknown or has expired, or its session has ended.
        RefreshInvalid = "REFRESH_INVALID", 21008, 401, "Your session has ended. Sign in again.", "登录已失效，请重新登录。";
        /// The refresh token was used before, so it may have been stolen. Its session has been
        /// ended.
        RefreshReused = "REFRESH_REUSED", 21009, 401, "Your session was ended because its refresh token was used twice. Sign in again.", "刷新令牌被重复使用，登录已终止，请重新登录。";
        /// The text is too long. `params` holds the limit as `max`.
        TooLong = "TOO_LONG", 21010, 400, "This must not have more than {max} characters.", "最多 {max} 个字符。";
        /// The field must not be empty.
        Required = "REQUIRED", 21011, 400, "This must not be empty.", "不能为空。";
        /// The object does not exist, or the caller may not act on it.
        NotFound = "NOT_FOUND", 10003, 404, "Not found.", "资源不存在。";
        /// The time is in the past.
        InThePast = "IN_THE_PAST", 21012, 400, "This time must be in the future.", "时间不能早于现在。";
        /// The operation is not allowed on the caller's own account.
        NotOnYourself = "NOT_ON_YOURSELF", 21013, 409, "You cannot do this to your own account.", "不能对自己的账号执行此操作。";
        /// The account is not scheduled for deletion.
        NotPendingDeletion = "NOT_PENDING_DELETION", 21014, 409, "This account is not scheduled for deletion.", "该账号未处于待删除状态。";
        /// The text is not a valid scope. `params` holds the `scope`.
        ScopeInvalid = "SCOPE_INVALID", 21015, 400, "{scope} is not a valid scope.", "{scope} 不是有效的权限范围。";
        /// The caller does not hold a scope that they want to grant or change. `params` holds the
        /// `scope`.
        ScopeNotHeld = "SCOPE_NOT_HELD", 21016, 403, "You do not have the permission {scope} yourself.", "你没有 {scope} 权限，无法授予。";
        /// The name of the role is taken.
        RoleNameTaken = "ROLE_NAME_TAKEN", 21017, 409, "A role with this name already exists.", "角色名称已存在。";
        /// The role is built in and cannot be changed.
        RoleBuiltIn = "ROLE_BUILT_IN", 21018, 409, "Built-in roles cannot be changed.", "内置角色不可修改。";
        /// At least one administrator must remain.
        LastAdmin = "LAST_ADMIN", 21019, 409, "At least one administrator must remain.", "至少需要保留一名管理员。";
        /// A limit on the number of objects is reached. `params` holds the limit as `max`.
        LimitReached = "LIMIT_REACHED", 21020, 409, "No more than {max} are allowed.", "最多 {max} 个。";
        /// Not enough of the quota is left. `params` holds the `meter` and what is `remaining`.
        QuotaExceeded = "QUOTA_EXCEEDED", 30001, 403, "Not enough of your {meter} quota is left: {remaining} remaining.", "{meter} 配额不足，剩余 {remaining}。";
        /// The amount is out of range. `params` holds `min` and `max`.
        AmountInvalid = "AMOUNT_INVALID", 21021, 400, "The amount must be between {min} and {max}.", "数量必须在 {min} 到 {max} 之间。";
        /// The key belongs to a reservation with other values.
        IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED", 21022, 409, "This key was already used for another request.", "该幂等键已用于其他请求。";
        /// The reservation was released. `params` holds its `state`.
        ReservationClosed = "RESERVATION_CLOSED", 21023, 409, "This reservation is already closed: {state}.", "该预留已处于 {state} 状态。";
        /// The password is among the most common ones.
        PasswordCommon = "PASSWORD_COMMON", 21024, 400, "This password is too common to be safe. Choose another one.", "该密码过于常见，极易被猜到，请更换。";
        /// The request uses more than one password.
        OnePerRequest = "ONE_PER_REQUEST", 21025, 400, "A request can use only one password: send sign-ins, registrations and password changes one at a time.", "每个请求只能包含一次登录、注册或其他需要密码的操作。";
        /// The display name suggests that the user belongs to the installation's staff.
        DisplayNameReserved = "DISPLAY_NAME_RESERVED", 21026, 400, "A display name must not suggest that you run this site.", "显示名称不得冒充本站管理或官方人员。";
        /// The file is not a picture.
        AvatarNotPicture = "AVATAR_NOT_PICTURE", 21028, 400, "Only a picture can be your avatar.", "头像必须是图片。";
        /// The user holds scopes that the caller does not hold.
        Outranked = "OUTRANKED", 21027, 403, "This user has permissions that you do not have.", "该用户拥有你没有的权限，你不能对其执行此操作。";
    }
}

/// The outcome of an operation that can be refused.
pub type Outcome<T> = Result<T, atelier_kit::error::Fail<AccountsErrorCode>>;
