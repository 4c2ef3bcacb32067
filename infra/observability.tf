# Alarms, and who receives them.

module "observability" {
  source = "./modules/observability"

  name         = var.name
  watching     = var.watching
  region       = local.region
  account      = local.account
  alert_emails = var.alert_emails
  kms_key_arn  = local.key_arn.operations

  functions          = [for function in local.functions : "${var.name}-${function}"]
  topics             = toset(keys(local.topics))
  kafka_topics       = toset(keys(local.kafka_topics))
  queue_topics       = toset(keys(local.queue_topics))
  sources            = toset(keys(local.sources))
  freshness_hours    = local.freshness_hours
  watched_tables     = var.watched_tables
  late_minutes       = var.late_alarm
  quarantine_an_hour = var.quarantine_alarm
  objects_behind     = var.behind_alarm
  failures_bucket    = local.buckets.failures
  schedule_group     = var.name
  kafka_cluster      = local.msk == "provisioned" ? var.name : null
  kafka_brokers      = local.network == null ? 0 : length(local.network.subnet_ids)
  budget             = var.monthly_budget
  cost_tag           = var.cost_tag
}

locals {
  # Twice the `frequency` of a contract's service level, in hours or days. A source without a `frequency` has no alarm
  # unless `freshness_hours` names it, because quiet sources would raise false alarms.
  promised = {
    for topic, source in local.topics : topic => one([
      for property in try(local.sources[source].slaProperties, []) :
      ceil(2 * property.value * lookup({ h = 1, hour = 1, hours = 1, d = 24, day = 24, days = 24 }, try(property.unit, "h"), 24))
      if property.property == "frequency"
    ])
  }
  freshness_hours = merge(
    { for topic, hours in local.promised : topic => min(hours, 168) if hours != null },
    var.freshness_hours,
  )
}
