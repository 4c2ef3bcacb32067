variable "region" {
  description = "Region."
  type        = string
  default     = "eu-west-2"
}

variable "name" {
  description = "Prefix of all names."
  type        = string
  default     = "polelake"
}

variable "packages" {
  description = "Folder of the functions' zips."
  type        = string
}

variable "architecture" {
  description = "`arm64` or `x86_64`."
  type        = string
  default     = "arm64"
}

variable "contracts" {
  description = "Folder of the contracts, or their pack."
  type        = string
  default     = "../../../contracts"
}

variable "transport" {
  description = "Transport of the sources whose contracts name none: `queue` or `kafka`."
  type        = string
  default     = "queue"
}

variable "draining" {
  description = "Sources that have changed their transport, until the former one is empty."
  type        = set(string)
  default     = []
}

variable "msk" {
  description = "`serverless`, `provisioned` or `existing`."
  type        = string
  default     = "serverless"
}

variable "kafka_cluster_arn" {
  description = "The existing MSK cluster."
  type        = string
  default     = null
}

variable "kafka_bootstrap" {
  description = "Brokers of the existing Kafka."
  type        = string
  default     = null
}

variable "kafka_auth" {
  description = "`msk-iam` or `none`."
  type        = string
  default     = "msk-iam"
}

variable "kafka_pollers" {
  description = "`provisioned` or `on-demand`."
  type        = string
  default     = "provisioned"
}

variable "kafka_mappings" {
  description = "False only for emulators that do not support Kafka's event source."
  type        = bool
  default     = true
}

variable "network" {
  description = "An existing VPC for the relay and Kafka; null creates one only where a source uses Kafka."
  type = object({
    subnet_ids                = list(string)
    client_security_group_ids = list(string)
    broker_security_group_ids = list(string)
  })
  default = null
}

variable "athena" {
  description = "Whether Athena's workgroups are created."
  type        = bool
  default     = true
}

variable "alert_emails" {
  description = "Mail addresses that receive alarms."
  type        = set(string)
  default     = []
}

variable "monthly_budget" {
  description = "US dollars a month; null for no budget."
  type        = number
  default     = null
}

variable "emulated" {
  description = "Whether an emulator such as moto replaces AWS."
  type        = bool
  default     = false
}
