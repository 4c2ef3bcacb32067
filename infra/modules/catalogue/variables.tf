variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "databases" {
  description = "Database to description."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.databases) : can(regex("^[a-z0-9_]{1,255}$", name))])
    error_message = "A database has lower-case letters, digits and underscores."
  }
}

variable "grants" {
  description = "Who may read which table, as the contracts declare."
  type = list(object({
    role             = string
    database         = string
    table            = string
    personal         = bool
    withheld_columns = list(string)
  }))
}

variable "principals" {
  description = "Role of the contracts to ARNs of IAM roles."
  type        = map(list(string))
}

variable "access" {
  description = "How grants are applied: `none`, `iam` (whole tables) or `lake_formation` (columns)."
  type        = string

  validation {
    condition     = contains(["none", "iam", "lake_formation"], var.access)
    error_message = "`none`, `iam` or `lake_formation`."
  }
}

variable "lake_formation_databases" {
  description = "Databases that Lake Formation governs with `lake_formation`; IAM governs the others."
  type        = set(string)
}

variable "lake_formation_admins" {
  description = "Administrators of Lake Formation that are added to the account's."
  type        = list(string)
}

variable "lake_formation_read_admins" {
  description = "Administrators of Lake Formation that only read, added to the account's."
  type        = list(string)
}

variable "writer_role_arns" {
  description = "Roles that write tables: `merge`, which creates them, and `erasure` where there is one."
  type        = map(string)

  validation {
    condition     = contains(keys(var.writer_role_arns), "merge")
    error_message = "The merge creates the tables."
  }
}

variable "athena" {
  description = "Whether workgroups are created."
  type        = bool
}

variable "workgroups" {
  description = "Workgroups in addition to one for each role."
  type        = set(string)
}

variable "scan_limit_bytes" {
  description = "Bytes that a query may scan."
  type        = number

  validation {
    # Athena's minimum is 10 MB.
    condition     = var.scan_limit_bytes >= 10485760
    error_message = "At least 10 MB."
  }
}

variable "curated_bucket_arn" {
  description = "Bucket of the curated zone."
  type        = string
}

variable "curated_key_arns" {
  description = "KMS keys of objects in the curated zone, and of results; empty for S3's own encryption."
  type        = list(string)
}

variable "results_key_arn" {
  description = "KMS key of new results; null for S3's own encryption."
  type        = string
}

variable "through_s3" {
  description = "Condition of rights on keys: through S3 alone."
  type        = object({ StringEquals = map(string) })
}

variable "results_bucket" {
  description = "Bucket of Athena's results."
  type        = string
}

variable "results_bucket_arn" {
  description = "ARN of that bucket."
  type        = string
}

variable "glue_arn_prefix" {
  description = "`arn:aws:glue:<region>:<account>`."
  type        = string
}

variable "athena_arn_prefix" {
  description = "`arn:aws:athena:<region>:<account>`."
  type        = string
}

variable "force_destroy" {
  description = "Whether a destroy deletes workgroups with their history."
  type        = bool
}
