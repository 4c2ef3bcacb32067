output "endpoint" {
  description = "Address of the HTTP API, or of the function URL in its place."
  value       = local.endpoint
}

output "http_execution_arn" {
  description = "What callers' policies name: `<this>/$default/POST/v1/<source>/events`; null with a function URL."
  value       = one(module.http_api[*].execution_arn)
}

output "caller_policies" {
  description = "Source to the policy that a role of this account needs to push to it with signed requests; the contract's `push` must admit the role too."
  value = {
    for source, statements in local.caller_statements :
    source => jsonencode({ Version = "2012-10-17", Statement = jsondecode(statements) })
  }

  precondition {
    # The relay would not start with such a contract: the plan says so first.
    condition = alltrue([for arn in flatten(values(local.callers)) : can(regex(local.caller_arn, arn))])
    error_message = "A contract's `push.principals` are ARNs of roles or users in full, without `*`: ${join(", ", [
      for arn in flatten(values(local.callers)) : arn if !can(regex(local.caller_arn, arn))
    ])}."
  }
}

output "site" {
  description = "Address of the catalogue's pages; null without CloudFront."
  value       = local.site_url == "" ? null : local.site_url
}

output "buckets" {
  description = "Zone to bucket."
  value = {
    raw      = module.raw_bucket.name
    refined  = module.refined_bucket.name
    curated  = module.curated_bucket.name
    site     = module.site_bucket.name
    failures = module.failures_bucket.name
    results  = module.results_bucket.name
  }
}

output "bucket_policies" {
  description = "Zone to the bucket's policy."
  value = {
    raw      = module.raw_bucket.policy
    refined  = module.refined_bucket.policy
    curated  = module.curated_bucket.policy
    site     = module.site_bucket.policy
    failures = module.failures_bucket.policy
    results  = module.results_bucket.policy
  }
}

output "databases" {
  description = "Databases of the catalogue."
  value       = module.catalogue.databases
}

output "workgroups" {
  description = "Athena's workgroups."
  value       = module.catalogue.workgroups
}

output "grants" {
  description = "What the contracts grant."
  value       = local.grants
}

output "readers" {
  description = "Role of the contracts to its policy, with `access` other than `none`."
  value       = module.catalogue.readers
}

output "columns" {
  description = "Columns that are withheld, by table and principal, with `access = \"lake_formation\"`."
  value       = module.catalogue.columns
}

output "lake_formation_databases" {
  description = "Databases that Lake Formation governs: `infra/revoke-iam-allowed` takes them."
  value       = module.catalogue.governed
}

output "functions" {
  description = "Function to its deployed name."
  value = {
    event-relay    = module.event_relay.name
    raw-landing    = module.raw_landing.name
    pole-transform = module.pole_transform.name
    snapshot-merge = module.snapshot_merge.name
    quality-report = module.quality_report.name
  }
}

output "function_environments" {
  description = "Function to its settings, as deployed."
  value = {
    event-relay    = module.event_relay.environment
    raw-landing    = module.raw_landing.environment
    pole-transform = module.pole_transform.environment
    snapshot-merge = module.snapshot_merge.environment
    quality-report = module.quality_report.environment
  }
}

output "function_policies" {
  description = "Function to the policy of its role."
  value = {
    event-relay    = module.event_relay.policy
    raw-landing    = module.raw_landing.policy
    pole-transform = module.pole_transform.policy
    snapshot-merge = module.snapshot_merge.policy
    quality-report = module.quality_report.policy
  }
}

output "function_timeouts" {
  description = "Function to the seconds of an invocation."
  value = {
    event-relay    = module.event_relay.timeout
    raw-landing    = module.raw_landing.timeout
    pole-transform = module.pole_transform.timeout
    snapshot-merge = module.snapshot_merge.timeout
    quality-report = module.quality_report.timeout
  }
}

output "function_memories" {
  description = "Function to its MB of memory."
  value = {
    event-relay    = module.event_relay.memory
    raw-landing    = module.raw_landing.memory
    pole-transform = module.pole_transform.memory
    snapshot-merge = module.snapshot_merge.memory
    quality-report = module.quality_report.memory
  }
}

output "schedules" {
  description = "Schedule to its payload."
  value = {
    for schedule in concat(
      [module.merge_schedule, module.report_schedule, module.sweep_schedule],
      module.missing_messages_schedule,
      module.empty_queue_schedule,
    ) : schedule.name => schedule.input
  }
}

output "dashboard" {
  description = "Name of the dashboard; null with small watching."
  value       = module.observability.dashboard
}

output "bucket_encryption" {
  description = "Zone to how its objects are encrypted: `aws:kms` or `AES256`."
  value = {
    raw      = module.raw_bucket.encryption
    refined  = module.refined_bucket.encryption
    curated  = module.curated_bucket.encryption
    site     = module.site_bucket.encryption
    failures = module.failures_bucket.encryption
    results  = module.results_bucket.encryption
  }
}

output "kms_keys" {
  description = "Keys of this stack; empty with AWS's own encryption."
  value       = sort(keys(aws_kms_key.this))
}

output "alert_topic_arn" {
  description = "Topic of alerts."
  value       = module.observability.alert_topic_arn
}

output "alarms" {
  description = "Names of all alarms."
  value = sort(concat(
    module.event_relay.alarms,
    module.raw_landing.alarms,
    module.pole_transform.alarms,
    module.snapshot_merge.alarms,
    module.quality_report.alarms,
    flatten(module.http_api[*].alarms),
    flatten(module.function_url[*].alarms),
    module.transform_queue.alarms,
    flatten([for queue in module.relay_queue : queue.alarms]),
    flatten(module.events_queue[*].alarms),
    flatten(module.kafka_source[*].alarms),
    flatten(module.state_machine[*].alarms),
    module.observability.alarms,
    aws_cloudwatch_metric_alarm.failed_invocations[*].alarm_name,
  ))
}

output "transports" {
  description = "Source to its transport: `queue` or `kafka`."
  value       = local.transports
}

output "events_queue_url" {
  description = "URL of the events queue; null where no source uses it."
  value       = one(module.events_queue[*].url)
}

output "kafka_bootstrap" {
  description = "Brokers; null where no source uses Kafka."
  value       = local.kafka.bootstrap
}

output "consumer_groups" {
  description = "Topic to consumer group."
  value       = local.groups
}

output "erasure_role_arn" {
  description = "Role that erases; null where `erasure_principals` is empty."
  value       = one(aws_iam_role.erasure[*].arn)
}

output "smoke_role_arn" {
  description = "Role of the smoke test; null where no principal may take it."
  value       = one(aws_iam_role.smoke[*].arn)
}

output "smoke_policies" {
  description = "Who may take the smoke test's role, and what it may; null where no principal may take it."
  value = one([for place, role in aws_iam_role.smoke : {
    trust  = role.assume_role_policy
    rights = aws_iam_role_policy.smoke[place].policy
  }])
}

output "topics" {
  description = "Topics of Kafka that the contracts name; each must exist, with LogAppendTime."
  value       = sort(keys(local.kafka_topics))
}
