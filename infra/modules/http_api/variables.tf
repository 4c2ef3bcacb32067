variable "name" {
  description = "Name of the API."
  type        = string
}

variable "function_name" {
  description = "Function that answers."
  type        = string
}

variable "function_timeout" {
  description = "Seconds of an invocation of the function."
  type        = number
}

variable "invoke_arn" {
  description = "ARN by which API Gateway invokes it."
  type        = string
}

variable "routes" {
  description = "Routes, `METHOD /path`."
  type        = set(string)
}

variable "authoriser" {
  description = "`iam` (signed requests) or `jwt` (bearer tokens)."
  type        = string

  validation {
    condition     = contains(["iam", "jwt"], var.authoriser)
    error_message = "Every route needs an authoriser: `iam` or `jwt`."
  }
}

variable "jwt_issuer" {
  description = "Issuer of tokens."
  type        = string
  default     = null

  validation {
    condition     = var.authoriser != "jwt" || try(startswith(var.jwt_issuer, "https://"), false)
    error_message = "With `jwt`, the issuer is an https address."
  }
}

variable "jwt_audience" {
  description = "Audience of tokens."
  type        = list(string)
  default     = []

  validation {
    # Without one, the API would accept a token that was issued for another service.
    condition     = var.authoriser != "jwt" || length(var.jwt_audience) > 0
    error_message = "With `jwt`, name at least one audience."
  }
}

variable "rate" {
  description = "Requests a second that the API accepts."
  type        = number
}

variable "burst" {
  description = "Requests at once that the API accepts."
  type        = number
}

variable "disable_default_endpoint" {
  description = "Whether only a custom domain, which another stack creates, answers."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "Days for which access log lines are retained."
  type        = number
}

variable "kms_key_arn" {
  description = "KMS key of the access log; null for CloudWatch's own encryption."
  type        = string
}

variable "watching" {
  description = "`full` or `small`: `small` has neither metrics of each route nor an alarm."
  type        = string
  default     = "full"
}

variable "alert_topic_arn" {
  description = "SNS topic that receives alarms."
  type        = string
}
