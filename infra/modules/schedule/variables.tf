variable "name" {
  description = "Name of the schedule."
  type        = string
}

variable "description" {
  description = "What it starts."
  type        = string
}

variable "group" {
  description = "Group of schedules."
  type        = string
}

variable "expression" {
  description = "`cron(…)` or `rate(…)`, in UTC."
  type        = string
}

variable "enabled" {
  description = "Whether it runs."
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
  description = "The payload; `<aws.scheduler.scheduled-time>` stands for the time that it is meant for."
  type        = any
}

variable "account" {
  description = "Account whose schedules may take the role."
  type        = string
}

variable "failures_queue_arn" {
  description = "Queue of what could not be started."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of the payload and of that queue."
  type        = string
}
