variable "name" {
  description = "What names of alarms begin with."
  type        = string
}

variable "function_name" {
  description = "Function that answers."
  type        = string
}

variable "function_arn" {
  description = "ARN of that function, for the policies of callers."
  type        = string
}

variable "watching" {
  description = "`full` or `small`: `small` has no alarm."
  type        = string
  default     = "full"
}

variable "alert_topic_arn" {
  description = "SNS topic that receives alarms."
  type        = string
}
