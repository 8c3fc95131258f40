//! Expected failures.

atelier_kit::user_errors! {
    /// Why an operation on tasks is refused.
    pub enum TaskErrorCode;
    /// An expected failure of an operation on tasks.
    pub struct TaskUserError;
    {
        /// There is no such thing, or none that the caller may know of.
        NotFound = "NOT_FOUND", 10003, 404, "Not found.", "资源不存在。";
        /// An input is out of bounds.
        InvalidInput = "INVALID_INPUT", 10002, 400, "This is not acceptable: {reason}", "输入无效：{reason}";
        /// The task has finished.
        AlreadyFinished = "ALREADY_FINISHED", 50001, 409, "The task has finished already.", "任务已结束。";
        /// Only failed and cancelled tasks, and the failed parts of tasks, are tried again.
        NotRetryable = "NOT_RETRYABLE", 50002, 409, "Only tasks that failed or were cancelled can be tried again.", "只有失败或已取消的任务可以重试。";
        /// The lease has run out, was taken away, or never was.
        LeaseLost = "LEASE_LOST", 50003, 409, "The lease is lost; nothing was changed.", "租约已失效，未做任何更改。";
        /// The worker is not registered, or belongs to another account.
        UnknownWorker = "UNKNOWN_WORKER", 50004, 404, "The worker is not registered.", "工作节点未注册。";
        /// A JSON value is too large.
        PayloadTooLarge = "PAYLOAD_TOO_LARGE", 50005, 413, "At most {max} bytes of JSON are accepted; larger things go to storage.", "JSON 不能超过 {max} 字节，较大的内容请存入存储。";
        /// The pattern of a schedule is wrong.
        InvalidCron = "INVALID_CRON", 50006, 400, "The cron pattern is not valid: {reason}", "cron 表达式无效：{reason}";
        /// There is no such time zone.
        UnknownTimezone = "UNKNOWN_TIMEZONE", 50007, 400, "There is no such time zone.", "时区不存在。";
        /// The credential of the worker is not bound to the queue, or to the type of task.
        NotGranted = "NOT_GRANTED", 50008, 403, "This credential was not granted this queue or type of task.", "此凭证未被授予该队列或任务类型。";
        /// Only the system itself works on the queue.
        QueueReserved = "QUEUE_RESERVED", 50009, 403, "The system itself works on the queue {queue}.", "队列 {queue} 仅由系统自身处理。";
        /// The result is not what tasks of the type are for.
        ResultInvalid = "RESULT_INVALID", 50010, 400, "The result does not look as the task's type demands: {reason}", "结果不符合任务类型的要求：{reason}";
        /// Nobody has said what the results of the type look like.
        UnknownType = "UNKNOWN_TYPE", 50011, 400, "Declare first what the results of {type} look like.", "请先声明 {type} 的结果格式。";
    }
}
