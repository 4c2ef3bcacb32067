variable "function_name" {
  description = "Function that lands the records."
  type        = string
}

variable "topics" {
  description = "Topics; one mapping for each."
  type        = set(string)
}

variable "cluster_arn" {
  description = "MSK cluster; null for Kafka elsewhere."
  type        = string
}

variable "self_managed" {
  description = "Whether Kafka is not MSK: it is then found by `bootstrap`, without authentication within the VPC."
  type        = bool
}

variable "bootstrap" {
  description = "Brokers of a self-managed Kafka, `host:port,host:port`."
  type        = string
  default     = null
}

variable "vpc" {
  description = "Where brokers of a self-managed Kafka are."
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
}

variable "group_prefix" {
  description = "Consumer groups are called `<prefix>-<topic>`."
  type        = string
}

variable "consumer_groups" {
  description = "Topic to group, where another's offsets are taken over: `connect-<name>` of a Kafka Connect sink."
  type        = map(string)
  default     = {}
}

variable "enabled" {
  description = "Whether topics are read: the switch to stop landing."
  type        = bool
  default     = true
}

variable "window" {
  description = "Seconds for which a batch is gathered: longer makes fewer, larger objects and later tables."
  type        = number

  validation {
    condition     = var.window >= 1 && var.window <= 300
    error_message = "A window is 1 to 300 s."
  }
}

variable "maximum_pollers" {
  description = "Pollers of a topic at most; each brings 5 MB/s."
  type        = number
}

variable "lag" {
  description = "Records that a topic may be ahead without an alarm."
  type        = number
}

variable "failures_bucket_arn" {
  description = "Bucket of what was given up."
  type        = string
}

variable "alert_topic_arn" {
  description = "Topic that alarms go to."
  type        = string
}
