# Everything: Kafka with brokers of a fixed size, queues of teams that publish to SNS, bearer tokens, fan-out, a site, grants by
# column, erasure, alarms for the operator on duty, a budget.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project     = "polelake"
      Environment = var.name
      CostCentre  = var.cost_centre
    }
  }
}

module "polelake" {
  source = "../.."

  name      = var.name
  packages  = var.packages
  contracts = var.contracts

  transport       = var.transport
  draining        = var.draining
  msk             = var.msk
  vpc_zones       = 3
  network         = var.network
  consumer_groups = var.consumer_groups

  processing_network = var.processing_network

  queue_landing  = var.queue_landing
  landing_window = var.landing_window

  watching           = var.watching
  keys               = var.keys
  former_keys        = var.former_keys
  log_retention_days = var.log_retention_days

  http            = var.http
  http_authoriser = var.http_authoriser
  jwt_issuer      = var.jwt_issuer
  jwt_audience    = var.jwt_audience
  queue_sources   = var.queue_sources

  fan_out          = var.fan_out
  merge_memory     = var.merge_memory
  merge_storage    = var.merge_storage
  raw_archive_days = var.raw_archive_days

  access                = var.access
  principals            = var.principals
  lake_formation_admins = var.lake_formation_admins

  lake_formation_databases   = var.lake_formation_databases
  lake_formation_read_admins = var.lake_formation_read_admins

  erasure_principals = var.erasure_principals

  smoke_subject    = var.smoke_subject
  smoke_principals = var.smoke_principals

  cloudfront           = true
  site_domain          = var.site_domain
  site_certificate_arn = var.site_certificate_arn
  site_web_acl_arn     = var.site_web_acl_arn

  alert_emails    = var.alert_emails
  freshness_hours = var.freshness_hours
  # Alarms of tables are part of full watching.
  watched_tables = var.watching == "full" ? ["person", "location"] : []
  monthly_budget = var.monthly_budget

  # docs/runbook.md and docs/deploy.md name these.
  schedules_enabled         = var.schedules_enabled
  landing_enabled           = var.landing_enabled
  topic_epoch               = var.topic_epoch
  queue_landings            = var.queue_landings
  relay_concurrency         = var.relay_concurrency
  transform_concurrency     = var.transform_concurrency
  report_memory             = var.report_memory
  http_rate                 = var.http_rate
  http_burst                = var.http_burst
  kafka_cluster_arn         = var.kafka_cluster_arn
  kafka_bootstrap           = var.kafka_bootstrap
  kafka_auth                = var.kafka_auth
  kafka_pollers             = var.kafka_pollers
  maximum_pollers           = var.maximum_pollers
  kafka_volume_gb           = var.kafka_volume_gb
  architecture              = var.architecture
  athena                    = var.athena
  keep                      = var.keep
  refined_archive_days      = var.refined_archive_days
  raw_retention_days        = var.raw_retention_days
  refined_retention_days    = var.refined_retention_days
  quarantine_retention_days = var.quarantine_retention_days
  quarantine_alarm          = var.quarantine_alarm
  behind_alarm              = var.behind_alarm
  lag_alarm                 = var.lag_alarm
  late_alarm                = var.late_alarm
  cost_tag                  = var.cost_tag
  erasure_second_factor     = var.erasure_second_factor
}
