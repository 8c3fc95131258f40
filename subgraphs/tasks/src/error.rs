//! Expected failures.

use atelier_kit::error::Fail;

/// What an operation that may be refused gives.
pub type Outcome<T> = Result<T, Fail<TaskErrorCode>>;

atelier_kit::user_errors! {
    /// Why an operation on tasks is refused.
    pub enum TaskErrorCode;
    /// An expected failure of an operation on tasks.
    pub struct TaskUserError;
    {
        /// Nothing with this id exists that the caller may see.
        NotFound = "NOT_FOUND", 10003, 404, "Not found.", "资源不存在。";
        /// An input value is not acceptable.
        InvalidInput = "INVALID_INPUT", 10002, 400, "This is not acceptable: {reason}", "输入无效：{reason}";
        /// The task has already ended.
        AlreadyFinished = "ALREADY_FINISHED", 50001, 409, "The task has finished already.", "任务已结束。";
        /// The task, and each of its children, neither failed nor was cancelled.
        NotRetryable = "NOT_RETRYABLE", 50002, 409, "Only tasks that failed or were cancelled can be tried again.", "只有失败或已取消的任务可以重试。";
        /// The lease has expired, was taken away, or never existed.
        LeaseLost = "LEASE_LOST", 50003, 409, "The lease is lost; nothing was changed.", "租约已失效，未做任何更改。";
        /// The worker is not registered, or belongs to another account.
        UnknownWorker = "UNKNOWN_WORKER", 50004, 404, "The worker is not registered.", "工作节点未注册。";
        /// A JSON value is too large.
        PayloadTooLarge = "PAYLOAD_TOO_LARGE", 50005, 413, "At most {max} bytes of JSON are accepted; larger things go to storage.", "JSON 不能超过 {max} 字节，较大的内容请存入存储。";
        /// The cron pattern is not valid.
        InvalidCron = "INVALID_CRON", 50006, 400, "The cron pattern is not valid: {reason}", "cron 表达式无效：{reason}";
        /// The time zone does not exist.
        UnknownTimezone = "UNKNOWN_TIMEZONE", 50007, 400, "There is no such time zone.", "时区不存在。";
        /// The credential was not granted the queue or the type of task.
        NotGranted = "NOT_GRANTED", 50008, 403, "This credential was not granted this queue or type of task.", "此凭证未被授予该队列或任务类型。";
        /// The queue is reserved for workers of the system itself.
        QueueReserved = "QUEUE_RESERVED", 50009, 403, "The system itself works on the queue {queue}.", "队列 {queue} 仅由系统自身处理。";
        /// The result does not have the shape that was declared for its type.
        ResultInvalid = "RESULT_INVALID", 50010, 400, "The result does not look as the task's type demands: {reason}", "结果不符合任务类型的要求：{reason}";
        /// No shape was declared for results of the type.
        UnknownType = "UNKNOWN_TYPE", 50011, 400, "Declare first what the results of {type} look like.", "请先声明 {type} 的结果格式。";
    }
}
