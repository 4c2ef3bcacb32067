variable "name" {
  description = "Name of the state machine."
  type        = string
}

variable "definition" {
  description = "Amazon States Language, filled in."
  type        = string
}

variable "function_arns" {
  description = "Functions that it invokes."
  type        = list(string)
}

variable "lists" {
  description = "ARN of the objects with its lists of shards."
  type        = string
}

variable "lists_key_arn" {
  description = "Key of these objects."
  type        = string
}

variable "partition" {
  description = "Partition of the account: `aws`."
  type        = string
}

variable "region" {
  description = "Region."
  type        = string
}

variable "account" {
  description = "Account."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of its executions and log."
  type        = string
}

variable "log_retention_days" {
  description = "Days that log lines are kept."
  type        = number
}

variable "alert_topic_arn" {
  description = "Topic that alarms go to."
  type        = string
}
