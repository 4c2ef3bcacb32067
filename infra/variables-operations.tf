# Readers, site, alarms, logs, cost.

variable "access" {
  description = "How the contracts' grants are applied: `none`, `iam` (whole tables), or `lake_formation` (columns; IAM for databases that `lake_formation_databases` leaves out), which needs existing tables: switch to it after the first day."
  type        = string
  default     = "none"
}

variable "principals" {
  description = "Role of the contracts to ARNs of IAM roles of this account."
  type        = map(list(string))
  default     = {}

  validation {
    # The policy is attached to the role of this name: in another account there may be none, or another one.
    condition = alltrue([
      for arn in flatten(values(var.principals)) :
      can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$", arn))
    ])
    error_message = "Principals are ARNs of IAM roles in full, without `*`."
  }
}

variable "lake_formation_admins" {
  description = "Administrators of Lake Formation that are added to the account's, such as the role that applies this; empty writes no settings of the account."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for arn in var.lake_formation_admins :
      can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9_+=,.@/-]+$", arn))
    ])
    error_message = "Administrators are ARNs of IAM roles or users in full, without `*`."
  }
}

variable "lake_formation_read_admins" {
  description = "Administrators of Lake Formation that only read, added to the account's, such as the role that plans: others see no grants, and would plan them again."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for arn in var.lake_formation_read_admins :
      can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9_+=,.@/-]+$", arn))
    ])
    error_message = "Administrators are ARNs of IAM roles or users in full, without `*`."
  }
}

variable "lake_formation_databases" {
  description = "Databases that Lake Formation governs with `access = \"lake_formation\"`; null for all in which the contracts grant a table."
  type        = set(string)
  default     = null
}

variable "athena" {
  description = "Whether Athena's workgroups are created."
  type        = bool
  default     = true
}

variable "athena_workgroups" {
  description = "Workgroups in addition to one for each role of the contracts."
  type        = set(string)
  default     = ["analysts"]
}

variable "athena_scan_limit_gb" {
  description = "GB that a query may scan."
  type        = number
  default     = 20
}

variable "erasure_principals" {
  description = "Principals that may assume the role that erases; empty creates no such role."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for arn in var.erasure_principals :
      can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9_+=,.@/-]+$", arn))
    ])
    error_message = "Principals are ARNs of IAM roles or users in full, without `*`: they may delete."
  }
}

variable "erasure_second_factor" {
  description = "What proves the second factor of who erases: `session` (the session has one, which IAM users and roles show), or `identity-center` (its sign-in asks for one, which its sessions do not show: AWS sets no `aws:MultiFactorAuthPresent` there)."
  type        = string
  default     = "session"

  validation {
    condition     = contains(["session", "identity-center"], var.erasure_second_factor)
    error_message = "`session` or `identity-center`."
  }

  validation {
    # Nothing else may erase without a second factor.
    condition = var.erasure_second_factor == "session" || alltrue([
      for principal in var.erasure_principals :
      can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/aws-reserved/sso[.]amazonaws[.]com/", principal))
    ])
    error_message = "With `identity-center` every principal is a role of Identity Center: arn:aws:iam::<account>:role/aws-reserved/sso.amazonaws.com/<region>/AWSReservedSSO_…."
  }
}

variable "cloudfront" {
  description = "Whether CloudFront serves the site."
  type        = bool
  default     = false
}

variable "site_domain" {
  description = "Domain name of the site; its certificate is `site_certificate_arn`."
  type        = string
  default     = null

  validation {
    condition     = var.site_domain == null || var.site_certificate_arn != null
    error_message = "A domain name needs a certificate."
  }
}

variable "site_certificate_arn" {
  description = "Certificate of ACM in us-east-1."
  type        = string
  default     = null
}

variable "site_web_acl_arn" {
  description = "WAF web ACL that says who may see the site. The site holds only counts, but the counts are internal."
  type        = string
  default     = null
}

