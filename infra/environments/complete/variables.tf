variable "region" {
  description = "Region."
  type        = string
  default     = "eu-west-2"
}

variable "name" {
  description = "What all names begin with."
  type        = string
  default     = "polelake"
}

variable "cost_centre" {
  description = "Who pays."
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

variable "network" {
  description = "A VPC that is there, where states are fetched from outside; null makes one without a way out."
  type = object({
    subnet_ids                = list(string)
    client_security_group_ids = list(string)
    broker_security_group_ids = list(string)
  })
  default = null
}

variable "consumer_groups" {
  description = "Topic to consumer group whose offsets are taken over."
  type        = map(string)
  default     = {}
}

variable "jwt_issuer" {
  description = "Who issues tokens."
  type        = string
}

variable "jwt_audience" {
  description = "Whom tokens are for."
  type        = list(string)
}

variable "queue_sources" {
  description = "Source to the SNS topics that it publishes to."
  type        = map(object({ topic_arns = list(string), fifo = optional(bool, false) }))
  default     = {}
}

variable "access" {
  description = "`iam` at first, `lake_formation` once the first day has made the tables."
  type        = string
  default     = "iam"
}

variable "principals" {
  description = "Role of the contracts to ARNs of IAM roles."
  type        = map(list(string))
  default     = {}
}

variable "lake_formation_admins" {
  description = "Administrators of Lake Formation."
  type        = list(string)
  default     = []
}

variable "erasure_principals" {
  description = "Who may take the role that erases."
  type        = list(string)
  default     = []
}

variable "site_domain" {
  description = "Name of the site."
  type        = string
  default     = null
}

variable "site_certificate_arn" {
  description = "Its certificate, in us-east-1."
  type        = string
  default     = null
}

variable "site_web_acl_arn" {
  description = "Who may see it."
  type        = string
  default     = null
}

variable "alert_emails" {
  description = "Addresses that are told of alarms."
  type        = set(string)
  default     = []
}

variable "freshness_hours" {
  description = "Topic to the hours within which something must land."
  type        = map(number)
  default     = {}
}

variable "monthly_budget" {
  description = "US dollars a month."
  type        = number
  default     = 1200
}
