variable "function_name" {
  description = "Function that lands the records."
  type        = string
}

variable "topics" {
  description = "Topics; one mapping for each."
  type        = set(string)
}

variable "cluster_arn" {
  description = "MSK cluster; null for Kafka outside MSK."
  type        = string
}

variable "self_managed" {
  description = "Whether Kafka is not MSK: Lambda then connects to `bootstrap`, without authentication within the VPC."
  type        = bool
}

variable "bootstrap" {
  description = "Brokers of a self-managed Kafka, `host:port,host:port`."
  type        = string
  default     = null
}

variable "vpc" {
  description = "Subnets and security groups of a self-managed Kafka's brokers."
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
}

variable "group_prefix" {
  description = "Consumer groups are called `<prefix>-<topic>`."
  type        = string
}

variable "consumer_groups" {
  description = "Topic to the group whose offsets are taken over: `connect-<name>` of a Kafka Connect sink."
  type        = map(string)
  default     = {}
}

variable "enabled" {
  description = "Whether Lambda reads the topics: false stops landing."
  type        = bool
  default     = true
}

variable "window" {
  description = "Seconds for which Lambda gathers a batch: a longer window makes fewer, larger objects and later tables."
  type        = number

  validation {
    condition     = var.window >= 1 && var.window <= 300
    error_message = "A window has 1 to 300 s."
  }
}

variable "provisioned" {
  description = "Whether pollers are provisioned: false for on demand, without retry controls and partial answers."
  type        = bool
  default     = true
}

variable "maximum_pollers" {
  description = "Maximum provisioned pollers of a topic; each reads 5 MB/s."
  type        = number
}

variable "lag" {
  description = "Records by which the raw zone may lag behind a topic without an alarm."
  type        = number
}

variable "failures_bucket_arn" {
  description = "Bucket of records that Lambda gave up."
  type        = string
}

variable "watching" {
  description = "`full` or `small`: `small` has no alarm of each topic on given-up records."
  type        = string
  default     = "full"
}

variable "alert_topic_arn" {
  description = "SNS topic that receives alarms."
  type        = string
}
