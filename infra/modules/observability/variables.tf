variable "name" {
  description = "What names begin with."
  type        = string
}

variable "region" {
  description = "Region of the metrics."
  type        = string
}

variable "account" {
  description = "Account whose services may tell."
  type        = string
}

variable "alert_emails" {
  description = "Addresses that are told; each must confirm."
  type        = set(string)
}

variable "kms_key_arn" {
  description = "Key of what is told."
  type        = string
}

variable "functions" {
  description = "Names of the functions, for the dashboard."
  type        = list(string)
}

variable "topics" {
  description = "Topics that land."
  type        = set(string)
}

variable "sources" {
  description = "Source contracts."
  type        = set(string)
}

variable "freshness_hours" {
  description = "Topic to the hours within which something must land."
  type        = map(number)

  validation {
    # CloudWatch looks back a week at most.
    condition     = alltrue([for hours in values(var.freshness_hours) : hours >= 1 && hours <= 168])
    error_message = "1 to 168 hours."
  }
}

variable "watched_tables" {
  description = "Tables with an alarm of their own when they have no snapshot."
  type        = set(string)
}

variable "quarantine_an_hour" {
  description = "Records of a source that may be refused within an hour without an alarm."
  type        = number
}

variable "objects_behind" {
  description = "Raw objects that a merge may leave to the next run without an alarm."
  type        = number
}

variable "failures_bucket" {
  description = "Bucket of what Lambda gave up."
  type        = string
}

variable "schedule_group" {
  description = "Group of the schedules."
  type        = string
}

variable "kafka_cluster" {
  description = "Name of a provisioned MSK cluster; null for others."
  type        = string
}

variable "kafka_brokers" {
  description = "Its brokers."
  type        = number
  default     = 0
}

variable "budget" {
  description = "US dollars a month; null for no budget."
  type        = number
}

variable "cost_tag" {
  description = "`key$value` of the tag that costs are counted by."
  type        = string
}
