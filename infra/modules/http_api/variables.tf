variable "name" {
  description = "Name of the API."
  type        = string
}

variable "function_name" {
  description = "Function behind it."
  type        = string
}

variable "function_timeout" {
  description = "Seconds of an invocation of it."
  type        = number
}

variable "invoke_arn" {
  description = "ARN by which it is invoked."
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
    error_message = "No route is open: `iam` or `jwt`."
  }
}

variable "jwt_issuer" {
  description = "Who issues tokens."
  type        = string
  default     = null

  validation {
    condition     = var.authoriser != "jwt" || try(startswith(var.jwt_issuer, "https://"), false)
    error_message = "With `jwt`, the issuer is an https address."
  }
}

variable "jwt_audience" {
  description = "Whom tokens are for."
  type        = list(string)
  default     = []

  validation {
    # Without one, a token that was issued for anything else would open the door.
    condition     = var.authoriser != "jwt" || length(var.jwt_audience) > 0
    error_message = "With `jwt`, name at least one audience."
  }
}

variable "rate" {
  description = "Requests a second."
  type        = number
}

variable "burst" {
  description = "Requests at once."
  type        = number
}

variable "disable_default_endpoint" {
  description = "Whether only a custom domain, made elsewhere, answers."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "Days that access log lines are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Key of the access log."
  type        = string
}

variable "alert_topic_arn" {
  description = "Topic that alarms go to."
  type        = string
}
