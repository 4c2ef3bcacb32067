variable "name" {
  description = "Name of the function, its role and its log."
  type        = string
}

variable "description" {
  description = "What the function does, in one line."
  type        = string
}

variable "package" {
  description = "Path of the zip with `bootstrap`, and with the contracts if the function needs them."
  type        = string
}

variable "architecture" {
  description = "`arm64` or `x86_64`, as the package was built."
  type        = string
}

variable "timeout" {
  description = "Seconds of an invocation."
  type        = number

  validation {
    # 20 s: the functions keep 10 s, or a fifth of a short timeout, to hand work back.
    condition     = var.timeout >= 20 && var.timeout <= 900
    error_message = "A timeout has 20 to 900 s."
  }
}

variable "memory" {
  description = "MB of memory; 1,769 give one core."
  type        = number

  validation {
    condition     = var.memory >= 128 && var.memory <= 10240
    error_message = "Lambda offers 128 to 10,240 MB."
  }
}

variable "ephemeral_storage" {
  description = "MB of temporary storage."
  type        = number
  default     = 512
}

variable "environment" {
  description = "Settings, as `context.rs` of the function reads them; empty ones are left out."
  type        = map(string)
}

variable "statements" {
  description = "JSON list of the statements of its policy: its rights beside logging."
  type        = string
}

variable "reserved_concurrency" {
  description = "Reserved concurrency, which is also the maximum; -1 for none."
  type        = number
  default     = -1
}

variable "behind_kafka" {
  description = "Whether Kafka's event source invokes it."
  type        = bool
  default     = false
}

variable "asynchronous" {
  description = "Whether a schedule invokes it: invocations that failed three times go to `failures_queue_arn`."
  type        = bool
  default     = false
}

variable "failures_queue_arn" {
  description = "Queue of failed asynchronous invocations."
  type        = string
  default     = null
}

variable "vpc" {
  description = "Subnets and security groups; null outside of any VPC."
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
  default     = null
}

variable "polls_in_vpc" {
  description = "Whether its event source enters a VPC with the function's role."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "KMS key of settings, log and failed invocations; null for AWS's own encryption."
  type        = string
}

variable "account" {
  description = "Account of the function: what it writes stays there."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "An account has 12 digits."
  }
}

variable "kms_key_arns" {
  description = "Keys by which its settings may be encrypted: the same, and former ones."
  type        = list(string)
  default     = []
}

variable "watching" {
  description = "`full` or `small`: `small` has no alarms of its own and no traces."
  type        = string
  default     = "full"
}

variable "log_retention_days" {
  description = "Days for which log lines are retained."
  type        = number
}

variable "emulated" {
  description = "Whether an emulator replaces AWS: it keeps neither log settings, nor the key of settings, nor a change of traces."
  type        = bool
  default     = false
}

variable "log_level" {
  description = "`TRACE`, `DEBUG` or `INFO`. Metrics are log lines at INFO, so no coarser level is allowed."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO"], var.log_level)
    error_message = "Metrics are log lines: `WARN` and above would drop them."
  }
}

variable "alert_topic_arn" {
  description = "SNS topic that receives alarms."
  type        = string
}
