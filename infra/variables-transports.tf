# The events queue, Kafka, and the network between.

variable "transport" {
  description = "Transport of the sources whose contracts name none: `queue` (SQS) or `kafka`."
  type        = string
  default     = "queue"

  validation {
    condition     = contains(["kafka", "queue"], var.transport)
    error_message = "`queue` or `kafka`."
  }
}

variable "draining" {
  description = "Sources that have changed their transport: both are there and read, until the former one is empty."
  type        = set(string)
  default     = []
}

variable "queue_landing" {
  description = "What starts the landings of the events queue: a `mapping` of Lambda, or a `schedule` once in each `landing_window`, which pays no poll of an empty queue."
  type        = string
  default     = "mapping"

  validation {
    condition     = contains(["mapping", "schedule"], var.queue_landing)
    error_message = "`mapping` or `schedule`."
  }
}

variable "queue_landings" {
  description = "Landings of the events queue at once, and lanes of each topic's raw log: more of them make more raw objects."
  type        = number
  default     = 2

  validation {
    # Two are the fewest that Lambda offers, 16 the most lanes that raw-landing has.
    condition     = var.queue_landings >= 2 && var.queue_landings <= 16
    error_message = "2 to 16."
  }
}

# Network and Kafka ---------------------------------------------------------------------------------

variable "network" {
  description = "An existing VPC for the relay and Kafka; null creates one without a route to the internet where a source uses Kafka, and none otherwise."
  type = object({
    subnet_ids                = list(string)
    client_security_group_ids = list(string)
    broker_security_group_ids = list(string)
  })
  default = null
}

variable "processing_network" {
  description = "An existing VPC without a way to the internet for the functions that read records: transform, merge and report. It needs endpoints of S3 (gateway), Glue, Secrets Manager and SNS. Null runs them outside of any VPC, with open egress."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null

  validation {
    condition = var.processing_network == null ? true : (
      length(var.processing_network.subnet_ids) > 0 && length(var.processing_network.security_group_ids) > 0
    )
    error_message = "A network has a subnet and a security group."
  }
}

variable "vpc_cidr" {
  description = "Addresses of the created VPC."
  type        = string
  default     = "10.64.0.0/20"
}

variable "vpc_zones" {
  description = "Availability zones of the created VPC: 2 or 3."
  type        = number
  default     = 3
}

variable "msk" {
  description = "`serverless`, `provisioned`, or `existing` with `kafka_bootstrap`."
  type        = string
  default     = "serverless"

  validation {
    condition     = contains(["serverless", "provisioned", "existing"], var.msk)
    error_message = "`serverless`, `provisioned` or `existing`."
  }

  validation {
    condition     = var.msk != "existing" || var.kafka_bootstrap != null
    error_message = "An existing Kafka needs `kafka_bootstrap`."
  }
}

variable "kafka_cluster_arn" {
  description = "The existing MSK cluster; null for Kafka that is not MSK."
  type        = string
  default     = null
}

variable "kafka_bootstrap" {
  description = "Brokers of the existing Kafka, `host:port,host:port`."
  type        = string
  default     = null
}

variable "kafka_auth" {
  description = "`msk-iam`, or `none` within a trusted network."
  type        = string
  default     = "msk-iam"

  validation {
    condition     = contains(["msk-iam", "none"], var.kafka_auth)
    error_message = "`msk-iam` or `none`."
  }

  validation {
    condition     = var.kafka_auth == "msk-iam" || var.msk == "existing"
    error_message = "Clusters that this Terraform creates accept IAM only."
  }
}

variable "kafka_version" {
  description = "Version of a provisioned MSK."
  type        = string
  default     = "3.8.x"
}

variable "kafka_instance_type" {
  description = "Instance type of a provisioned MSK. kafka.t3.small accepts 4 new connections a second: too few for many sandboxes."
  type        = string
  default     = "kafka.m7g.large"
}

variable "kafka_volume_gb" {
  description = "Disk of each broker of a provisioned MSK, in GB."
  type        = number
  default     = 100
}

variable "kafka_pollers" {
  description = "`provisioned` (paid by the hour; retry limits, the failures bucket) or `on-demand` (nothing to pay; an invocation fails as a whole)."
  type        = string
  default     = "provisioned"

  validation {
    condition     = contains(["on-demand", "provisioned"], var.kafka_pollers)
    error_message = "`provisioned` or `on-demand`."
  }
}

variable "kafka_mappings" {
  description = "Whether Lambda reads Kafka; false only for emulators that do not support it."
  type        = bool
  default     = true
}
