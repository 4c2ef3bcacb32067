# Variables of the platform. Those of transports (the events queue, Kafka, the network) are in variables-transports.tf,
# those of operations (alarms, logs, cost) in variables-operations.tf.

variable "name" {
  description = "Prefix of all names."
  type        = string
  default     = "polelake"

  validation {
    # Glue, S3, IAM and Lambda together allow these names.
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}[a-z0-9]$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 3 to 22 characters."
  }
}

variable "packages" {
  description = "Folder of the functions' zips, `<function>.zip`, as `infra/package` makes them."
  type        = string
}

variable "architecture" {
  description = "`arm64` or `x86_64`, as the packages were built."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "`arm64` or `x86_64`."
  }
}

variable "contracts" {
  description = "Contracts as Terraform reads them: their folder, or the pack that `polelake contract pack` makes."
  type        = string
}

variable "contracts_deployed" {
  description = "Path of the pack within the functions' packages."
  type        = string
  default     = "/var/task/contracts.json"
}

variable "keys" {
  description = "Keys that encrypt: `zones` (one for each zone and one for operations), `one` for everything, or `aws` for AWS's own encryption. Before a change on a stack with data, see `former_keys`."
  type        = string
  default     = "zones"

  validation {
    condition     = contains(["zones", "one", "aws"], var.keys)
    error_message = "`zones`, `one` or `aws`."
  }
}

variable "former_keys" {
  description = "The stack's former `keys`, `zones` or `one`, as long as anything is stored under them: these keys stay. Null without any."
  type        = string
  default     = null

  validation {
    condition     = var.former_keys == null ? true : contains(["zones", "one"], var.former_keys)
    error_message = "`zones` or `one`: AWS's own encryption has no key that could stay."
  }
}

variable "emulated" {
  description = "Whether an emulator such as moto replaces AWS. Leaves out settings that emulators do not keep: a function's key, log settings and change of traces, the allow policies of dead letters, descriptions of firewall rules."
  type        = bool
  default     = false
}

# event-relay ----------------------------------------------------------------------------------------

variable "http" {
  description = "How events arrive over HTTP: `api` (API Gateway), or `function-url`, which costs nothing beside the function: signed requests alone, and `relay_concurrency` is its only throttle."
  type        = string
  default     = "api"

  validation {
    condition     = contains(["api", "function-url"], var.http)
    error_message = "`api` or `function-url`."
  }

  validation {
    condition     = var.http == "api" || var.http_authoriser == "iam"
    error_message = "A function URL knows no bearer tokens: set `http_authoriser = \"iam\"`."
  }

  validation {
    condition     = var.http == "api" || !var.http_custom_domain_only
    error_message = "A function URL has no custom domain: set `http_custom_domain_only = false`."
  }
}

