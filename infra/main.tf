# What all parts share: account, region, names, and what the contracts declare.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.name

  # `arn:aws:<service>:<region>:<account>`.
  arn = {
    for service in ["athena", "glue", "secretsmanager", "sqs"] :
    service => "arn:${local.partition}:${service}:${local.region}:${local.account}"
  }

  # Names of buckets are global: account and region make them unique.
  buckets = {
    for zone in ["raw", "refined", "curated", "site", "failures", "results"] :
    zone => "${var.name}-${zone}-${local.account}-${local.region}"
  }
  bucket_arns = { for zone, name in local.buckets : zone => "arn:${local.partition}:s3:::${name}" }

  # Databases are called `<this>_<zone>_<department>`, as snapshot-merge expects.
  databases = replace(var.name, "-", "_")

  functions = ["event-relay", "raw-landing", "pole-transform", "snapshot-merge", "quality-report"]

  # Settings that all functions share.
  common = {
    architecture       = var.architecture
    log_retention_days = coalesce(var.log_retention_days, local.small ? 30 : 365)
    emulated           = var.emulated
    log_level          = var.log_level
    kms_key_arn        = local.key_arn.operations
    alert_topic_arn    = module.observability.alert_topic_arn
    watching           = var.watching
    # What the functions read; an empty setting is left out, and means full.
    watching_setting = local.small ? "small" : ""
  }
  small = var.watching == "small"

  # Keys may be used through S3 or SQS only, never on bytes that a caller sends.
  through_s3  = { StringEquals = { "kms:ViaService" = "s3.${local.region}.amazonaws.com" } }
  through_sqs = { StringEquals = { "kms:ViaService" = "sqs.${local.region}.amazonaws.com" } }
}

# The contracts: a folder of YAML, or the pack that `polelake contract pack` makes of it.
locals {
  pack = endswith(var.contracts, ".json") ? file(var.contracts) : jsonencode([
    for path in fileset(var.contracts, "**/*.odcs.yaml") :
    { path = path, value = yamldecode(file("${var.contracts}/${path}")) }
  ])
  files   = [for file in jsondecode(local.pack) : file if endswith(file.path, ".odcs.yaml")]
  sources = { for file in local.files : file.value.id => file.value if startswith(file.path, "sources/") }
  tables  = { for file in local.files : file.value.name => file.value if startswith(file.path, "pole/") }

  extensions = {
    for id, contract in local.sources :
    id => one([for custom in contract.customProperties : custom.value if custom.property == "polelake"])
  }
  # Source to the callers whose signed requests it takes, as the relay compares them: letter by letter.
  callers = { for id, extension in local.extensions : id => try(extension.push.principals, []) }
  # One role without a path, one user, or the account itself; a pattern is none of them.
  caller_arn = "^arn:aws[a-z-]*:(iam::[0-9]{12}:(root|role/[A-Za-z0-9_+=,.@-]+|user/[A-Za-z0-9_+=,.@/-]+)|sts::[0-9]{12}:federated-user/[A-Za-z0-9_+=,.@-]+)$"
  # Topic to source.
  topics = { for id, extension in local.extensions : extension.topic => id }
  # Source to transport: the contract's own, or the deployment's.
  transports = {
    for id, extension in local.extensions :
    id => try(extension.transport, null) == null ? var.transport : extension.transport
  }
  # Topics that Kafka has. The former transport of a source that is draining is still read.
  kafka_topics = {
    for topic, id in local.topics : topic => id if local.transports[id] == "kafka" || contains(var.draining, id)
  }
  # Topics whose records the events queue brings, in the same way.
  queue_topics = {
    for topic, id in local.topics : topic => id if local.transports[id] == "queue" || contains(var.draining, id)
  }
  uses_kafka = length(local.kafka_topics) > 0
  uses_queue = length(local.queue_topics) > 0
  # Secrets that the relay sends to the APIs from which it fetches states, each a secret of its source: a contract that
  # names another one gives the relay no right to read it.
  declared_secrets = {
    for id, extension in local.extensions :
    id => extension.fetch.secret if try(extension.fetch.secret, null) != null
  }
  secrets = [
    for id, secret in local.declared_secrets :
    secret if can(regex("^polelake/${id}/[A-Za-z0-9_+=.@-]+$", secret))
  ]

  department = {
    for domain in distinct([for contract in concat(values(local.sources), values(local.tables)) : contract.domain]) :
    domain => replace(lower(domain), "/[^a-z0-9]/", "_")
  }
  catalogue = merge(
    { for contract in values(local.sources) :
    "${local.databases}_raw_${local.department[contract.domain]}" => "Records of ${contract.domain} as they were sent"... },
    { for contract in values(local.tables) :
    "${local.databases}_refined_${local.department[contract.domain]}" => "Increments of ${contract.domain}"... },
    { for contract in values(local.tables) :
    "${local.databases}_curated_${local.department[contract.domain]}" => "Snapshots of ${contract.domain}"... },
    { "${local.databases}_curated_quality" = ["Metrics and verdicts of every day"] },
  )

  # Tables that only say what belongs together: without names they still give people away, by whom they stand with.
  tying_tables = [
    for name, contract in local.tables : name if anytrue([
      for custom in try(contract.customProperties, []) : custom.property == "polelake" && try(custom.value.family, "") == "link"
    ])
  ]

  # Who may read what: `roles` of the tables' contracts. A role gets personal columns, and tables of links, only where the
  # contract says so. With the personal columns go the ids of other rows, which tie a row to a person.
  grants = [for grant in local.asked_grants : grant if grant.personal || !contains(local.tying_tables, grant.table)]
  asked_grants = flatten([
    for name, contract in local.tables : [
      for role in try(contract.roles, []) : {
        role     = role.role
        database = "${local.databases}_curated_${local.department[contract.domain]}"
        table    = name
        personal = anytrue([
          for custom in try(role.customProperties, []) : custom.property == "personal" && tobool(custom.value)
        ])
        withheld_columns = sort([
          for column in contract.schema[0].properties : column.name
          if try(column.classification, "") == "personal" || (endswith(column.name, "_id") && column.name != "pole_id")
        ])
      } if try(role.access, "read") == "read"
    ]
  ])
}