variable "site_countries" {
  description = "Countries from which the site can be read; empty for all."
  type        = list(string)
  default     = ["GB"]
}

variable "alert_emails" {
  description = "Mail addresses that receive alarms."
  type        = set(string)
  default     = []
}

variable "freshness_hours" {
  description = "Topic to the hours within which records must land; overrides the `frequency` of its contract. With full watching."
  type        = map(number)
  default     = {}
}

variable "watched_tables" {
  description = "Tables that have an own alarm for a missing snapshot. With full watching."
  type        = set(string)
  default     = []
}

variable "lag_alarm" {
  description = "Records by which the raw zone may lag behind a topic for 15 minutes."
  type        = number
  default     = 100000
}

variable "late_alarm" {
  description = "Minutes for which a record may wait in Kafka before a landing takes it."
  type        = number
  default     = 60

  validation {
    # A landing tells of waits above 15 minutes alone; topics keep records for 7 days.
    condition     = var.late_alarm >= 15 && var.late_alarm <= 1440
    error_message = "15 to 1,440 minutes."
  }
}

variable "quarantine_alarm" {
  description = "Records of a source that may be quarantined within an hour; with small watching, of all sources together."
  type        = number
  default     = 100
}

variable "behind_alarm" {
  description = "Raw objects without a receipt that a merge may leave to the next run."
  type        = number
  default     = 0
}

variable "watching" {
  description = "`full`: metrics and alarms of each source and table, a dashboard, traces. `small`: sums, and the alarms without which a loss would go unseen (docs/cost.md)."
  type        = string
  default     = "full"

  validation {
    condition     = contains(["full", "small"], var.watching)
    error_message = "`full` or `small`."
  }

  validation {
    # It would watch nothing: small metrics have neither topic nor table.
    condition     = var.watching == "full" || length(var.freshness_hours) + length(var.watched_tables) == 0
    error_message = "`freshness_hours` and `watched_tables` need `watching = \"full\"`."
  }
}

variable "log_retention_days" {
  description = "Days for which log lines are retained; null for a year, and a month with small watching."
  type        = number
  default     = null
}

variable "log_level" {
  description = "`INFO`, `DEBUG` or `TRACE`."
  type        = string
  default     = "INFO"
}

variable "monthly_budget" {
  description = "US dollars a month; null for no budget."
  type        = number
  default     = null
}

variable "cost_tag" {
  description = "`key$value` of the tag by which the budget counts, such as `Environment$polelake`. It counts nothing before the tag is activated as a cost allocation tag in the billing account; null counts the whole account."
  type        = string
  default     = null

  validation {
    condition     = var.cost_tag == null ? true : can(regex("^[^$]+[$].+$", var.cost_tag))
    error_message = "`key$value`."
  }
}

variable "force_destroy" {
  description = "Whether a destroy deletes data: for trials only."
  type        = bool
  default     = false
}

variable "smoke_subject" {
  description = "Subject of the GitHub tokens that take the smoke test's role, such as `repo:OWNER/NAME:environment:smoke`: an environment of its own. Null for none."
  type        = string
  default     = null

  validation {
    condition     = var.smoke_subject == null ? true : can(regex("^repo:[^*?:/]+/[^*?:/]+:environment:[^*?:]+$", var.smoke_subject))
    error_message = "A subject is `repo:OWNER/NAME:environment:ENVIRONMENT`, without `*`."
  }

  validation {
    # `production` is that of the role that applies (environments/pipeline): one token would take both.
    condition     = var.smoke_subject == null ? true : !endswith(var.smoke_subject, ":environment:production")
    error_message = "The smoke test has an environment of its own: `production` is that of the role that applies."
  }
}

variable "smoke_principals" {
  description = "Principals that may take the smoke test's role besides."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for arn in var.smoke_principals :
      can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9_+=,.@/-]+$", arn))
    ])
    error_message = "Principals are ARNs of IAM roles or users in full, without `*`."
  }
}
