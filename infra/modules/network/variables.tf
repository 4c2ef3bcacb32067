variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "region" {
  description = "Region, for the names of endpoints."
  type        = string
}

variable "partition" {
  description = "Partition of the account: `aws`."
  type        = string
  default     = "aws"
}

variable "account" {
  description = "Account whose flow logs may take the role, and to whose resources the endpoints lead."
  type        = string
}

variable "bucket_arns" {
  description = "Buckets to which the way to S3 leads: those that the relay and Lambda's pollers write."
  type        = list(string)

  validation {
    condition     = length(var.bucket_arns) > 0 && alltrue([for arn in var.bucket_arns : can(regex("^arn:aws[a-z-]*:s3:::[a-z0-9.-]+$", arn))])
    error_message = "ARNs of buckets in full, without `*`."
  }
}

variable "cidr" {
  description = "Addresses of the VPC; each subnet gets a sixteenth."
  type        = string

  validation {
    condition     = can(cidrsubnet(var.cidr, 4, 2))
    error_message = "A block of addresses such as 10.20.0.0/20."
  }
}

variable "zones" {
  description = "Availability zones: 2 or 3."
  type        = number

  validation {
    condition     = var.zones == 2 || var.zones == 3
    error_message = "MSK needs 2 or 3 zones."
  }
}

variable "interface_endpoints" {
  description = "Services with an interface endpoint: `lambda` and `sts` always, `secretsmanager` where the relay fetches states, `sqs` where it sends to the events queue too."
  type        = set(string)

  validation {
    condition     = alltrue([for needed in ["lambda", "sts"] : contains(var.interface_endpoints, needed)])
    error_message = "Lambda's pollers need `lambda` and `sts`."
  }
}

variable "log_retention_days" {
  description = "Days for which logs of refused connections are retained."
  type        = number
}

variable "kms_key_arn" {
  description = "KMS key of the log; null for CloudWatch's own encryption."
  type        = string
}

variable "emulated" {
  description = "Whether an emulator replaces AWS: it does not keep the descriptions of rules."
  type        = bool
  default     = false
}
