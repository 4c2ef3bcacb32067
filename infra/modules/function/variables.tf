variable "name" {
  description = "Name of the function, its role and its log."
  type        = string
}

variable "description" {
  description = "What it does, in a line."
  type        = string
}

variable "package" {
  description = "Path of the zip with `bootstrap`, and the contracts where it needs them."
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
    error_message = "A timeout is 20 to 900 s."
  }
}

variable "memory" {
  description = "MB of memory; 1,769 are one core."
  type        = number

  validation {
    condition     = var.memory >= 128 && var.memory <= 10240
    error_message = "Lambda gives 128 to 10,240 MB."
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
  description = "JSON list of the statements of its policy: what it may do beside logging."
  type        = string
}

variable "reserved_concurrency" {
  description = "Invocations at once that are kept for it and are its most; -1 for none."
  type        = number
  default     = -1
}

variable "behind_kafka" {
  description = "Whether Kafka's event source invokes it."
  type        = bool
  default     = false
}

variable "asynchronous" {
  description = "Whether a schedule invokes it: what failed thrice goes to `failures_queue_arn`."
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
  description = "Whether its event source reaches into a VPC in the function's name."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "Key of settings and log."
  type        = string
}

variable "log_retention_days" {
  description = "Days that log lines are kept."
  type        = number
}

variable "emulated" {
  description = "Whether an emulator stands in for AWS: it keeps neither log settings nor the key of settings."
  type        = bool
  default     = false
}

variable "log_level" {
  description = "`TRACE`, `DEBUG` or `INFO`. Metrics are lines of the log at INFO, so nothing coarser."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO"], var.log_level)
    error_message = "Metrics are lines of the log: `WARN` and above would drop them."
  }
}

variable "alert_topic_arn" {
  description = "Topic that alarms go to."
  type        = string
}
