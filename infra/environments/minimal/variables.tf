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

variable "watching" {
  description = "`small`: sums, and the alarms without which a loss would go unseen; `full`: every source and table, a dashboard, traces."
  type        = string
  default     = "small"
}

variable "keys" {
  description = "`zones`, `one` or `aws`: keys that encrypt. A stack with data names its former choice in `former_keys`."
  type        = string
  default     = "one"
}

variable "former_keys" {
  description = "The stack's former `keys`, as long as anything is stored under them."
  type        = string
  default     = null
}

variable "http" {
  description = "`api`, or `function-url` for signed requests without API Gateway."
  type        = string
  default     = "api"
}

variable "queue_landing" {
  description = "What starts the landings of the events queue: `schedule` or `mapping`."
  type        = string
  default     = "schedule"
}

variable "landing_window" {
  description = "Seconds between two landings, or in which Lambda gathers a batch."
  type        = number
  default     = 300
}

variable "log_retention_days" {
  description = "Days for which log lines are retained: a trial keeps them for a month."
  type        = number
  default     = 30
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

variable "smoke_subject" {
  description = "Subject of the GitHub tokens that take the smoke test's role: `repo:OWNER/NAME:environment:smoke`. Null for none."
  type        = string
  default     = null
}

variable "smoke_principals" {
  description = "Principals that may take the smoke test's role besides."
  type        = list(string)
  default     = []
}
