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
}
