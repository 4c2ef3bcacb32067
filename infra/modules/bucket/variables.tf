variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "partition" {
  description = "Partition of the account: `aws`."
  type        = string
}

variable "kms" {
  description = "Whether a customer key encrypts; otherwise S3's own encryption does."
  type        = bool
}

variable "kms_key_arn" {
  description = "KMS key of the zone; null without."
  type        = string
}

variable "statements" {
  description = "JSON list of further statements of the bucket's policy."
  type        = string
  default     = "[]"
}

variable "noncurrent_days" {
  description = "Days after which old versions are deleted."
  type        = number
}

variable "expire" {
  description = "Prefix to days: current objects that expire by age."
  type        = map(number)
  default     = {}
}

variable "archive" {
  description = "Prefix to days: objects that move to Glacier Instant Retrieval."
  type        = map(number)
  default     = {}
}

variable "force_destroy" {
  description = "Whether a destroy deletes the objects in it: for trials only."
  type        = bool
  default     = false
}
