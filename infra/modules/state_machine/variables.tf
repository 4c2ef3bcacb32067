variable "name" {
  description = "Name of the state machine."
  type        = string
}

variable "definition" {
  description = "Definition in Amazon States Language, with its values filled in."
  type        = string
}

variable "function_arns" {
  description = "Functions that the state machine invokes."
  type        = list(string)
}

variable "lists" {
  description = "ARN of the objects that list the shards."
  type        = string
}

variable "lists_key_arns" {
  description = "KMS keys of these objects; empty for S3's own encryption."
  type        = list(string)
  default     = []
}

variable "results" {
  description = "ARN of the objects that a map writes its items' results to."
  type        = string
}

variable "results_key_arns" {
  description = "KMS keys under which results are stored; empty for S3's own encryption."
  type        = list(string)
  default     = []
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
  description = "KMS key of its executions and log; null for AWS's own encryption."
  type        = string
}

variable "watching" {
  description = "`full` or `small`: `small` has no traces."
  type        = string
  default     = "full"
}

variable "log_retention_days" {
  description = "Days for which log lines are retained."
  type        = number
}

variable "alert_topic_arn" {
  description = "SNS topic that receives alarms."
  type        = string
}
