# The smallest useful stack: the events queue, five functions, their schedules, one key, the alarms that a loss needs. No
# Kafka and no VPC unless a source asks for them, no CloudFront, no fan-out, no grants beyond the account's administrators.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  # State holds settings and names, no records. For more than a trial, store it in a bucket:
  # backend "s3" { bucket = "…", key = "polelake/minimal", use_lockfile = true }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project     = "polelake"
      Environment = var.name
    }
  }
}

module "polelake" {
  source = "../.."

  name         = var.name
  packages     = var.packages
  architecture = var.architecture
  contracts    = var.contracts

  transport         = var.transport
  draining          = var.draining
  msk               = var.msk
  kafka_cluster_arn = var.kafka_cluster_arn
  kafka_bootstrap   = var.kafka_bootstrap
  kafka_auth        = var.kafka_auth
  kafka_pollers     = var.kafka_pollers
  kafka_mappings    = var.kafka_mappings
  network           = var.network
  vpc_zones         = 2

  watching       = var.watching
  keys           = var.keys
  former_keys    = var.former_keys
  http           = var.http
  queue_landing  = var.queue_landing
  landing_window = var.landing_window

  smoke_subject    = var.smoke_subject
  smoke_principals = var.smoke_principals

  athena         = var.athena
  alert_emails   = var.alert_emails
  monthly_budget = var.monthly_budget
  emulated       = var.emulated
  # A destroy deletes the data of a trial.
  log_retention_days = var.log_retention_days
  force_destroy      = true

  # docs/runbook.md and docs/deploy.md name these.
  schedules_enabled          = var.schedules_enabled
  landing_enabled            = var.landing_enabled
  topic_epoch                = var.topic_epoch
  queue_landings             = var.queue_landings
  queue_sources              = var.queue_sources
  relay_concurrency          = var.relay_concurrency
  transform_concurrency      = var.transform_concurrency
  fan_out                    = var.fan_out
  merge_memory               = var.merge_memory
  merge_storage              = var.merge_storage
  report_memory              = var.report_memory
  http_authoriser            = var.http_authoriser
  http_rate                  = var.http_rate
  http_burst                 = var.http_burst
  jwt_issuer                 = var.jwt_issuer
  jwt_audience               = var.jwt_audience
  maximum_pollers            = var.maximum_pollers
  kafka_volume_gb            = var.kafka_volume_gb
  keep                       = var.keep
  raw_archive_days           = var.raw_archive_days
  refined_archive_days       = var.refined_archive_days
  raw_retention_days         = var.raw_retention_days
  refined_retention_days     = var.refined_retention_days
  quarantine_retention_days  = var.quarantine_retention_days
  quarantine_alarm           = var.quarantine_alarm
  behind_alarm               = var.behind_alarm
  lag_alarm                  = var.lag_alarm
  access                     = var.access
  principals                 = var.principals
  lake_formation_admins      = var.lake_formation_admins
  lake_formation_read_admins = var.lake_formation_read_admins
  lake_formation_databases   = var.lake_formation_databases

  erasure_principals    = var.erasure_principals
  late_alarm            = var.late_alarm
  cost_tag              = var.cost_tag
  erasure_second_factor = var.erasure_second_factor
}
