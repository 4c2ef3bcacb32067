variable "region" {
  description = "Region of the stack."
  type        = string
  default     = "eu-west-2"
}

variable "name" {
  description = "Name of the stack, the prefix of its roles, keys and secrets."
  type        = string
  default     = "polelake"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}[a-z0-9]$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 3 to 22 characters."
  }
}

variable "repository" {
  description = "Repository on GitHub whose workflow deploys, `OWNER/NAME`."
  type        = string

  validation {
    # With `*` another repository would take the roles.
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "`OWNER/NAME`, without `*`."
  }
}

variable "state_bucket" {
  description = "Bucket of Terraform's state."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "A name of a bucket."
  }
}

variable "state_key_arn" {
  description = "KMS key of that bucket; null for S3's own encryption."
  type        = string
  default     = null

  validation {
    condition     = var.state_key_arn == null ? true : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.state_key_arn))
    error_message = "The ARN of a key, not of an alias."
  }
}

variable "create_oidc_provider" {
  description = "Whether the account has no provider of GitHub's tokens yet; an account has one at most."
  type        = bool
  default     = true
}
