# What docs/runbook.md and docs/deploy.md say to set: the same names in both environments. The module checks the values.

variable "schedules_enabled" {
  description = "Whether schedules run: false while days are rebuilt."
  type        = bool
  default     = true
}

variable "landing_enabled" {
  description = "Whether the events queue and the topics are read."
  type        = bool
  default     = true
}

variable "topic_epoch" {
  description = "The topics' epoch: raise it when topics are recreated."
  type        = number
  default     = 1
}

variable "queue_landings" {
  description = "Landings of the events queue at once, and lanes of each topic's raw log: more of them make more raw objects."
  type        = number
  default     = 2
}

variable "queue_sources" {
  description = "Source to the SNS topics that it publishes to; FIFO topics need FIFO queues."
  type        = map(object({ topic_arns = list(string), fifo = optional(bool, false) }))
  default     = {}
}

variable "relay_concurrency" {
  description = "Reserved concurrency of event-relay; -1 reserves none, which every new account allows. Behind a function URL it is the only throttle."
  type        = number
  default     = -1
}

variable "transform_concurrency" {
  description = "Maximum sandboxes of pole-transform."
  type        = number
  default     = 20
}

variable "fan_out" {
  description = "Whether Step Functions runs a day over many functions, for days that one function cannot finish in 14 min."
  type        = bool
  default     = false
}

variable "merge_memory" {
  description = "MB of snapshot-merge: 512 are enough for any table, more buy a faster core."
  type        = number
  default     = 1769
}

variable "merge_storage" {
  description = "MB of its temporary storage: the largest shard's file has 512 MB."
  type        = number
  default     = 1024
}

variable "report_memory" {
  description = "MB of quality-report: it holds a shard's file and 8 million ids."
  type        = number
  default     = 1769
}

variable "http_authoriser" {
  description = "`iam` (signed requests) or `jwt` (bearer tokens)."
  type        = string
  default     = "iam"
}

variable "http_rate" {
  description = "Requests a second that the API accepts; a function URL has no such limit."
  type        = number
  default     = 200
}

variable "http_burst" {
  description = "Requests at once that the API accepts; a function URL has no such limit."
  type        = number
  default     = 400
}

variable "jwt_issuer" {
  description = "Issuer of tokens, an https address."
  type        = string
  default     = null
}

variable "jwt_audience" {
  description = "Audience of tokens."
  type        = list(string)
  default     = []
}

variable "maximum_pollers" {
  description = "Maximum provisioned pollers of a topic; each reads 5 MB/s."
  type        = number
  default     = 4
}

variable "kafka_volume_gb" {
  description = "Disk of each broker of a provisioned MSK, in GB."
  type        = number
  default     = 100
}

variable "keep" {
  description = "Retained days: the newest, and the last of each month and year."
  type        = object({ daily = number, monthly = number, yearly = number })
  default     = { daily = 35, monthly = 13, yearly = 7 }
}

variable "raw_archive_days" {
  description = "Days after which raw objects move to Glacier Instant Retrieval; null for never."
  type        = number
  default     = null
}

variable "refined_archive_days" {
  description = "Days after which refined objects move to Glacier Instant Retrieval; null for never."
  type        = number
  default     = 90
}

variable "raw_retention_days" {
  description = "Days after which raw objects expire; null keeps them for ever. They are the only copy of what was sent: what they held cannot be transformed, repaired or redriven again, and an audit tells of each as missing (docs/runbook.md)."
  type        = number
  default     = null
}

variable "refined_retention_days" {
  description = "Days after which refined rows expire; null keeps them for ever. A day cannot be built again once they are gone, and an audit tells of each as missing (docs/runbook.md)."
  type        = number
  default     = null
}

variable "quarantine_retention_days" {
  description = "Days after which refused records expire; null keeps them for ever. Until then they can be corrected and redriven; afterwards an audit tells of each as missing (docs/runbook.md)."
  type        = number
  default     = null
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

variable "lag_alarm" {
  description = "Records by which the raw zone may lag behind a topic for 15 minutes."
  type        = number
  default     = 100000
}

variable "late_alarm" {
  description = "Minutes for which a record may wait in Kafka before a landing takes it."
  type        = number
  default     = 60
}

variable "cost_tag" {
  description = "`key$value` of the tag by which the budget counts, such as `Environment$polelake`. It counts nothing before the tag is activated as a cost allocation tag in the billing account; null counts the whole account."
  type        = string
  default     = null
}

variable "erasure_principals" {
  description = "Principals that may assume the role that erases; empty creates no such role."
  type        = list(string)
  default     = []
}

variable "erasure_second_factor" {
  description = "What proves the second factor of who erases: `session` (the session has one, which IAM users and roles show), or `identity-center` (its sign-in asks for one, which its sessions do not show: AWS sets no `aws:MultiFactorAuthPresent` there)."
  type        = string
  default     = "session"
}

variable "access" {
  description = "How the contracts' grants are applied: `none`, `iam`, or `lake_formation` once the first day has created the tables."
  type        = string
  default     = "none"
}

variable "principals" {
  description = "Role of the contracts to ARNs of IAM roles."
  type        = map(list(string))
  default     = {}
}

variable "lake_formation_admins" {
  description = "Administrators of Lake Formation, added to the account's."
  type        = list(string)
  default     = []
}

variable "lake_formation_read_admins" {
  description = "Administrators of Lake Formation that only read, such as the role that plans."
  type        = list(string)
  default     = []
}

variable "lake_formation_databases" {
  description = "Databases that Lake Formation governs; null for all in which the contracts grant a table."
  type        = set(string)
  default     = null
}
