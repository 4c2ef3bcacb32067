variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "watching" {
  description = "`full`: alarms of each topic and source, and a dashboard. `small`: alarms of sums, and only those that a lost record needs."
  type        = string
  default     = "full"
}

variable "region" {
  description = "Region of the metrics."
  type        = string
}

variable "account" {
  description = "Account whose services may publish alerts."
  type        = string
}

variable "alert_emails" {
  description = "Mail addresses that receive alerts; each must confirm."
  type        = set(string)
}

variable "kms_key_arn" {
  description = "KMS key of the alert topic; null for none: S3 and alarms cannot send to a topic under AWS's own key."
  type        = string
}

variable "functions" {
  description = "Names of the functions, for the dashboard."
  type        = list(string)
}

variable "topics" {
  description = "Topics that raw-landing reads."
  type        = set(string)
}

variable "kafka_topics" {
  description = "Topics of these that Kafka has: only their offsets are another's, and can have gaps."
  type        = set(string)
}

variable "queue_topics" {
  description = "The topics whose records the events queue brings."
  type        = set(string)
  default     = []
}

variable "sources" {
  description = "Source contracts."
  type        = set(string)
}

variable "freshness_hours" {
  description = "Topic to the hours within which records must land."
  type        = map(number)

  validation {
    # CloudWatch looks back one week at most.
    condition     = alltrue([for hours in values(var.freshness_hours) : hours >= 1 && hours <= 168])
    error_message = "1 to 168 hours."
  }
}

variable "watched_tables" {
  description = "Tables that have an own alarm for a missing snapshot."
  type        = set(string)
}

variable "late_minutes" {
  description = "Minutes for which a record may wait in Kafka without an alarm."
  type        = number
}

variable "quarantine_an_hour" {
  description = "Records of a source that may be quarantined within an hour without an alarm."
  type        = number
}

variable "objects_behind" {
  description = "Raw objects without a receipt that a merge may leave to the next run without an alarm."
  type        = number
}

variable "failures_bucket" {
  description = "Bucket of records that Lambda gave up."
  type        = string
}

variable "schedule_group" {
  description = "Schedule group of the stack."
  type        = string
}

variable "kafka_cluster" {
  description = "Name of a provisioned MSK cluster; null for others."
  type        = string
}

variable "kafka_brokers" {
  description = "Number of brokers of that cluster."
  type        = number
  default     = 0
}

variable "budget" {
  description = "US dollars a month; null for no budget."
  type        = number
}

variable "cost_tag" {
  description = "`key$value` of the cost allocation tag that costs are counted by; null for the whole account."
  type        = string
}
