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

variable "cost_centre" {
  description = "Cost centre that pays."
  type        = string
  default     = "data-platform"
}

variable "packages" {
  description = "Folder of the functions' zips."
  type        = string
}

variable "contracts" {
  description = "Folder of the contracts, or their pack."
  type        = string
  default     = "../../../contracts"
}

variable "draining" {
  description = "Sources that have changed their transport, until the former one is empty."
  type        = set(string)
  default     = []
}

variable "network" {
  description = "An existing VPC, needed where the relay fetches states from outside; null creates one without a route to the internet."
  type = object({
    subnet_ids                = list(string)
    client_security_group_ids = list(string)
    broker_security_group_ids = list(string)
  })
  default = null
}

variable "processing_network" {
  description = "An existing VPC without a way to the internet for transform, merge and report; null runs them outside of any VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "consumer_groups" {
  description = "Topic to consumer group whose offsets are taken over."
  type        = map(string)
  default     = {}
}

variable "watching" {
  description = "`small`: sums, and the alarms without which a loss would go unseen; `full`: every source and table, a dashboard, traces."
  type        = string
  default     = "full"
}

variable "keys" {
  description = "`zones`, `one` or `aws`: keys that encrypt. A stack with data names its former choice in `former_keys`."
  type        = string
  default     = "zones"
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
  default     = "mapping"
}

variable "log_retention_days" {
  description = "Days for which log lines are retained; null for a year, and a month with small watching."
  type        = number
  default     = null
}

variable "http_authoriser" {
  description = "`jwt` (bearer tokens), or `iam` (signed requests), which a function URL needs."
  type        = string
  default     = "jwt"
}

variable "jwt_issuer" {
  description = "Issuer of tokens, an https address; needed with `jwt`."
  type        = string
  default     = null
}

variable "jwt_audience" {
  description = "Audience of tokens; needed with `jwt`."
  type        = list(string)
  default     = []
}

variable "queue_sources" {
  description = "Source to the SNS topics that it publishes to."
  type        = map(object({ topic_arns = list(string), fifo = optional(bool, false) }))
  default     = {}
}

variable "access" {
  description = "`iam` at first, `lake_formation` once the first day has created the tables."
  type        = string
  default     = "iam"
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

variable "erasure_principals" {
  description = "Principals that may assume the role that erases."
  type        = list(string)
  default     = []
}

variable "site_domain" {
  description = "Domain name of the site."
  type        = string
  default     = null
}

variable "site_certificate_arn" {
  description = "Certificate of the site, in us-east-1."
  type        = string
  default     = null
}

variable "site_web_acl_arn" {
  description = "WAF web ACL that says who may see the site."
  type        = string
  default     = null
}

variable "alert_emails" {
  description = "Mail addresses that receive alarms."
  type        = set(string)
  default     = []
}

variable "freshness_hours" {
  description = "Topic to the hours within which records must land."
  type        = map(number)
  default     = {}
}

variable "monthly_budget" {
  description = "US dollars a month: above what docs/cost.md expects of three brokers and a poller unit for each topic."
  type        = number
  default     = 1800
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
