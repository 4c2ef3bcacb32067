variable "name" {
  description = "Name of the schedule."
  type        = string
}

variable "description" {
  description = "What it starts."
  type        = string
}

variable "group" {
  description = "Schedule group."
  type        = string
}

variable "expression" {
  description = "`cron(…)` or `rate(…)`, in UTC."
  type        = string
}

variable "enabled" {
  description = "Whether the schedule runs."
  type        = bool
  default     = true
}

variable "target_arn" {
  description = "Function or state machine."
  type        = string
}

variable "action" {
  description = "`lambda:InvokeFunction` or `states:StartExecution`."
  type        = string
}

variable "input" {
  description = "The payload; Scheduler replaces `<aws.scheduler.scheduled-time>` with the scheduled time."
  type        = any
}

variable "account" {
  description = "Account whose schedules may assume the role."
  type        = string
}

variable "failures_queue_arn" {
  description = "Queue of payloads that could not be delivered."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key of the payload and of that queue; null for AWS's own encryption."
  type        = string
}