variable "http_authoriser" {
  description = "`iam` (signed requests) or `jwt` (bearer tokens)."
  type        = string
  default     = "iam"
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

variable "http_custom_domain_only" {
  description = "Whether the API's own address is disabled, because a custom domain replaces it."
  type        = bool
  default     = false
}

variable "queue_sources" {
  description = "Source to the SNS topics that it publishes to; FIFO topics need FIFO queues."
  type        = map(object({ topic_arns = list(string), fifo = optional(bool, false) }))
  default     = {}
}

variable "fetch_origins" {
  description = "Source to `https://host`: APIs of another environment instead of the contracts' own."
  type        = map(string)
  default     = {}

  validation {
    # The relay reads the origin by the same rules as a contract's address.
    condition = alltrue([
      for origin in values(var.fetch_origins) : can(regex("^https://[a-z0-9.-]+(:[0-9]+)?/?$", origin))
    ])
    error_message = "Origins are https, a host in small letters and perhaps a port, without user info or path."
  }
}

variable "secret_key_arns" {
  description = "KMS keys of the APIs' secrets, where they are not Secrets Manager's default key."
  type        = list(string)
  default     = []
}

variable "relay_concurrency" {
  description = "Reserved concurrency of event-relay: each sandbox connects to each broker. Behind a function URL it is the only throttle."
  type        = number
  default     = 50

  validation {
    # MSK with IAM: 3,000 connections a broker, shared with all other clients.
    condition     = var.relay_concurrency == -1 || (var.relay_concurrency >= 2 && var.relay_concurrency <= 1000)
    error_message = "2 to 1,000, a third of the connections that a broker accepts; -1 where the account has too little concurrency to reserve."
  }
}

# raw-landing -----------------------------------------------------------------------------------------

variable "topic_epoch" {
  description = "The topics' epoch: raise it when topics are recreated."
  type        = number
  default     = 1

  validation {
    condition     = var.topic_epoch >= 1 && var.topic_epoch <= 99
    error_message = "1 to 99."
  }
}

variable "consumer_groups" {
  description = "Topic to consumer group whose offsets are taken over, such as `connect-<name>` of a Kafka Connect sink."
  type        = map(string)
  default     = {}
}

variable "landing_enabled" {
  description = "Whether the events queue and the topics are read."
  type        = bool
  default     = true
}

variable "landing_window" {
  description = "Seconds for which Lambda gathers a batch, or between scheduled landings (then whole minutes): 20 bring records into the tables soon, 300 make the fewest objects."
  type        = number
  default     = 300

  validation {
    condition     = var.landing_window >= 1 && var.landing_window <= 300
    error_message = "A window has 1 to 300 s."
  }
}

variable "maximum_pollers" {
  description = "Maximum provisioned pollers of a topic; each reads 5 MB/s."
  type        = number
  default     = 4
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

variable "refined_retention_days" {
  description = "Days after which refined rows expire; null keeps them for ever. A day cannot be built again once they are gone, and an audit tells of each as missing (docs/runbook.md)."
  type        = number
  default     = null

  validation {
    # The newest days are built again from them, and Glacier Instant Retrieval is billed for 90 days at least.
    condition     = var.refined_retention_days == null ? true : var.refined_retention_days >= max(90, var.keep.daily)
    error_message = "90 days at least, and all of the days that `keep.daily` retains: they are built again from refined rows."
  }

  validation {
    condition = anytrue([
      var.refined_retention_days == null,
      var.refined_archive_days == null,
      try(var.refined_retention_days >= var.refined_archive_days + 90, false),
    ])
    error_message = "Glacier Instant Retrieval is billed for 90 days: keep refined rows for 90 days behind `refined_archive_days`, or set that to null."
  }
}

variable "raw_retention_days" {
  description = "Days after which raw objects expire; null keeps them for ever. They are the only copy of what was sent: what they held cannot be transformed, repaired or redriven again, and an audit tells of each as missing (docs/runbook.md)."
  type        = number
  default     = null

  validation {
    # Refined rows are made again from raw objects.
    condition     = var.raw_retention_days == null ? true : try(var.raw_retention_days >= var.refined_retention_days, false)
    error_message = "Raw objects are kept for as long as refined rows at least: set `refined_retention_days` too, and no longer than this."
  }

  validation {
    condition = anytrue([
      var.raw_retention_days == null,
      var.raw_archive_days == null,
      try(var.raw_retention_days >= var.raw_archive_days + 90, false),
    ])
    error_message = "Glacier Instant Retrieval is billed for 90 days: keep raw objects for 90 days behind `raw_archive_days`, or set that to null."
  }
}

variable "quarantine_retention_days" {
  description = "Days after which refused records expire; null keeps them for ever. Until then they can be corrected and redriven; afterwards an audit tells of each as missing (docs/runbook.md)."
  type        = number
  default     = null

  validation {
    condition     = var.quarantine_retention_days == null ? true : var.quarantine_retention_days >= 30
    error_message = "30 days at least: refused records wait for a corrected contract."
  }
}

# pole-transform, snapshot-merge, quality-report --------------------------------------------------------

variable "transform_concurrency" {
  description = "Maximum sandboxes of pole-transform."
  type        = number
  default     = 20

  validation {
    condition     = var.transform_concurrency >= 2 && var.transform_concurrency <= 1000
    error_message = "2 to 1,000."
  }
}

variable "merge_memory" {
  description = "MB of snapshot-merge: 512 are enough for any table, more buy a faster core."
  type        = number
  default     = 1769

  validation {
    condition     = var.merge_memory >= 512
    error_message = "512 MB at least."
  }
}

variable "shard_bytes" {
  description = "About how large a file of a table is when the table is cut into another number of shards, in bytes. A table of more than one shard is merged by one function for each of them."
  type        = number
  default     = 268435456

  validation {
    condition     = var.shard_bytes >= 50000 && var.shard_bytes <= 4294967295
    error_message = "A shard has at least 50,000 bytes and less than 4 GiB."
  }
}

variable "merge_storage" {
  description = "MB of its temporary storage: the largest shard's file has 512 MB."
  type        = number
  default     = 1024

  validation {
    condition     = var.merge_storage >= 512 && var.merge_storage <= 10240
    error_message = "512 to 10,240 MB."
  }
}

variable "report_memory" {
  description = "MB of quality-report: it holds a shard's file and 8 million ids."
  type        = number
  default     = 1769

  validation {
    condition     = var.report_memory >= 1024
    error_message = "1,024 MB at least: a shard's file has up to 512 MB."
  }
}

variable "fan_out" {
  description = "Whether Step Functions runs a day over many functions, for days that one function cannot finish in 14 min."
  type        = bool
  default     = false
}

variable "merge_schedule" {
  description = "When snapshot-merge merges the day before, UTC."
  type        = string
  default     = "cron(30 0 * * ? *)"
}

variable "report_schedule" {
  description = "When quality-report reports the day before, UTC: after the merge."
  type        = string
  default     = "cron(0 2 * * ? *)"
}

variable "sweep_schedule" {
  description = "When the sweep deletes days beyond retention, UTC."
  type        = string
  default     = "cron(0 4 ? * SUN *)"
}

variable "schedules_enabled" {
  description = "Whether schedules run: false while days are rebuilt."
  type        = bool
  default     = true
}

variable "keep" {
  description = "Retained days: the newest, and the last of each month and year."
  type        = object({ daily = number, monthly = number, yearly = number })
  default     = { daily = 35, monthly = 13, yearly = 7 }

  validation {
    condition     = var.keep.daily >= 1
    error_message = "At least one day is retained."
  }
}
